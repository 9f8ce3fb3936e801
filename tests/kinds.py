"""Which processes a service consists of, and what each is for."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
from harness import Postgres, Service

COMMANDS = ("serve", "api", "worker", "sweeper")
CHILDREN = {"api": "check children", "worker": "run children"}
"""What a process starts that is no command of quws: a zygote, and its children."""


def kinds(service: Service, postgres: Postgres | None = None) -> dict[int, str]:
    """Return what each process of a service is for, by its id."""
    found: dict[int, str] = {}
    for process in service.processes:
        for member in process.family():
            with contextlib.suppress(psutil.Error):
                found[member.pid] = _kind(member, found.get(member.ppid(), "serve"))
    if service.bus is not None:
        found[service.bus.process.pid] = "valkey"
    if postgres is not None:
        for pid in _family(int((postgres.data / "postmaster.pid").read_text().split()[0])):
            found[pid] = "postgres"
    return found


def _kind(process: psutil.Process, parents: str) -> str:
    line = process.cmdline()
    if line and Path(line[0]).name.startswith(("valkey", "redis")):
        return "valkey"
    if "quws" in line and (named := [word for word in line if word in COMMANDS]):
        return named[0]
    return CHILDREN.get(parents, parents)


def _family(pid: int) -> list[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return []
