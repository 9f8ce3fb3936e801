"""What owners have of the service, and what they may have."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from weakref import WeakValueDictionary

from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import Forbidden
from quws.domain.policy import Policy
from quws.domain.quotas import NO_RULES, Bound, Entitlements, Limit, QuotaRules, Use, check_shots
from quws.store.jobs.usage import JobUsage
from quws.store.quotas import QuotaUse

_FRESH_SECONDS = 1.0
_TIMES_FRESH = 50
"""A count that took long holds for so many times as long: it grows with what an owner has."""
_REMEMBERED = 10_000
_NEAR = 1000
_NEAR_BYTES = 256 * 1024**2
"""How near to a limit it is looked at again in the transaction that makes a job; or a hundredth of
the limit, if that is more."""
_QUEUE = (Limit.QUEUED, Limit.DAY_SHOTS, Limit.MONTH_SECONDS)


@dataclass(slots=True)
class _Known:
    jobs: int
    stored_bytes: int
    until: float


class Quotas:
    """Refuses what would give an owner, or a group of the owner's, more than they may have.

    What they have is counted at most once a second; what this process adds meanwhile is
    added up. Far from a limit that is enough.
    """

    def __init__(
        self,
        store: JobUsage,
        policy: Policy,
        rules: QuotaRules = NO_RULES,
        *,
        use: QuotaUse | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.entitlements = Entitlements(policy, rules)
        self._store = store
        self._use = use
        self._clock = clock
        self._known: dict[tuple[str, ...], _Known] = {}
        self._counting: WeakValueDictionary[tuple[str, ...], asyncio.Lock] = WeakValueDictionary()

    async def admit(self, owner: str | None, *, jobs: int = 0, size: int = 0) -> tuple[Bound, ...]:
        """Make sure that an owner may have more jobs, and more bytes kept of them.

        Return the limits that are so near that who writes a job must look again.

        Raises
        ------
        QuotaExceeded
            With the limit and what there is.

        """
        near = []
        for bound in self.entitlements.of(owner, Limit.JOBS, Limit.STORED_BYTES):
            wanted, margin = (jobs, _NEAR) if bound.limit is Limit.JOBS else (size, _NEAR_BYTES)
            if not wanted:
                continue
            known = await self._of(bound.owners)
            used = known.jobs if bound.limit is Limit.JOBS else known.stored_bytes
            if used + wanted > bound.most:
                raise bound.exceeded(used, wanted, self._clock())
            if used + wanted > bound.most - max(margin, bound.most // 100):
                near.append(bound)
        return tuple(near)

    def add(self, owner: str | None, *, jobs: int = 0, size: int = 0) -> None:
        """Note that an owner has more."""
        bounds = self.entitlements.of(owner, Limit.JOBS, Limit.STORED_BYTES)
        for owners in {bound.owners for bound in bounds}:
            known = self._known.get(owners)
            if known is not None:
                known.jobs += jobs
                known.stored_bytes += size

    def check_shots(self, owner: str | None, shots: int) -> None:
        """Make sure that an owner may have so many shots in one job.

        Raises
        ------
        QuotaExceeded

        """
        check_shots(self.entitlements.of(owner, Limit.JOB_SHOTS), shots, self._clock())

    def of_making(self, owner: str | None) -> tuple[Bound, ...]:
        """Return the limits under which there must be room for a new job of an owner."""
        return self.entitlements.of(owner, Limit.PENDING, *_QUEUE)

    def of_queueing(self, owner: str | None) -> tuple[Bound, ...]:
        """Return the limits under which there must be room for a job that is to be queued."""
        return self.entitlements.of(owner, *_QUEUE)

    async def report(self, caller: Caller, owner: str | None = None) -> list[Use]:
        """Return what is used of each limit of the caller; of another ``owner`` for operators.

        Raises
        ------
        Forbidden
            It is another's, and the caller is no operator.

        """
        whose = caller.name if owner is None else owner
        if not caller.may_see(whose or None):
            if caller.name is None:
                raise Forbidden(
                    "OWNER is for operators, and you have not signed in; where nobody does, leave"
                    " it out: all jobs are of one owner"
                )
            raise Forbidden("only operators may see the quotas of others")
        assert self._use is not None, "who serves reports counts"
        return await self._use.of(self.entitlements.of(whose), self._clock())

    async def tightest(self, owner: str | None, limit: Limit) -> Use | None:
        """Return how much an owner has used of a limit, the one with the least left; None if there
        is none.
        """
        bounds = self.entitlements.of(owner, limit)
        if not bounds or self._use is None:
            return None
        uses = await self._use.of(bounds, self._clock())
        return min(uses, key=lambda use: use.bound.most * limit.unit - use.used)

    async def hindrance(self, owner: str | None) -> Use | None:
        """Return the limit of running jobs that keeps an owner's next one waiting, if one does."""
        bounds = self.entitlements.of(owner, Limit.RUNNING)
        if not bounds or self._use is None:
            return None
        for use in await self._use.of(bounds, self._clock()):
            if use.used >= use.bound.most:
                return use
        return None

    async def _of(self, owners: tuple[str, ...]) -> _Known:
        lock = self._counting.setdefault(owners, asyncio.Lock())
        async with lock:
            known = self._known.get(owners)
            if known is None or monotonic() >= known.until:
                known = await self._count(owners)
        return known

    async def _count(self, owners: tuple[str, ...]) -> _Known:
        began = monotonic()
        found = await self._store.of(*owners)
        now = monotonic()
        until = now + max(_FRESH_SECONDS, _TIMES_FRESH * (now - began))
        if len(self._known) >= _REMEMBERED:
            self._known = {key: known for key, known in self._known.items() if known.until > now}
        known = self._known[owners] = _Known(found.jobs, found.stored_bytes, until)
        return known
