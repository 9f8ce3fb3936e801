"""What children of the tests do: real processes, without any library that takes long to load."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from typing_extensions import override

from quws.sandbox import confine
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
    reusable = True

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
    def handle(  # noqa: PLR0912 - one for each thing that tests ask for
        self, request: ToChild, connection: Connection
    ) -> bool:
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
            case CheckCircuits(circuits=["look"]):
                connection.send(Note(sentence=json.dumps(state())))
            case CheckCircuits(circuits=["leave", *things]):
                for thing in things:
                    LEAVE[thing]() if thing in LEAVE else os.chdir(thing)
                connection.send(Note(sentence="left"))
            case CheckCircuits(circuits=["have", folder, memory, cpu, file]):
                os.chdir(folder)
                confine.limit(memory_bytes=int(memory), cpu_seconds=int(cpu), file_bytes=int(file))
                connection.send(Note(sentence=json.dumps(what_can_be_had())))
            case CheckCircuits(circuits=["fail"]):
                connection.send(Note(sentence="failed"))
                return False
            case CheckCircuits(circuits=["talk", count]):
                for number in range(int(count)):
                    connection.send(Note(sentence=f"{number}: \ud800 é\n"))
            case CheckCircuits(circuits=circuits):
                connection.send(
                    CircuitRefused(circuit=0, sentence=repr(circuits), line=None, column=None)
                )
            case RunJob() | Go():
                raise unexpected(request)
        return True


KEPT: list[object] = []
"""What a library would hold on to."""
SLEEP = "import time; time.sleep(600)"


def an_orphan() -> None:
    """A process whose parent has gone, in a session of its own."""
    if os.fork() == 0:
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", SLEEP])
        os._exit(0)
    os.wait()


LEAVE: dict[str, Callable[[], object]] = {
    # What is undone.
    "a folder": lambda: Path("deep").mkdir(),
    "a variable": lambda: os.environ.update(HOME="/elsewhere", MORE="x"),
    "no variable": lambda: os.environ.pop("PATH"),
    "a mask": lambda: os.umask(0o777),
    "an alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 60),
    "a path": lambda: sys.path.insert(0, "/elsewhere"),
    "a filter": lambda: warnings.simplefilter("error"),
    "a depth": lambda: sys.setrecursionlimit(200),
    "a seed": lambda: random.seed(1),
    "a file": lambda: Path("counts.json").write_text("mine"),
    "memory that is free again": lambda: bytearray(b"x") * (200 << 20),
    # What is not.
    "a thread": lambda: threading.Thread(target=time.sleep, args=(600,), daemon=True).start(),
    "a process": lambda: KEPT.append(subprocess.Popen([sys.executable, "-c", SLEEP])),
    "an orphan": an_orphan,
    "an open file": lambda: KEPT.append(os.open(os.devnull, os.O_RDONLY)),
    "another file in the place of one": lambda: os.dup2(os.open(os.devnull, os.O_RDONLY), 1),
    "memory": lambda: KEPT.append(bytearray(b"x") * (70 << 20)),
    "a handler": lambda: signal.signal(signal.SIGUSR1, lambda *_: None),
    "a signal that is not heard": lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    "a signal that is held back": lambda: signal.pthread_sigmask(
        signal.SIG_BLOCK, [signal.SIGUSR2]
    ),
    "another priority": lambda: os.nice(1),
}


def state() -> dict[str, object]:
    """What belongs to the whole process."""
    os.umask(mask := os.umask(0))
    return {
        "pid": os.getpid(),
        "random": random.random(),
        "folder": str(Path.cwd()),
        "environment": dict(os.environ),
        "mask": mask,
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "path": sys.path,
        "filters": len(warnings.filters),
        "depth": sys.getrecursionlimit(),
    }


def what_can_be_had() -> dict[str, object]:
    found: dict[str, object] = {"pid": os.getpid()}
    soft, _ = resource.getrlimit(resource.RLIMIT_CPU)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found["cpu"] = soft - int(usage.ru_utime + usage.ru_stime)
    try:
        bytearray(100 << 20)
        found["memory"] = True
    except MemoryError:
        found["memory"] = False
    try:
        Path("large").write_bytes(bytes(2000))
        found["file"] = True
    except OSError:
        found["file"] = False
    return found
