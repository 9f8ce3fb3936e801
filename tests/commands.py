"""Commands of ``quws`` that tests run to their end.

Nearly all are copies of the starter of processes, which has loaded quws: a new interpreter loads
for a second and a half. A test that has a claim about the entry point itself wants a ``fresh`` one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness import Service
from starter import MOST, Started, Starter, starter_of
from typing_extensions import override

LIMIT_SECONDS = 100


def run(
    environment: Mapping[str, str], *arguments: str, given: str = "", fresh: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command, which reads what is given; return how it ended, and what it printed."""
    starter = None if fresh else starter_of(environment)
    if starter is None:
        return subprocess.run(
            [sys.executable, "-m", "quws", *arguments],
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        files = output.fileno(), errors.fileno()
        process = starter.start(arguments, environment, *files, given=given)
        try:
            status = process.wait(LIMIT_SECONDS)
        finally:
            process.kill()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, status, output.read(), errors.read())


def quws(service: Service, *arguments: str, given: str = "") -> str:
    """Run a command on the data of a service, and return what it printed."""
    done = run(service.environment | {"QUWS_DATA": str(service.folder)}, *arguments, given=given)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


# -- for shells ------------------------------------------------------------------


@contextlib.contextmanager
def door(folder: Path) -> Iterator[str]:
    """Return the text of a program that is ``quws`` for a shell, and works within the block."""
    path = folder / "door"
    starter = starter_of(os.environ)
    if starter is None:
        yield f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P -m quws "$@"\n'
        return
    with _Door(starter, str(path), _Visit) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        words = [sys.executable, "-I", "-S", str(Path(__file__).with_name("shim.py")), str(path)]
        try:
            yield f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n'
        finally:
            server.shutdown()
            for process in server.begun:
                process.kill()


class _Door(socketserver.ThreadingUnixStreamServer):
    """Where ``shim.py`` asks for a process in its place."""

    socket_type = socket.SOCK_SEQPACKET  # A request is one message.

    def __init__(self, starter: Starter, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.starter = starter
        self.begun: list[Started] = []


class _Visit(socketserver.BaseRequestHandler):
    """One process, and what the shim is told: its number, then its status."""

    request: socket.socket
    server: _Door

    @override
    def handle(self) -> None:
        asked, files, _, _ = socket.recv_fds(self.request, MOST, 2)
        arguments, environment, given, folder = json.loads(asked)
        process = self.server.starter.start(
            arguments, environment, *files, given=given, folder=Path(folder)
        )
        self.server.begun.append(process)
        for file in files:
            os.close(file)
        self.request.send(str(process.pid).encode())
        self.request.send(str(process.wait()).encode())
