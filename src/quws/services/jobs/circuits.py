"""The circuits of a job, one by one: where each stands, and those that are not wanted any more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from quws.bus.announcer import Announcer
from quws.domain.batch import CircuitState, CircuitStatus, named, of_the_rest
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import IllegalMove, NotFound
from quws.domain.job import Job
from quws.domain.phases import Phase
from quws.services.jobs.control import JobControl
from quws.services.jobs.plan import Planner
from quws.services.jobs.read import JobReader
from quws.store.jobs.store import JobStore


@dataclass(frozen=True, slots=True)
class CircuitPage:
    """Some circuits of a job, in the order of their indices, and whether there are more."""

    job: Job
    circuits: list[CircuitState]
    more: bool


class JobCircuits:
    """What a caller may learn of the circuits of a job, and do to them."""

    def __init__(
        self,
        *,
        reader: JobReader,
        control: JobControl,
        planner: Planner,
        store: JobStore,
        announcer: Announcer,
        clock: Clock = utc_now,
    ) -> None:
        self._reader = reader
        self._control = control
        self._planner = planner
        self._store = store
        self._announcer = announcer
        self._clock = clock

    async def page(
        self,
        caller: Caller,
        job_id: str,
        limit: int,
        *,
        after: int = -1,
        statuses: Collection[CircuitStatus] = (),
    ) -> CircuitPage:
        """Return circuits of a job behind one of them, at most so many.

        Parameters
        ----------
        statuses
            Only those that stand there; all where none is given.

        Raises
        ------
        NotFound, Forbidden

        """
        job = await self._reader.get(caller, job_id)
        if job.circuits == 1:
            alone = _alone(job)
            wanted = after < 0 and (not statuses or alone.status in statuses)
            return CircuitPage(job, [alone] if wanted else [], more=False)
        rest = _rest(job)
        written = None
        if statuses:
            # What has not ended by itself stands where its job stands.
            written = set(statuses) - {CircuitStatus.WAITING}
            if rest in statuses:
                written.add(CircuitStatus.WAITING)
        found = await self._store.circuits.page(job_id, limit + 1, after=after, statuses=written)
        shown = [_with_job(item, rest) for item in found[:limit]]
        return CircuitPage(job, shown, more=len(found) > limit)

    async def one(self, caller: Caller, job_id: str, index: int) -> tuple[Job, CircuitState]:
        """Return a job and one of its circuits.

        Raises
        ------
        Forbidden
        NotFound
            There is no such job, or it has no such circuit.

        """
        page = await self.page(caller, job_id, 1, after=index - 1)
        if index < 0 or index >= page.job.circuits or not page.circuits:
            raise NotFound(f"job {job_id} has no circuit {index}")
        return page.job, page.circuits[0]

    async def abort(self, caller: Caller, job_id: str, indices: Collection[int]) -> set[int]:
        """Abort circuits that have not ended; the others of the job go on.

        With its last circuit a job without any result is aborted itself. Return which were aborted.

        Raises
        ------
        Forbidden
        NotFound
            There is no such job, or it has not all of these circuits.
        IllegalMove
            The job is over, or all of these circuits are.

        """
        job = await self._reader.get(caller, job_id)
        if strange := [index for index in indices if not 0 <= index < job.circuits]:
            raise NotFound(f"job {job_id} has no circuit {min(strange)}")
        if job.circuits == 1:
            await self._control.abort(caller, job_id)
            return set(indices)
        by = caller.name or "user"
        found = await self._store.control.abort_circuits(job_id, indices, self._clock(), by)
        if found is None:
            await self._reader.refuse(caller, job_id, "ABORT needs a job that is not over")
        ref, aborted = found
        if not aborted:
            which = named(indices)
            raise IllegalMove(
                f"ABORT needs a circuit that has not ended; of job {job_id} these have: {which}",
                parameter="INDEX",
            )
        if ref.phase is Phase.ABORTED:
            self._planner.forget(job.target)
        await self._announcer.changed(job_id, ref.phase)
        return aborted


def statuses_of(job: Job) -> dict[CircuitStatus, int]:
    """Return how many circuits of a job stand where; what no circuit is, is left out."""
    if job.circuits == 1:
        return {_alone(job).status: 1}
    found = {
        CircuitStatus.COMPLETED: job.circuits_done,
        CircuitStatus.FAILED: job.circuits_failed,
        CircuitStatus.ABORTED: job.circuits_aborted,
    }
    rest = _rest(job)
    found[rest] = found.get(rest, 0) + job.circuits - sum(found.values())
    return {status: count for status, count in found.items() if count}


def _rest(job: Job) -> CircuitStatus:
    return of_the_rest(job.phase, failed=job.error is not None)


def _with_job(state: CircuitState, rest: CircuitStatus) -> CircuitState:
    return replace(state, status=rest) if state.status is CircuitStatus.WAITING else state


def _alone(job: Job) -> CircuitState:
    """Return where the only circuit of a job stands, of which the job's own row says all."""
    status = _rest(job)
    if job.error is not None:
        status = CircuitStatus.FAILED
    elif job.circuits_done:
        status = CircuitStatus.COMPLETED
    message = job.message if job.error is None else job.error.message
    return CircuitState(0, status, message, job.attempt or None, job.start_time, job.end_time)
