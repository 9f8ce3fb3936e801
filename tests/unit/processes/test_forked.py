"""A copy of a process is like a process that a new interpreter runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks")

ORIGINAL = """
import fcntl, json, os, random, signal, sys, threading, time
from pathlib import Path
import uuid_utils
from quws.processes.forked import can_fork, fork, share_memory

def told(main, *arguments):
    environment = {{"QUWS_A": "b", "PATH": os.environ["PATH"]}}
    child = fork(main, arguments, environment, output=out.fileno())
    status = child.wait(20)
    assert (child.poll(), child.returncode) == (status, status)
    child.kill()  # It does no harm to whom the number belongs now.
    return status

def state():
    return dict(
        random=random.random(), uuid=str(uuid_utils.uuid7())[24:], arguments=sys.argv[1:],
        environment=dict(os.environ), input=os.readlink("/proc/self/fd/0"),
        files=[n for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{{n}}")],
        group=os.getpgid(0) == os.getpid(), ours=os.getpid(), parent=os.getppid(),
        handlers=[str(signal.getsignal(s)) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)],
        blocked=len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        line=Path("/proc/self/cmdline").read_bytes().rstrip(b"\\0").decode(),
    )

def main():
    print(json.dumps(state()), flush=True)
    os._exit(7)

out = open("out", "a")
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(sig, lambda *_: None)
uuid_utils.uuid7()
random.random()
assert can_fork()
share_memory()
{work}
"""


def run(folder: Path, work: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", ORIGINAL.format(work=work)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_nothing_of_the_original_goes_on_in_it(tmp_path: Path) -> None:
    original = run(tmp_path, "told(main, 'x', '--y')\ntold(main)\nprint(json.dumps(state()))")
    copies = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    first, second = copies
    assert first["arguments"] == ["x", "--y"]
    assert first["line"] == f"{sys.executable} -P -m quws x --y"
    assert second["arguments"] == []
    for copy in copies:
        assert copy["environment"]["QUWS_A"] == "b"
        assert set(copy["environment"]) <= {"QUWS_A", "PATH"}
        assert copy["input"] == "/dev/null"
        assert copy["group"]
        assert copy["parent"] == original["ours"]
        assert set(copy["files"]) <= {"0", "1", "2"}
        assert copy["blocked"] == 0
        term, interrupt, hangup = copy["handlers"]
        assert (term, hangup) == ("0", "0") or "SIG_DFL" in term + hangup
        assert "default_int_handler" in interrupt
    for what in ("random", "uuid", "ours"):
        assert len({found[what] for found in (original, first, second)}) == 3, what


@pytest.mark.parametrize(
    ("main", "status", "text"),
    [
        ("lambda: os._exit(7)", 7, ""),
        ("lambda: os.kill(os.getpid(), 9)", -9, ""),
        ("lambda: sys.exit('a sentence')", 1, "a sentence\n"),
        ("lambda: 1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        # One that returns must not go on as the original.
        ("lambda: None", 1, ""),
    ],
)
def test_it_ends_as_a_process_does(tmp_path: Path, main: str, status: int, text: str) -> None:
    assert run(tmp_path, f"print(told({main}))") == status
    assert (tmp_path / "out").read_text().endswith(text)


def test_it_hears_a_signal_from_its_first_moment(tmp_path: Path) -> None:
    work = "child = fork(signal.pause, [], {}); child.terminate(); print(child.wait(20))"
    assert run(tmp_path, work) == -15


def test_the_lock_of_the_original_ends_with_it(tmp_path: Path) -> None:
    work = """
child = fork(lambda: time.sleep(20), [], {})
lock.close()
# The copy needs a moment to let go of it.
fcntl.flock(open("lock"), fcntl.LOCK_EX)
print(json.dumps(child.poll() is None))
child.kill()
"""
    assert run(tmp_path, work) is True


def test_who_waits_too_long_is_told(tmp_path: Path) -> None:
    work = """
import subprocess
child = fork(signal.pause, [], {})
try:
    child.wait(0.05)
except subprocess.TimeoutExpired:
    print("true")
child.kill()
"""
    assert run(tmp_path, work) is True


def test_a_process_with_threads_is_not_copied(tmp_path: Path) -> None:
    work = "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    assert run(tmp_path, work + "print(json.dumps(can_fork()), flush=True); os._exit(0)") is False
