"""Says why jobs wait, as the scheduler has it."""

from __future__ import annotations

from time import monotonic

from quws.bus.announcer import Announcer
from quws.domain.job import Job
from quws.domain.phases import Phase
from quws.domain.targets import TargetState
from quws.domain.waiting import why_not_running, why_queued
from quws.services.quotas import Quotas
from quws.services.sessions import Sessions
from quws.services.timeslots import Timeslots
from quws.store.jobs.reading import JobReading

_FRESH_SECONDS = 2.0


class Waiting:
    """Knows whether workers are alive, and who goes before a job."""

    def __init__(
        self,
        store: JobReading,
        announcer: Announcer,
        quotas: Quotas,
        timeslots: Timeslots,
        sessions: Sessions,
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._timeslots = timeslots
        self._quotas = quotas
        self._announcer = announcer
        self._known: dict[str, tuple[float, bool | None]] = {}

    async def why(self, job: Job, ahead: int | None, state: TargetState) -> str | None:
        """Return why a job is where it is: its target's state, its own message, or its place."""
        said = state.sentence(job.target) or job.message
        if said is not None or ahead is None or job.phase is not Phase.QUEUED:
            return said
        if (waits_for := await self._timeslots.why(job)) is not None:
            return waits_for
        if (waits_for := await self._sessions.why(job)) is not None:
            return waits_for
        if (hindrance := await self._quotas.hindrance(job.owner)) is not None:
            return why_not_running(hindrance)
        mine = await self._store.of_owner_ahead(job.id, job.target) if ahead else 0
        attended = await self._attended(job.target)
        return why_queued(job.target, ahead, min(mine, ahead), attended=attended)

    async def _attended(self, target: str) -> bool | None:
        until, known = self._known.get(target, (0.0, None))
        if monotonic() >= until:
            known = await self._announcer.attended(target)
            self._known[target] = (monotonic() + _FRESH_SECONDS, known)
        return known
