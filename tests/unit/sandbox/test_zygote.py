"""The process that children are forked from says why it cannot be used."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from quws import __version__
from quws.sandbox import confine
from quws.sandbox.control import Report, RoleConfig, Unusable, decode_report, encode
from quws.sandbox.messages import ToChild
from quws.sandbox.roles import Connection, Role
from quws.sandbox.zygote import Zygote, _try_walls

ROLE = "quws.runner.run:RunRole"


class IdleRole(Role):
    """Gets ready, and does nothing."""

    @override
    def load(self) -> None: ...

    @override
    def warm(self) -> None: ...

    @override
    def handle(self, request: ToChild, connection: Connection) -> bool:
        return True


def start(version: str, role: RoleConfig) -> Report:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "quws.sandbox.zygote", str(os.getpid()), version, ROLE],
            stdin=theirs.fileno(),
            stderr=subprocess.DEVNULL,
        )
        theirs.close()
        ours.sendall(encode(role))
        ours.settimeout(60)
        answer = decode_report(ours.makefile("rb").readline())
        assert process.wait(60) == 1
    return answer


@pytest.mark.parametrize(
    ("version", "target", "sentence"),
    [
        ("0.0.1", {}, f"has quws {__version__}, and this service is quws 0.0.1; install the same"),
        (__version__, {"name": "t", "adapter": "magic"}, "there is no adapter 'magic'; installed"),
        (
            __version__,
            {"name": "t", "adapter": "qiskit", "options": {"backend": "no.such:Thing"}},
            "'no.such:Thing' cannot be imported",
        ),
    ],
)
def test_what_is_wrong_is_told(version: str, target: dict[str, Any], sentence: str) -> None:
    answer = start(version, RoleConfig(role=ROLE, options={"target": target}))
    assert isinstance(answer, Unusable)
    assert sentence in answer.why


@pytest.mark.parametrize("told", [True, False], ids=["that loads", "that waits for its role"])
def test_one_whose_worker_is_stopped_goes_without_a_word(told: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "quws.sandbox.zygote", str(os.getpid()), __version__],
            stdin=theirs.fileno(),
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
        )
        if told:
            ours.sendall(encode(RoleConfig(role="roles_of_tests:TestedRole")))
    _, log = process.communicate(timeout=60)
    assert log == b""


def test_a_child_whose_worker_is_stopped_goes_without_a_word(
    capfd: pytest.CaptureFixture[str],
) -> None:
    worker, child = socket.socketpair()
    zygote, parent = socket.socketpair()
    worker.close()
    with zygote, parent, child:
        pid = os.fork()
        if pid == 0:
            try:
                fd = os.dup(child.fileno())
                Zygote(zygote, IdleRole(), None)._become_child(fd, os.getppid(), None)
            finally:
                os._exit(2)
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert capfd.readouterr().err == ""


def test_that_a_trial_was_killed_says_nothing_about_walls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    killed = tmp_path / "killed"

    def kill_the_first(*_: object) -> None:
        if not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr("quws.sandbox.zygote._close_in", kill_the_first)
    _try_walls(IdleRole())
    assert killed.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="nobody else adopts orphans")
def test_what_a_child_left_in_a_session_of_its_own_is_killed() -> None:
    zygote, parent = socket.socketpair()
    hear, tell = os.pipe()
    with zygote, parent:
        pid = os.fork()
        if pid == 0:
            try:
                confine.adopt_orphans()
                child = os.fork()
                if child == 0:
                    if os.fork() == 0:
                        os.setsid()
                        os.write(tell, str(os.getpid()).encode())
                        time.sleep(600)
                    os._exit(0)
                os.waitpid(child, 0)
                select.select([hear], [], [], 60)
                Zygote(zygote, IdleRole(), None)._end_all()
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
    left = int(os.read(hear, 20))
    os.close(hear)
    os.close(tell)
    with pytest.raises(ProcessLookupError):
        os.kill(left, 0)
