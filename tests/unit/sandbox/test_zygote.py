"""The process that children are forked from says why it cannot be used."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import Any

import pytest

from quws import __version__
from quws.sandbox.control import Report, RoleConfig, Unusable, decode_report, encode

ROLE = "quws.runner.run:RunRole"


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
