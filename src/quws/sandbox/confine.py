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
from dataclasses import dataclass
from pathlib import Path

from quws.sandbox import landlock, seccomp

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_CAPABILITIES_VERSION, _CAP_DAC_OVERRIDE = 0x20080522, 1 << 1
_POLL_SECONDS = 1.0
_GRACE_SECONDS = 1
_MORE_TASKS = 2000
_OPEN_FILES = 256
_TICKS = os.sysconf("SC_CLK_TCK")
_GROWTH_BYTES = 256 << 20
"""Address space that a process may keep from one request to the next."""
MOST_CPU_SECONDS = 300
"""Processor time after which a process takes no further request."""


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


def limit_tasks() -> None:
    """Limit how many threads and processes this one may add to those that there are.

    The kernel counts those of the user, the service's among them, so the limit leaves room for
    those that others start meanwhile. It does not hold for root.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            there = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
            _cap(resource.RLIMIT_NPROC, there + _MORE_TASKS)


def drop_capabilities() -> None:
    """Give up what root may do beyond others, for good: raise limits, take the machine's time.

    Files of others stay readable and writable where nothing else is in the way: libraries may
    be another user's.

    Raises
    ------
    OSError
        It cannot be given up.

    """
    if _LIBC is None:
        return
    sets = (ctypes.c_uint32 * 6)()  # Effective, permitted, inheritable, and their upper halves.
    head = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    done = _LIBC.capget(head, sets)
    kept = sets[1] & _CAP_DAC_OVERRIDE
    done = done or _LIBC.capset(head, (ctypes.c_uint32 * 6)(kept, kept))
    if done != 0:
        raise OSError(ctypes.get_errno(), "the process cannot give up its capabilities")


def adopt_orphans() -> None:
    """Make what descendants leave behind children of this process rather than of the first one."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> set[int]:
    """List the children of this process's main thread, where the system tells."""
    pid = os.getpid()
    try:
        return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    except OSError:
        return set()


def missing() -> list[str]:
    """Say what children could do here and should not; nothing where the system has all walls."""
    found = landlock.missing()
    if not seccomp.available():
        found.append("open connections and reach into other processes of their user")
    return found


def limit_cpu(pid: int, seconds: int | None) -> None:
    """Limit the processor time of another process, counted from its start; None for no limit.

    Only where there is prlimit: elsewhere what a process may use is its own affair.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_CPU)
            soft = hard if seconds is None else seconds
            resource.prlimit(pid, resource.RLIMIT_CPU, (soft, hard))


def cpu_used_by(pid: int) -> float:
    """Return how many seconds of processor time another process has used; 0 where nobody tells."""
    try:
        stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return 0.0
    try:
        # Not by a file of Python's: before each job, and that takes three times as long.
        fields = os.read(stat, 4096).rpartition(b")")[2].split()
    except OSError:
        return 0.0
    finally:
        os.close(stat)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def cpu_used() -> float:
    """Return how many seconds of processor time this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@dataclass(frozen=True, slots=True)
class Most:
    """The most that any request of a process may have; None where it depends on the request.

    ``cpu_seconds`` is that of one request: a process that may serve several has as much for each,
    as long as it has not used up ``MOST_CPU_SECONDS`` before.
    """

    memory_bytes: int | None = None
    cpu_seconds: int | None = None
    file_bytes: int | None = None


def cap(most: Most) -> None:
    """Take from this process for good what no request of it may have.

    These are hard limits; ``limit`` sets the soft ones, anew for each request. Somebody who has
    broken in can raise those to these, and no further.
    """
    _cap(resource.RLIMIT_CORE, 0)
    _cap(resource.RLIMIT_NOFILE, _OPEN_FILES)
    if most.file_bytes is not None:
        _cap(resource.RLIMIT_FSIZE, most.file_bytes)
    if most.memory_bytes is not None and sys.platform == "linux":
        _cap(resource.RLIMIT_AS, _address_space() + most.memory_bytes + _GROWTH_BYTES)
    if most.cpu_seconds is not None:
        seconds = int(cpu_used()) + MOST_CPU_SECONDS + most.cpu_seconds
        # Above every soft one: the kernel kills at the hard limit, as others may who are short of
        # memory.
        _cap(resource.RLIMIT_CPU, seconds + 1 + _GRACE_SECONDS)


def limit(*, memory_bytes: int, cpu_seconds: int | None, file_bytes: int) -> None:
    """Limit this process while it is at a request.

    Parameters
    ----------
    memory_bytes
        Address space beyond what is taken already.
    cpu_seconds
        Processor time beyond what is used already; None for no limit. Whoever goes beyond it
        ends by SIGXCPU, which nobody sends from outside.
    file_bytes
        The largest file that can be written.

    """
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    if sys.platform == "linux":  # macOS counts shared libraries in a way that no limit fits
        _limit(resource.RLIMIT_AS, _address_space() + memory_bytes)
    if cpu_seconds is not None:
        _limit(resource.RLIMIT_CPU, int(cpu_used()) + 1 + cpu_seconds)


def relax() -> None:
    """Let this process have what it may have at most, while it waits for its next request.

    What it then hears and says is no part of the last one, nor of its limits.
    """
    for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_AS, resource.RLIMIT_CPU):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (hard, hard))


def _cap(what: int, most: int) -> None:
    soft, hard = (_least(bound, most) for bound in resource.getrlimit(what))
    resource.setrlimit(what, (soft, hard))


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (_least(hard, most), hard))


def _least(bound: int, most: int) -> int:
    return most if bound == resource.RLIM_INFINITY else min(bound, most)


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _watch(parent: int, sig: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), sig)
