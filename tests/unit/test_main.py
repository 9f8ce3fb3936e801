"""The command as a process of its own: what it leaves behind when it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import atexit, sys, threading, time
import quws.cli.command as module

def work():
    {work}

def late():
    time.sleep(0.1)
    print("from a thread")

module.app = work
atexit.register(print, "at exit")
print("x" * 100_000)
module.main()
"""


@pytest.mark.parametrize(
    ("work", "status", "last"),
    [
        ("pass", 0, ["at exit"]),
        ("sys.exit()", 0, ["at exit"]),
        ("sys.exit(7)", 7, ["at exit"]),
        ("threading.Thread(target=late).start()", 0, ["from a thread", "at exit"]),
    ],
)
def test_nothing_is_lost_when_it_ends_at_once(work: str, status: int, last: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(work=work)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.splitlines() == ["x" * 100_000, *last]


@pytest.mark.parametrize(
    ("work", "told"),
    [("sys.exit('a sentence')", "a sentence\n"), ("raise ValueError('x')", "ValueError: x\n")],
)
def test_what_went_wrong_is_told(work: str, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(work=work)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.endswith(told)
