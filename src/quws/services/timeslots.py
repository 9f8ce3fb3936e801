"""Timeslots of targets: booked, listed and cancelled, and why jobs wait for them."""

from __future__ import annotations

from datetime import datetime

from quws.bus.announcer import Announcer
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import (
    Forbidden,
    NoBookedTimeslots,
    NotFound,
    QuotaExceeded,
    TimeslotRequired,
    TimeslotTaken,
)
from quws.domain.job import Job, new_job_id
from quws.domain.quotas import NO_RULES, QuotaRules
from quws.domain.targets import TargetDescription
from quws.domain.times import format_instant
from quws.domain.timeslots import Timeslot, TimeslotRules, may_run, why_not
from quws.domain.words import counted
from quws.store.targets import TargetStore
from quws.store.timeslots import TimeslotStore


def check_use(target: TargetDescription, *, wanted: bool) -> None:
    """Make sure that a job is for the timeslots of its owner where its target demands them.

    Raises
    ------
    TimeslotRequired

    """
    if target.timeslots is not None and target.timeslots.required and not wanted:
        raise TimeslotRequired(
            f"target {target.name} runs jobs in booked timeslots only; book one, and send"
            " TIMESLOT=required",
            parameter="TIMESLOT",
        )


class Timeslots:
    """What callers may do with the timeslots of targets.

    ``rules`` say who is in which group.
    """

    def __init__(
        self,
        store: TimeslotStore,
        targets: TargetStore,
        announcer: Announcer,
        rules: QuotaRules = NO_RULES,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._targets = targets
        self._announcer = announcer
        self._groups = rules.group
        self._clock = clock

    async def of_target(self, target: str) -> list[Timeslot]:
        """Return the timeslots of a target that are not over, the next one first.

        Raises
        ------
        NotFound
            There is no such target, or it cannot be booked.

        """
        await self.rules(target)
        return await self._store.coming(self._clock(), target=target)

    async def mine(self, caller: Caller) -> list[Timeslot]:
        """Return the caller's timeslots that are not over, of all targets."""
        return await self._store.coming(self._clock(), owner=caller.name or "")

    async def rules(self, target: str) -> TimeslotRules:
        """Return what can be booked of a target.

        Raises
        ------
        NotFound
            There is no such target, or it cannot be booked.

        """
        found = await self._targets.get(target)
        if found is None:
            raise NotFound(f"there is no target '{target[:60]}'")
        if found.timeslots is None:
            raise NotFound(f"target {target} cannot be booked")
        return found.timeslots

    async def book(self, caller: Caller, target: str, begins: datetime, ends: datetime) -> Timeslot:
        """Book a target for the caller, from one instant to another.

        Raises
        ------
        NotFound
            There is no such target, or it cannot be booked.
        Forbidden
            The caller may not book it.
        InvalidParameter
            It is too short, too long, too far ahead, over, or between the steps.
        TimeslotTaken
            It is booked for a part of that time.
        QuotaExceeded
            The caller has as many timeslots of it as one may have.

        """
        rules, now = await self.rules(target), self._clock()
        groups = [name for name, group in self._groups.items() if caller.name in group.members]
        if not caller.operator and not rules.allows(caller.name, groups):
            raise Forbidden(f"you may not book target {target}; its operator says who may")
        rules.check(begins, ends, now)
        slot = Timeslot(new_job_id(), target, caller.name, begins, ends)
        hindrance = await self._store.book(slot, now, rules.most)
        if isinstance(hindrance, int):
            raise QuotaExceeded(
                f"{counted(hindrance, 'timeslot')} of target {target} are booked for you, and"
                f" {rules.most} may be; cancel one, or wait until one is over",
                limit="timeslots",
                most=rules.most,
                used=hindrance,
            )
        if hindrance is not None:
            raise TimeslotTaken(
                f"target {target} is booked from {format_instant(hindrance.begins)} to"
                f" {format_instant(hindrance.ends)}",
                parameter="START",
            )
        return slot

    async def get(self, target: str, slot_id: str) -> Timeslot:
        """Return a timeslot of a target, one that is over too.

        Raises
        ------
        NotFound
            There is no such timeslot.

        """
        found = await self._store.get(target, slot_id)
        if found is None:
            raise NotFound(f"target {target[:60]} has no timeslot {slot_id[:60]}")
        return found

    async def cancel(self, caller: Caller, target: str, slot_id: str) -> None:
        """Cancel a timeslot; one that is on is over then.

        Raises
        ------
        NotFound
            There is no such timeslot.
        Forbidden
            It is another's, and the caller is no operator.

        """
        found = await self.get(target, slot_id)
        if not caller.may_see(found.owner):
            raise Forbidden("the timeslot is another's")
        if not await self._store.cancel(slot_id):
            raise NotFound(f"target {target[:60]} has no timeslot {slot_id[:60]}")
        # Others may run now.
        await self._announcer.work(target)

    async def admit(self, owner: str | None, target: str) -> None:
        """Make sure that an owner has a timeslot of a target that is not over.

        Raises
        ------
        NoBookedTimeslots

        """
        if not await self._of(owner, target):
            raise NoBookedTimeslots(
                f"no timeslot of target {target} is booked for you; book one first",
                parameter="TIMESLOT",
            )

    async def why(self, job: Job) -> str | None:
        """Return why a job waits for a timeslot; None if it does not."""
        target = await self._targets.get(job.target)
        rules = None if target is None else target.timeslots
        if rules is None:
            return None
        on = await self._store.on(job.target)
        if may_run(job.owner, only_in_own=job.timeslot, rules=rules, on=on):
            return None
        coming = await self._of(job.owner, job.target)
        only_in_own = job.timeslot or rules.required
        following = coming[0] if coming else None
        return why_not(job.target, only_in_own=only_in_own, on=on, following=following)

    async def _of(self, owner: str | None, target: str) -> list[Timeslot]:
        return await self._store.coming(self._clock(), target=target, owner=owner or "")
