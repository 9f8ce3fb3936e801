"""Which calls of the kernel a process may make: filters that need no privilege (seccomp)."""

from __future__ import annotations

import ctypes
import errno
import functools
import itertools
import os
import platform
import socket
import struct
import sys
from collections.abc import Iterator
from typing import ClassVar

from quws.sandbox import syscalls

_PR_SET_NO_NEW_PRIVS, _PR_GET_SECCOMP, _PR_SET_SECCOMP, _MODE_FILTER = 38, 21, 22, 2
_LOAD, _RETURN = 0x20, 0x06
_EQUAL, _ABOVE, _FROM, _ANY_BIT = 0x15, 0x25, 0x35, 0x45
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_ALLOWED = (_RETURN, 0, 0, _ALLOW)
_DENIED = (_RETURN, 0, 0, _REFUSE | errno.EACCES)
_UNKNOWN = (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
"""Where a filter finds them."""
_X32_BIT = 0x40000000
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""By machine: its place in the lists of calls, and what the kernel calls it."""

_NEW_NAMESPACES, _THREAD = 0x7E020000, 0x00010000
_TO_TERMINALS = (0x5412, 0x541C)
"""TIOCSTI, TIOCLINUX: what is typed at the terminal that the service was started from."""
_TO_OWNERS = (0x8901, 0x8902)
"""FIOSETOWN, SIOCSPGRP: who is sent signals when something can be read."""
_SET_OWNER, _SET_OWNER_THREAD = 8, 15
_PR_SET_PDEATHSIG = 1
_NOT_A_STREAM = 0b1110
_ADDRESSED = (socket.AF_INET, socket.AF_INET6, 16)
"""With the family by which names of hosts are looked up (netlink), and none of this machine."""

_Step = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_: ClassVar = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def available() -> bool:
    """Whether there are such filters here."""
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES:
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0)


def refuse_sockets() -> None:
    """Keep this process, and all that it starts, from opening sockets.

    Those that it was given stay. Does nothing where the platform has no such filters.

    Raises
    ------
    OSError
        The platform has, and does not take this one.

    """
    if available():
        number = _numbers(syscalls.ARGUED)["socket"]
        _install([(_EQUAL, 0, 1, number), _DENIED, _ALLOWED])


def allow_computing(*, network: bool, processes: bool) -> None:
    """Keep this process, and all that it starts, to the calls that computing needs.

    It cannot reach into other processes, leave its place or its process group, or touch the
    machine, and opens no socket; with ``network`` none but those to other machines. Without
    ``processes`` it starts threads and nothing else, and sends signals to itself only.
    Does nothing where the platform has no such filters.

    Raises
    ------
    OSError
        The platform has, and does not take this one.

    """
    if available():
        own = [] if processes else _own_signals(os.getpid())
        _install([*own, *_computing(network=network, processes=processes)])


def _own_signals(pid: int) -> list[_Step]:
    argued = _numbers(syscalls.ARGUED)
    return [
        *_argued(argued["kill"], _unless(0, pid)),
        *_argued(argued["tgkill"], _unless(0, pid)),
    ]


@functools.cache
def _computing(*, network: bool, processes: bool) -> tuple[_Step, ...]:
    argued = _numbers(syscalls.ARGUED)
    allowed = syscalls.COMPUTING
    family = []
    if processes:
        allowed += syscalls.PROGRAMS
    if network:
        allowed += syscalls.NETWORK
        family = _argued(argued["socket"], _unless(0, *_ADDRESSED))
    threads = [] if processes else [_load(0), (_ANY_BIT, 1, 0, _THREAD), _DENIED]
    return (
        # Whoever lacks it takes clone, whose flags can be read.
        *((_EQUAL, 0, 1, argued["clone3"]), _UNKNOWN),
        *_argued(argued["clone"], [*_if_bit(0, _NEW_NAMESPACES), *threads]),
        *_argued(argued["ioctl"], _if(1, *_TO_TERMINALS, *_TO_OWNERS)),
        *_argued(argued["fcntl"], _if(1, _SET_OWNER, _SET_OWNER_THREAD)),
        *_argued(argued["prctl"], _if(0, _PR_SET_PDEATHSIG)),
        # Of itself, not of others.
        *_argued(argued["prlimit64"], _unless(0, 0)),
        *_argued(argued["sched_setaffinity"], _unless(0, 0)),
        *_argued(argued["setpriority"], [*_unless(0, os.PRIO_PROCESS), *_unless(1, 0)]),
        # A datagram of a pair can go elsewhere.
        *_argued(argued["socketpair"], _if_bit(1, _NOT_A_STREAM)),
        *family,
        *_ranges(sorted(_numbers(allowed).values())),
        *((_ABOVE, 0, 1, syscalls.NEWEST), _UNKNOWN),
        _DENIED,
    )


def _numbers(calls: str) -> dict[str, int]:
    machine, _ = _ARCHITECTURES[platform.machine()]
    return syscalls.numbers(calls, machine)


def _argued(number: int, refused: list[_Step]) -> list[_Step]:
    """Allow a call, but for what the steps refuse."""
    return [(_EQUAL, 0, len(refused) + 1, number), *refused, _ALLOWED]


def _load(argument: int) -> _Step:
    # The lower half: that is all the kernel reads of these.
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)


def _if(argument: int, *values: int) -> list[_Step]:
    steps = [step for value in values for step in ((_EQUAL, 0, 1, value), _DENIED)]
    return [_load(argument), *steps]


def _unless(argument: int, *values: int) -> list[_Step]:
    most = len(values)
    steps = [(_EQUAL, most - at, 0, int(value)) for at, value in enumerate(values)]
    return [_load(argument), *steps, _DENIED]


def _if_bit(argument: int, bits: int) -> list[_Step]:
    return [_load(argument), (_ANY_BIT, 0, 1, bits), _DENIED]


def _ranges(allowed: list[int]) -> Iterator[_Step]:
    # Far fewer steps than one for each: a kernel walks them for each of its calls at the start.
    for _, group in itertools.groupby(enumerate(allowed), lambda item: item[1] - item[0]):
        row = [number for _, number in group]
        yield (_FROM, 0, 2, row[0])
        yield (_ABOVE, 1, 0, row[-1])
        yield _ALLOWED


def _install(steps: list[_Step]) -> None:
    _, architecture = _ARCHITECTURES[platform.machine()]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),  # x86 can make the calls of another one.
        (_EQUAL, 1, 0, architecture),
        _DENIED,
        (_LOAD, 0, 0, _NUMBER),
        (_FROM, 0, 1, _X32_BIT),  # x86 has a second set of numbers.
        _DENIED,
        *steps,
    ]
    program = _Program(len(steps), b"".join(struct.pack("HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the calls of the process cannot be filtered")
