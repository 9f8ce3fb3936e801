"""What the clock does to jobs. Every sweep may run twice at once and stop at any point."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from quws.artifacts import ArtifactStore, ArtifactStoreUnavailable
from quws.bus.connection import BusUnavailable
from quws.bus.dispatcher import Dispatcher
from quws.domain.job import ErrorType, JobError, TimelineEntry
from quws.domain.phases import FINAL, Phase
from quws.domain.policy import Policy
from quws.domain.targets import TargetStatus
from quws.jobs.announcing import Announcer
from quws.jobs.clock import utc_now
from quws.store import JobStore, TargetStore

_KEYS_KEPT = timedelta(days=7)
_log = structlog.get_logger(__name__)


class Sweeps:
    """The periodic duties of the service."""

    def __init__(
        self,
        *,
        store: JobStore,
        targets: TargetStore,
        artifacts: ArtifactStore,
        dispatcher: Dispatcher,
        announcer: Announcer,
        policy: Policy,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._targets = targets
        self._artifacts = artifacts
        self._dispatcher = dispatcher
        self._announcer = announcer
        self._policy = policy
        self._clock = clock

    async def overrun(self) -> int:
        """Abort jobs whose execution duration is over, should their worker not have done it."""
        count = 0
        now = self._clock()
        for found in await self._store.overdue(now):
            entry = TimelineEntry(now, "aborted", "quws", "the execution duration is over")
            if await self._store.abort(found.id, entry, past_deadline=now) is not None:
                count += 1
                await self._announcer.changed(found.id, Phase.ABORTED)
        return count

    async def lost(self) -> int:
        """Requeue jobs whose worker is gone; after the last attempt they end in ERROR."""
        count = 0
        for found in await self._store.abandoned():
            now = self._clock()
            if found.attempt < self._policy.max_attempts:
                entry = TimelineEntry(
                    now, "queued", "quws", f"the worker of attempt {found.attempt} was lost"
                )
                if await self._store.requeue(found, entry):
                    count += 1
                    await self._announcer.changed(found.id, Phase.QUEUED)
                    await self._announcer.work(found.target)
                continue
            error = JobError(
                ErrorType.TRANSIENT,
                "worker_lost",
                f"the worker was lost {found.attempt} times while it ran this job",
            )
            entry = TimelineEntry(now, "failed", "quws", error.message)
            if await self._store.give_up(found, error, entry):
                count += 1
                await self._announcer.changed(found.id, Phase.ERROR)
        return count

    async def destruction(self) -> int:
        """Destroy jobs whose time has come: stop, delete files, forget or archive."""
        count = 0
        now = self._clock()
        for found in await self._store.expired(now):
            if self._policy.keep_history:
                if found.phase not in FINAL:
                    entry = TimelineEntry(now, "aborted", "quws", "destruction time")
                    await self._store.abort(found.id, entry)
                done = await self._store.archive(found.id, now)
            else:
                done = await self._store.destroy(found.id, now)
            if done:
                count += 1
                phase = Phase.ARCHIVED if self._policy.keep_history else None
                await self._announcer.changed(found.id, phase)
        return count

    async def garbage(self) -> int:
        """Delete the files of jobs that are gone."""
        count = 0
        for prefix in await self._store.garbage():
            try:
                await self._artifacts.delete(prefix)
            except ArtifactStoreUnavailable as error:
                _log.warning("artifact store unavailable", error=str(error))
                break
            await self._store.forget_garbage(prefix)
            count += 1
        return count

    async def waiting(self, seconds: float) -> int:
        """Hint again for targets where a job has waited so long that its hint may be lost."""
        count = 0
        before = self._clock() - timedelta(seconds=seconds)
        for target, jobs in await self._store.forgotten(before):
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
            sentence = f"{record.state.sentence(record.name)}; send the job to another target"
            for job_id in await self._store.waiting_for(record.name):
                error = JobError(ErrorType.FATAL, "target_retired", sentence)
                entry = TimelineEntry(self._clock(), "failed", "quws", sentence)
                if await self._store.refuse(job_id, error, entry):
                    count += 1
                    await self._announcer.changed(job_id, Phase.ERROR)
        return count

    async def keys(self) -> int:
        """Forget the Idempotency-Keys of jobs that are long gone."""
        return await self._store.forget_keys(self._clock() - _KEYS_KEPT)

    async def orphans(self) -> int:
        """Delete files of jobs that never came to be or that the database has forgotten."""
        owners = [name for name in await self._artifacts.owners() if name != "health"]
        known = await self._store.known(owners)
        # A job's files are written before its row: younger than this they may be just that.
        young = self._clock() - timedelta(hours=1)
        count = 0
        for owner in owners:
            if owner not in known and _made(owner) < young:
                await self._artifacts.delete(owner)
                count += 1
        return count


def _made(job_id: str) -> datetime:
    # A UUIDv7 begins with the milliseconds since 1970.
    try:
        millis = int(job_id.replace("-", "")[:12], 16)
        return datetime.fromtimestamp(millis / 1000, tz=utc_now().tzinfo)
    except (ValueError, OverflowError):
        return datetime.max.replace(tzinfo=utc_now().tzinfo)
