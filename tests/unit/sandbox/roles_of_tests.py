"""What children of the tests do: real processes, without any library that takes long to load."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from typing_extensions import override

from quws.sandbox.messages import (
    CheckCircuits,
    CircuitRefused,
    DrawCircuit,
    Go,
    Note,
    RunJob,
    Submitting,
    ToChild,
)
from quws.sandbox.roles import Connection, Role, unexpected


class _Unreadable(list[Path]):
    @override
    def __iter__(self) -> Iterator[Path]:
        raise OSError("no walls today")


class TestedRole(Role):
    """Does as the key of a cancellation says."""

    __test__ = False
    processes = True

    def __init__(self, **options: str) -> None:
        self._options = options
        if options.get("walls"):
            self.files = _Unreadable()

    @override
    def load(self) -> None:
        if self._options.get("load") == "a socket":
            socket.socket().close()
        elif self._options.get("load"):
            raise RuntimeError(self._options["load"])

    @override
    def warm(self) -> None:
        if self._options.get("warm"):
            os.write(self._fd, b"nonsense\n")

    @override
    def serve(self, connection):  # type: ignore[no-untyped-def]
        self._fd = connection.fileno()
        super().serve(connection)

    @override
    def handle(self, request: ToChild, connection: Connection) -> None:
        match request:
            case DrawCircuit(circuit=text):
                # Whatever the text is, as it stands.
                os.write(self._fd, text.encode())
                time.sleep(600)
            case CheckCircuits(circuits=["exit", status]):
                os._exit(int(status))
            case CheckCircuits(circuits=["start"]):
                # In the background, where nobody waits for it.
                started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
                connection.send(Note(sentence=str(started.pid)))
            case CheckCircuits(circuits=["start", "and stay"]):
                started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
                connection.send(Note(sentence=str(started.pid)))
                time.sleep(600)
            case CheckCircuits(circuits=["home"]):
                connection.send(Note(sentence=str(Path.home())))
            case CheckCircuits(circuits=["wait"]):
                connection.send(Submitting(key="k"))
                answer = connection.receive()
                connection.send(Note(sentence="gone" if answer is None else answer.kind))
            case CheckCircuits(circuits=["talk", count]):
                for number in range(int(count)):
                    connection.send(Note(sentence=f"{number}: \ud800 é\n"))
            case CheckCircuits(circuits=circuits):
                connection.send(
                    CircuitRefused(circuit=0, sentence=repr(circuits), line=None, column=None)
                )
            case RunJob() | Go():
                raise unexpected(request)
