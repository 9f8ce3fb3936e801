"""Starts processes of ``quws`` quickly: as copies of one that has loaded it once.

Run as a program this file is that process, the starter. It has one thread and does nothing but
start copies of itself, and say when they have ended. `Starter` is its other end, in the tests.
It goes with the process of the tests, and all that it has started goes with it.

It has loaded what the children of services need as well (``newborn.py``): a service that has a
claim about what is in its memory is run by an interpreter.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from quws.sandbox.environment import environment as of_children

MOST = 1 << 17
"""The longest request."""
_LIMIT_SECONDS = 60.0

_LATE = ("QUWS_", "PYTEST_", "OTEL_", "PYTHONPATH", "TMPDIR")
"""How variables begin that a copy reads for itself: nobody has read them while he was loaded."""


def foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that somebody may have read while he was loaded."""
    return {name: value for name, value in environment.items() if not name.startswith(_LATE)}


class CannotFork(Exception):
    """The starter has not started a process; it says why."""


class Started:
    """A process that the starter has started, with the methods of `subprocess.Popen`."""

    def __init__(self, news: int, arguments: Sequence[str]) -> None:
        self.args = arguments
        self.returncode: int | None = None
        self._news = news
        self._reading = threading.Lock()
        line = self._line(_LIMIT_SECONDS)
        if not line:
            os.close(news)
            raise CannotFork("the starter of processes does not start one")
        self.pid = int(line)

    def poll(self) -> int | None:
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        limit = None if timeout is None else time.monotonic() + timeout
        while (status := self._look(0.2 if limit is None else limit - time.monotonic())) is None:
            if limit is not None and time.monotonic() >= limit:
                raise subprocess.TimeoutExpired([*self.args], timeout or 0.0)
        return status

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _look(self, seconds: float) -> int | None:
        with self._reading:
            if self.returncode is None:
                line = self._line(seconds)
                if line is not None:
                    # Without a starter nobody knows how it ended, but it has.
                    self.returncode = int(line) if line else -signal.SIGKILL
                    os.close(self._news)
            return self.returncode

    def _line(self, seconds: float) -> bytes | None:
        """Return what the starter says of the process; None if it says nothing yet."""
        waiting = select.poll()
        waiting.register(self._news, select.POLLIN)
        if not waiting.poll(max(0, int(seconds * 1000))):
            return None
        # One word at a time, of one write each: the second comes when somebody has ended.
        return os.read(self._news, _WORD).strip()


_WORD = 12
"""The length of a word of news: two that came together are told apart."""


class Starter:
    """A starter of this process of tests, which begins when it is needed first.

    Parameters
    ----------
    release
        The folder that quws is imported from; empty for the one that is installed.

    """

    def __init__(self, release: str = "") -> None:
        self._release = release
        self._starting = threading.Lock()
        self._ours: socket.socket | None = None
        self._environment: dict[str, str] = {}
        self._folder = Path()

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether a copy of the starter would be what a new interpreter would be."""
        if sys.platform != "linux":
            return False
        with self._starting:
            if self._ours is None:
                self._begin()
        same = foreign(environment) == foreign(self._environment)
        return same and self._folder == Path.cwd()

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        output: int,
        errors: int | None = None,
        *,
        given: str = "",
        folder: Path | None = None,
    ) -> Started:
        """Start ``python -m quws``, which reads what is given and prints to files.

        Raises
        ------
        CannotFork

        """
        assert self._ours is not None
        read, write = os.pipe()
        place = str(folder or self._folder)
        request = json.dumps([list(arguments), dict(environment), given, place]).encode()
        files = [output, output if errors is None else errors, write]
        try:
            socket.send_fds(self._ours, [request], files)
        except OSError as error:
            os.close(read)
            raise CannotFork(f"the starter of processes is gone: {error}") from None
        finally:
            os.close(write)
        return Started(read, arguments)

    def _begin(self) -> None:
        self._environment = dict(os.environ)
        self._folder = Path.cwd()
        # With one thread, whatever is loaded.
        environment = self._environment | of_children(sys.executable)
        if self._release:
            environment["PYTHONPATH"] = self._release
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # It ends with this process, whose end of the line it sees closed.
        with theirs, tempfile.TemporaryFile() as nothing:
            process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=nothing,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self._process = process
        atexit.register(self.close)

    def close(self) -> None:
        """End it, and all that it has started."""
        if self._ours is not None:
            self._ours.close()
            self._process.wait()


_STARTERS: dict[str, Starter] = {}


def starter_of(environment: Mapping[str, str]) -> Starter | None:
    """Return the starter whose copy is what a new interpreter would be, if there is one."""
    places = environment.get("PYTHONPATH", "").split(os.pathsep)
    release = next((place for place in places if place and (Path(place) / "quws").is_dir()), "")
    starter = _STARTERS.setdefault(release, Starter(release))
    return starter if starter.fits(environment) else None


def let_go(release: Path) -> None:
    """End the starter of a release that nobody needs any more."""
    if starter := _STARTERS.pop(str(release), None):
        starter.close()


# -- the process -----------------------------------------------------------------


def serve(line: socket.socket) -> NoReturn:
    """Start what the tests ask for, and tell them of ends, until they are gone."""
    import newborn

    from quws.cli import serve as parts
    from quws.cli.app import app
    from quws.cli.lazy import load_all
    from quws.processes.forked import Forked, can_fork, fork, share_memory

    parts.load_parts()
    load_all(app)
    newborn.load()
    # The parts of ``quws serve`` are copies of copies.
    parts.main = newborn.main
    share_memory()
    assert can_fork(), "a process with threads cannot start others as copies of itself"
    children: dict[int, tuple[Forked, int]] = {}
    waiting = select.poll()
    waiting.register(line, select.POLLIN)
    while True:
        for ready, _ in waiting.poll():
            if ready != line.fileno():
                waiting.unregister(ready)
                child, news = children.pop(ready)
                _tell(news, child.wait())
                os.close(news)
                os.close(ready)
                continue
            request, files, _, _ = socket.recv_fds(line, MOST, 3)
            if not request:
                for child, _ in children.values():
                    child.kill()
                os._exit(0)
            output, errors, news = files
            arguments, environment, given, folder = json.loads(request)
            main = functools.partial(newborn.main, given, folder)
            with printing_to(output, errors):
                child = fork(main, arguments, environment)
            os.close(output)
            os.close(errors)
            end = os.pidfd_open(child.pid)
            waiting.register(end, select.POLLIN)
            children[end] = (child, news)
            _tell(news, child.pid)


@contextlib.contextmanager
def printing_to(output: int, errors: int) -> Iterator[None]:
    """Let what this process prints, and a copy that it makes, go to other files."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    os.dup2(output, 1)
    os.dup2(errors, 2)
    try:
        yield
    finally:
        for number, file in kept:
            os.dup2(file, number)
            os.close(file)


def _tell(news: int, number: int) -> None:
    # Whoever does not listen any more need not know.
    with contextlib.suppress(BrokenPipeError):
        os.write(news, str(number).encode().rjust(_WORD))


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
