"""What ties a process to its parent and what limits it. Linux has all of it, macOS some."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_POLL_SECONDS = 1.0
_GRACE_SECONDS = 1

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 22
_LOAD, _JUMP_EQUAL, _JUMP_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | errno.EACCES
_X32_BIT = 0x40000000
_SYSCALLS = {
    # The architecture as the kernel counts it, socket, io_uring_setup.
    "x86_64": (0xC000003E, 41, 425),
    "aarch64": (0xC00000B7, 198, 425),
}


class _Program(ctypes.Structure):
    _fields_: ClassVar = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


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


def no_network() -> bool:
    """Keep this process, and all that it starts, from opening sockets of any kind.

    Sockets that it was given stay. A seccomp filter: that needs no privilege
    and works in containers too. Returns whether the platform has it.
    """
    known = _SYSCALLS.get(platform.machine())
    if _LIBC is None or known is None:
        return False
    architecture, *denied = known
    steps = [
        (_LOAD, 0, 0, 4),  # The architecture that the call was made for.
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _DENY),
        (_LOAD, 0, 0, 0),  # The number of the call.
        (_JUMP_FROM, 0, 1, _X32_BIT),  # x86 has a second set of numbers.
        (_RETURN, 0, 0, _DENY),
    ]
    for number in denied:
        steps += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _DENY)]
    steps.append((_RETURN, 0, 0, _ALLOW))
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    if _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(_LIBC.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0) == 0)


def limit_cpu(pid: int, seconds: int | None) -> None:
    """Limit the processor time of another process, counted from its start; None for no limit.

    Only where there is prlimit: elsewhere what a process may use is its own affair.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_CPU)
            soft = hard if seconds is None else seconds
            resource.prlimit(pid, resource.RLIMIT_CPU, (soft, hard))


def limit(*, memory_bytes: int, cpu_seconds: int | None, file_bytes: int) -> None:
    """Limit this process for good.

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
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, 256)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    if sys.platform == "linux":  # macOS counts shared libraries in a way that no limit fits
        _lower(resource.RLIMIT_AS, _address_space() + memory_bytes)
    if cpu_seconds is not None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime) + 1 + cpu_seconds
        # The kernel kills at the hard limit, as others may who are short of memory.
        _lower(resource.RLIMIT_CPU, soft, soft + _GRACE_SECONDS)


def _lower(what: int, soft: int, hard: int | None = None) -> None:
    _, most = resource.getrlimit(what)
    hard = soft if hard is None else hard
    if most != resource.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    resource.setrlimit(what, (soft, hard))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _watch(parent: int, sig: int) -> None:
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), sig)
