"""A process is told to stop at any moment, also in the one in which it begins to wait for that."""

from __future__ import annotations

import subprocess
import sys

STORM = """
import signal, time
from quws.processes.stopping import StopSignal

stop = StopSignal([signal.SIGALRM])
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
heard = 0
end = time.monotonic() + 2
while time.monotonic() < end:
    heard += stop.wait(0.00005)
signal.setitimer(signal.ITIMER_REAL, 0)
while stop.wait(0):
    pass
print(heard > 100, stop.wait(0.01))
"""


def test_no_moment_is_wrong_for_a_signal() -> None:
    # A process of its own: where a signal comes at a wrong moment it waits for ever.
    done = subprocess.run(
        [sys.executable, "-c", STORM], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["True", "False"], done.stderr


CHILD = """
import signal, subprocess
from quws.processes.stopping import StopSignal

stop = StopSignal([signal.SIGTERM])
subprocess.Popen(["sleep", "0"])
print(stop.wait(600))
signal.raise_signal(signal.SIGTERM)
print(stop.wait(600))
"""


def test_the_end_of_a_child_wakes_and_does_not_stop() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["False", "True"], done.stderr
