"""What ties a process to its parent and what limits it. Linux has all of it, macOS some."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_POLL_SECONDS = 1.0


def die_with_parent(parent: int, sig: int = signal.SIGKILL) -> None:
    """Make this process end when its parent does, however that ends.

    Linux ties it to the *thread* that made this process, so parents make their
    children in their main thread. Elsewhere a thread looks after the parent.

    Parameters
    ----------
    parent
        The process id that the parent should have; ends at once if it is
        somebody else by now.

    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(sig), 0, 0, 0)
    else:
        threading.Thread(target=_watch, args=(parent, sig), daemon=True).start()
    if os.getppid() != parent:
        os.kill(os.getpid(), sig)


def first_to_go() -> None:
    """Ask the kernel to kill this process before others when memory is short."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def limit(*, memory_bytes: int, cpu_seconds: int | None, file_bytes: int) -> None:
    """Limit this process for good.

    Parameters
    ----------
    memory_bytes
        Address space beyond what is taken already.
    cpu_seconds
        Processor time beyond what is used already; None for no limit.
    file_bytes
        The largest file that can be written.

    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, 256)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    if sys.platform == "linux":  # macOS counts shared libraries in a way that no limit fits
        _lower(resource.RLIMIT_AS, _address_space() + memory_bytes)
    if cpu_seconds is not None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _lower(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime) + 1 + cpu_seconds)


def _lower(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, value))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _watch(parent: int, sig: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), sig)
