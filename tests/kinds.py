"""Which processes a service consists of, and what each is for."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from pathlib import Path
from typing import NamedTuple

from harness import Postgres, Service

COMMANDS = ("serve", "api", "worker", "sweeper")
CHILDREN = {"api": "check children", "worker": "run children"}
"""What a process starts that is no command of quws: a zygote, and its children."""


class Member(NamedTuple):
    """A process of a service."""

    kind: str
    zygote: bool
    """Whether children are forked from it, which have loaded what it has loaded."""


def kinds(service: Service, postgres: Postgres | None = None) -> dict[int, str]:
    """Return what each process of a service is for, by its id."""
    found = {pid: member.kind for pid, member in members(service).items()}
    if service.bus is not None:
        found[service.bus.process.pid] = "valkey"
    if postgres is not None:
        first = int((postgres.data / "postmaster.pid").read_text().split()[0])
        found |= dict.fromkeys(_descent([first]), "postgres")
    return found


def members(service: Service) -> dict[int, Member]:
    """Return all processes of a service that is at hand, without its bus in a cluster."""
    found: dict[int, Member] = {}
    for pid, parent in _descent([process.pid for process in service.processes]).items():
        above = found[parent].kind if parent in found else "serve"
        kind = _kind(pid, above)
        if kind == above and parent in found:
            # A copy that waits until its parent wants a zygote is called as that one is.
            kind = CHILDREN.get(kind, kind)
        # What is of the same kind as its parent was forked by it.
        found[pid] = Member(kind, zygote=kind in CHILDREN.values() and above != kind)
    return found


def _descent(roots: list[int]) -> dict[int, int]:
    """Return processes and all that descend from them, each with its parent, which comes first.

    Others of the machine are not looked at: a load is made at the same time.
    """
    found = dict.fromkeys(roots, 0)
    waiting = deque(roots)
    while waiting:
        pid = waiting.popleft()
        for child in _children(pid):
            if child not in found:
                found[child] = pid
                waiting.append(child)
    return found


def _children(pid: int) -> list[int]:
    """Return the children of a process, of all its threads."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                found += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return [child for child in found if _lives(child)]


def _lives(pid: int) -> bool:
    """Whether a process has not ended: somebody may have to take note of it yet."""
    try:
        return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 65536)
    finally:
        os.close(file)


def _kind(pid: int, parents: str) -> str:
    try:
        # One that was forked has all of it in one word.
        line = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").split()
    except OSError:  # It has just ended.
        line = []
    if line and Path(line[0]).name.startswith(("valkey", "redis")):
        return "valkey"
    if "quws" in line and (named := [word for word in line if word in COMMANDS]):
        return named[0]
    return CHILDREN.get(parents, parents)
