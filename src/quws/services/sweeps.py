"""What time does to jobs. Every sweep may run twice at once and stop at any point."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog

from quws.artifacts import ArtifactStore, ArtifactStoreUnavailable
from quws.bus.announcer import Announcer
from quws.bus.connection import BusUnavailable
from quws.bus.dispatcher import Dispatcher
from quws.domain.clock import Clock, utc_now
from quws.domain.failures import Failure
from quws.domain.job import DURATION_OVER, REQUEUED, TimelineEntry
from quws.domain.phases import FINAL, Move, Phase, sources
from quws.domain.policy import Policy
from quws.domain.targets import TargetStatus
from quws.domain.words import counted
from quws.services.aside import Aside
from quws.services.sessions import Sessions
from quws.store.clock import StoreClock, time_of
from quws.store.database import Database, StoreUnavailable
from quws.store.jobs.store import JobStore
from quws.store.jobs.sweeps import Duties, Overdue
from quws.store.targets import TargetStore
from quws.telemetry import logs

_OUTBOX_KEPT = timedelta(days=1)
_DEAD_KEPT = timedelta(days=8)
_KEYS_KEPT = timedelta(days=7)
_USE_KEPT = timedelta(days=60)
"""Jobs that are queued in one month may end in the next one, and are settled then."""
_ARCHIVABLE = sources(Move.ARCHIVE) | sources(Move.ABORT)
"""Of a job in any other phase nobody knows how it could be kept."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """What sweeps would do: jobs to abort, requeue and destroy, and files to delete."""

    overrun: list[Overdue]
    lost: list[Overdue]
    destruction: list[Overdue]
    garbage: list[str]
    orphans: list[str]


class Sweeps:
    """The periodic duties of the service.

    Parameters
    ----------
    store_clock
        By which jobs are due: that of the database.
    clock
        By which the timeline tells when something happened.
    lease_seconds
        How long a worker's lease lasts that is not renewed.
    orphan_seconds
        How old files must be that belong to no job.

    """

    def __init__(
        self,
        *,
        store: JobStore,
        targets: TargetStore,
        artifacts: ArtifactStore,
        dispatcher: Dispatcher,
        announcer: Announcer,
        policy: Policy,
        store_clock: StoreClock,
        lease_seconds: float,
        orphan_seconds: float,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._targets = targets
        self._artifacts = artifacts
        self._dispatcher = dispatcher
        self._announcer = announcer
        self._policy = policy
        self._store_clock = store_clock
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._orphan_seconds = orphan_seconds
        self._sessions = Sessions(
            store.sessions, store.control, targets, announcer, policy, clock=clock
        )
        self._settled = 0.0
        self._away = False
        self._aside = Aside()

    async def look(self) -> Duties:
        """Look at the clock, and return what there is to do.

        Nothing is due by a clock that cannot be trusted: after it was set, or after the
        database was away, workers need the time of a lease to renew theirs and to move
        deadlines. A clock that was set wrong for less than that has done no harm.
        """
        asked = self._store_clock.ask()
        try:
            found = await self._store.sweeps.duties()
        except StoreUnavailable:
            self._away = True
            raise
        if self._store_clock.observe(found.time, asked) or self._away:
            await self._store.claims.shorten(self._lease_seconds)
            self._settled = monotonic() + self._lease_seconds
            self._away = False
        if monotonic() >= self._settled:
            return found
        return replace(found, overrun=False, lost=False, destruction=False, retired=False)

    async def overrun(self) -> int:
        """Abort jobs whose execution duration is over, should their worker not have done it."""
        now = self._store_clock.now()

        async def abort(found: Overdue) -> bool:
            entry = TimelineEntry(now, "aborted", "quws", DURATION_OVER)
            if await self._store.control.abort(found.id, entry, past_deadline=now) is None:
                return False
            await self._announcer.changed(found.id, Phase.ABORTED)
            return True

        jobs = await self._store.sweeps.overdue(now, but=self._aside.of("overrun"))
        return await self._each("overrun", jobs, abort)

    async def lost(self) -> int:
        """Requeue jobs whose worker is gone; after the last attempt they end in ERROR."""
        jobs = await self._store.sweeps.abandoned(but=self._aside.of("lost"))
        return await self._each("lost", jobs, self._recover)

    async def destruction(self) -> int:
        """Destroy jobs whose time has come: stop, delete files, forget or archive."""
        now = self._store_clock.now()

        async def destroy(found: Overdue) -> bool:
            if not self._policy.keep_history or found.phase not in _ARCHIVABLE:
                if not await self._store.sweeps.destroy(found.id, now):
                    return False
                await self._announcer.deleted(found.id)
                return True
            if found.phase not in FINAL:
                entry = TimelineEntry(now, "aborted", "quws", "destruction time")
                await self._store.control.abort(found.id, entry)
            if not await self._store.sweeps.archive(found.id, now):
                return False
            await self._announcer.changed(found.id, Phase.ARCHIVED)
            return True

        jobs = await self._store.sweeps.expired(now, but=self._aside.of("destruction"))
        return await self._each("destruction", jobs, destroy)

    async def garbage(self) -> int:
        """Delete the files of jobs that are gone, and those of attempts that came to nothing."""
        count = 0
        for prefix in await self._store.garbage.prefixes(but=self._aside.of("garbage")):
            try:
                with self._aside.guard("garbage", prefix):
                    named = await self._store.garbage.named(prefix.partition("/")[0])
                    await self._artifacts.delete(prefix, keep=named)
                    await self._store.garbage.forget(prefix)
                    count += 1
            except ArtifactStoreUnavailable as error:
                _log.warning("artifact store unavailable", error=str(error))
                break
        return count

    async def waiting(self, seconds: float) -> int:
        """Hint again for targets where a job has waited so long that its hint may be lost."""
        count = 0
        before = self._clock() - timedelta(seconds=seconds)
        for target, jobs in await self._store.sweeps.forgotten(before):
            try:
                hints = await self._dispatcher.waiting(target)
            except BusUnavailable:
                break
            if hints < jobs:
                count += 1
                await self._announcer.work(target)
        return count

    async def retired(self) -> int:
        """End jobs in ERROR that wait for a target which will not come back."""
        count = 0
        for record in await self._targets.records():
            if record.state.status is not TargetStatus.RETIRED:
                continue
            error = Failure.TARGET_RETIRED.error(why=record.state.sentence(record.name))
            left = self._aside.of("retired")
            for job_id in await self._store.sweeps.waiting_for(record.name, but=left):
                with self._aside.guard("retired", job_id):
                    entry = TimelineEntry(self._clock(), "failed", "quws", error.message)
                    if await self._store.sweeps.refuse(job_id, error, entry):
                        count += 1
                        await self._announcer.changed(job_id, Phase.ERROR)
        return count

    async def sessions(self) -> int:
        """See to sessions whose time is over, that were idle for too long, or are done."""
        return await self._sessions.sweep()

    async def keys(self) -> int:
        """Forget the Idempotency-Keys of jobs that are long gone."""
        return await self._store.keys.forget(self._clock() - _KEYS_KEPT)

    async def outbox(self) -> int:
        """Forget what happened to jobs more than a day ago: who was away longer reads the list."""
        count = 0
        before = self._clock() - _OUTBOX_KEPT
        while pruned := await self._store.outbox.prune(before):
            count += pruned
        return count

    async def webhooks(self) -> int:
        """Forget messages to webhooks that were taken a day ago, or that nobody took a week ago."""
        now = self._clock()
        count = 0
        while pruned := await self._store.webhooks.prune(now - _OUTBOX_KEPT, now - _DEAD_KEPT):
            count += pruned
        return count

    async def use(self) -> int:
        """Forget how much of targets owners had longer ago than counts for their share."""
        return await self._store.target_use.forget(self._clock())

    async def quotas(self) -> int:
        """Forget what was used of quotas in days and months that are long over, and timeslots and
        sessions.
        """
        before = self._clock() - _USE_KEPT
        used = await self._store.quota_use.forget(before)
        used += await self._store.sessions.forget(before)
        return used + await self._store.timeslots.forget(before)

    async def orphans(self) -> int:
        """Delete files of jobs that never came to be or that the database has forgotten."""
        found = await _orphans(
            self._store, self._artifacts, self._clock() - timedelta(seconds=self._orphan_seconds)
        )
        count = 0
        for owner in found:
            try:
                with self._aside.guard("orphans", owner):
                    await self._artifacts.delete(owner)
                    count += 1
            except ArtifactStoreUnavailable as error:
                # The next look is far away: whatever is wrong with these, others may go.
                _log.warning("artifact store unavailable", error=str(error))
        return count

    async def _recover(self, found: Overdue) -> bool:
        reason = f"the worker of attempt {found.attempt} was lost"
        if found.attempt < self._policy.max_attempts:
            entry = TimelineEntry(self._clock(), REQUEUED, "quws", f"{reason}; it is tried again")
            if not await self._store.sweeps.requeue(found, entry):
                return False
            await self._announcer.changed(found.id, Phase.QUEUED)
            await self._announcer.work(found.target)
            return True
        error = Failure.WORKER_LOST.error(
            times=counted(found.attempt, "time"),
            detail="\n".join([*await self._store.reading.troubles(found.id), reason]),
        )
        entry = TimelineEntry(self._clock(), "failed", "quws", error.message)
        if not await self._store.sweeps.give_up(found, error, entry):
            return False
        await self._announcer.changed(found.id, Phase.ERROR)
        return True

    async def _each(
        self, sweep: str, jobs: list[Overdue], see_to: Callable[[Overdue], Awaitable[bool]]
    ) -> int:
        """See to jobs one by one, and return of how many that was still due.

        What is logged meanwhile says which of them it is about.
        """
        count = 0
        requests = await self._store.sweeps.requests_of(jobs)
        for found in jobs:
            with (
                logs.about(
                    job=found.id,
                    owner=found.owner,
                    target=found.target,
                    attempt=found.attempt,
                    request=requests.get(found.id),
                ),
                self._aside.guard(sweep, found.id),
            ):
                count += await see_to(found)
        return count


async def due(
    database: Database, artifacts: ArtifactStore, orphan_seconds: float, limit: int = 500
) -> Due:
    """Return what sweeps would do now, without doing it; at most ``limit`` of each kind."""
    store, now = JobStore(database), await time_of(database)
    young = utc_now() - timedelta(seconds=orphan_seconds)
    return Due(
        overrun=await store.sweeps.overdue(now, limit),
        lost=await store.sweeps.abandoned(limit),
        destruction=await store.sweeps.expired(now, limit),
        garbage=await store.garbage.prefixes(limit),
        orphans=(await _orphans(store, artifacts, young))[:limit],
    )


async def _orphans(store: JobStore, artifacts: ArtifactStore, young: datetime) -> list[str]:
    owners = [name for name in await artifacts.owners() if name != "health"]
    known = await store.reading.known(owners)
    # A job's files are written before its row: those of a young one may still wait for it.
    return [owner for owner in owners if owner not in known and _made(owner) < young]


def _made(job_id: str) -> datetime:
    # A UUIDv7 begins with the milliseconds since 1970.
    try:
        millis = int(job_id.replace("-", "")[:12], 16)
        return datetime.fromtimestamp(millis / 1000, tz=UTC)
    except (ValueError, OverflowError):
        return datetime.max.replace(tzinfo=UTC)
