"""In a child: what a request has left behind, by which the next one could be harmed.

A child serves one owner only, so this keeps nobody out who has broken in: it keeps the faults of
libraries, which change what belongs to the whole process, from one job to the next.
"""

from __future__ import annotations

import ctypes
import gc
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import thread as executors
from pathlib import Path

from quws.sandbox import confine

_MOST_GROWTH = 64 << 20
"""How much more memory a process may have than it had before its first request."""
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_SIGNALS = tuple(sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}))
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_FILES = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"


class Leftovers:
    """Compares a process with what it was when this was made, before its first request."""

    def __init__(self) -> None:
        self._folder = Path.cwd()
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._filters = list(warnings.filters)
        self._recursion = sys.getrecursionlimit()
        os.umask(umask := os.umask(0o077))
        self._umask = umask
        self._nice = os.getpriority(os.PRIO_PROCESS, 0)
        self._threads = _threads_at_work()
        self._masks, self._memory = _status()
        # Where the masks are known, they tell of all signals but for those heard already.
        self._signals = [
            number for number in _SIGNALS if not self._masks or callable(signal.getsignal(number))
        ]
        self._handlers = self._handling()
        self._files = _open_files()

    def clear(self) -> bool:
        """Undo what can be undone, and say whether nothing else is left."""
        self._restore()
        masks, memory = _status()
        return (
            masks == self._masks
            and self._handling() == self._handlers
            and os.getpriority(os.PRIO_PROCESS, 0) == self._nice
            and confine.cpu_used() < confine.MOST_CPU_SECONDS
            and not _has_children()
            and _threads_at_work() <= self._threads
            and _open_files() == self._files
            and (memory <= self._memory + _MOST_GROWTH or self._shrinks())
        )

    def _restore(self) -> None:
        os.chdir(self._folder)
        os.umask(self._umask)
        for timer in _TIMERS:
            signal.setitimer(timer, 0)
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        if sys.path != self._path:
            sys.path[:] = self._path
        if warnings.filters != self._filters:
            warnings.filters[:] = self._filters  # type: ignore[index]
        sys.setrecursionlimit(self._recursion)
        reseed()

    def _handling(self) -> list[object]:
        return [signal.getsignal(number) for number in self._signals]

    def _shrinks(self) -> bool:
        gc.collect()
        if _LIBC is not None and hasattr(_LIBC, "malloc_trim"):
            _LIBC.malloc_trim(0)
        _, memory = _status()
        return memory <= self._memory + _MOST_GROWTH


def reseed() -> None:
    """Have the random numbers of this process begin anew, where nobody can tell."""
    random.seed()
    if numpy := sys.modules.get("numpy.random"):
        # What it takes by itself where it is given nothing costs ten times as much.
        numpy.seed([random.getrandbits(32) for _ in range(8)])


def _status() -> tuple[list[str], int]:
    """Return what signals do, and how many bytes of memory the process has that are no file's.

    Signals also as libraries handle them that are not written in Python.
    """
    masks: list[str] = []
    memory = 0
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return masks, memory  # There is no such thing on this system.
    for line in status.splitlines():
        if line.startswith(("SigBlk", "SigIgn", "SigCgt")):
            masks.append(line)
        elif line.startswith("RssAnon"):
            memory = int(line.split()[1]) << 10
    return masks, memory


def _open_files() -> set[tuple[int, int, int]]:
    return set(_each_open_file())


def _each_open_file() -> Iterator[tuple[int, int, int]]:
    try:
        numbers = os.listdir(_FILES)  # noqa: PTH208 - after each request; paths take longer
    except OSError:
        return
    for number in map(int, numbers):
        try:
            found = os.fstat(number)
        except OSError:
            continue  # The one by which they were listed.
        yield number, found.st_dev, found.st_ino


def _threads_at_work() -> int:
    """Count the threads of Python but for this one, and for those that wait for somebody's work."""
    return sum(
        frame.f_code is not executors._worker.__code__
        for ident, frame in sys._current_frames().items()
        if ident != threading.get_ident()
    )


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
