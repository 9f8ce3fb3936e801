"""What owners have of the service, and what they may have."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from weakref import WeakValueDictionary

from quws.domain.errors import QuotaExceeded
from quws.domain.policy import Policy
from quws.domain.words import counted
from quws.store.jobs.usage import JobUsage

_FRESH_SECONDS = 1.0
_TIMES_FRESH = 50
"""A count that took long holds for so many times as long: it grows with what an owner has."""
_REMEMBERED = 10_000


@dataclass(slots=True)
class _Known:
    jobs: int
    stored_bytes: int
    until: float


class Quotas:
    """Refuses what would give an owner more than one may have.

    What an owner has is counted at most once a second; what this process adds meanwhile is
    added up. So an owner may get over a limit by as much as others add in a second.
    """

    def __init__(self, store: JobUsage, policy: Policy) -> None:
        self._store = store
        self._max_jobs = policy.max_jobs
        self._max_bytes = policy.max_stored_bytes
        self._known: dict[str | None, _Known] = {}
        self._counting: WeakValueDictionary[str | None, asyncio.Lock] = WeakValueDictionary()

    async def admit(self, owner: str | None, *, jobs: int = 0, size: int = 0) -> None:
        """Make sure that an owner may have more jobs, and more bytes kept of them.

        Raises
        ------
        QuotaExceeded
            With the limit and what there is.

        """
        if not (self._max_jobs or self._max_bytes):
            return
        known = await self._of(owner)
        if self._max_jobs and jobs and known.jobs + jobs > self._max_jobs:
            there_are = counted(
                known.jobs, "job of this owner is there", "jobs of this owner are there"
            )
            raise QuotaExceeded(
                f"{there_are}, and {self._max_jobs} may be; delete some of them, or wait for the"
                " destruction of one"
            )
        if self._max_bytes and size and known.stored_bytes + size > self._max_bytes:
            raise QuotaExceeded(
                f"{counted(known.stored_bytes, 'byte')} of parameters and results are kept of this"
                f" owner's jobs, and {self._max_bytes} may be, too few for {size} more; delete some"
                " of the jobs, or wait for the destruction of one"
            )

    def add(self, owner: str | None, *, jobs: int = 0, size: int = 0) -> None:
        """Note that an owner has more."""
        known = self._known.get(owner)
        if known is not None:
            known.jobs += jobs
            known.stored_bytes += size

    async def _of(self, owner: str | None) -> _Known:
        lock = self._counting.setdefault(owner, asyncio.Lock())
        async with lock:
            known = self._known.get(owner)
            if known is None or monotonic() >= known.until:
                known = await self._count(owner)
        return known

    async def _count(self, owner: str | None) -> _Known:
        began = monotonic()
        found = await self._store.of(owner)
        now = monotonic()
        until = now + max(_FRESH_SECONDS, _TIMES_FRESH * (now - began))
        if len(self._known) >= _REMEMBERED:
            self._known = {key: known for key, known in self._known.items() if known.until > now}
        known = self._known[owner] = _Known(found.jobs, found.stored_bytes, until)
        return known
