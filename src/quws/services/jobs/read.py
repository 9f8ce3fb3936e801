"""Look at jobs: one, with or without all that its document says, or many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import NoReturn, TypeVar

from quws.domain.caller import Caller
from quws.domain.errors import Forbidden, IllegalMove, NotFound
from quws.domain.job import Job, JobRef, JobRow, JobTimes, Running, is_job_id
from quws.domain.labels import ListFilter, Place
from quws.domain.phases import Move, sources
from quws.domain.quotes import Quote
from quws.services.quotes import Quotes
from quws.services.snapshots import Snapshot, Snapshots
from quws.services.waiting import Waiting
from quws.store.jobs.store import JobStore

_T = TypeVar("_T")
ANY = ListFilter()
_COUNTED_BEYOND = 10_000


class JobReader:
    """Reads jobs for callers who may see them: their owners, and operators."""

    def __init__(self, store: JobStore, quotes: Quotes, waiting: Waiting) -> None:
        self._store = store
        self._snapshots = Snapshots(store.reading, waiting)
        self._quotes = quotes

    async def get(self, caller: Caller, job_id: str) -> Job:
        """Return a job.

        Raises
        ------
        NotFound
            There is no such job.
        Forbidden
            It is somebody else's.

        """
        return await _seen(caller, job_id, self._store.reading.get, lambda job: job.owner)

    async def authorise(self, caller: Caller, job_id: str) -> JobRef:
        """Return what the list says of a job, after making sure that it is the caller's.

        Raises
        ------
        NotFound
            There is no such job.
        Forbidden
            It is somebody else's.

        """
        return await _seen(caller, job_id, self._store.reading.head, lambda head: head.owner)

    async def times(self, caller: Caller, job_id: str) -> JobTimes:
        """Return when a job is to be done, and to go.

        Raises
        ------
        NotFound
            There is no such job.
        Forbidden
            It is somebody else's.

        """
        return await _seen(caller, job_id, self._store.reading.times, lambda found: found.ref.owner)

    async def snapshot(self, caller: Caller, job_id: str) -> Snapshot:
        """Return a job with all that its document says.

        Raises
        ------
        NotFound
            There is no such job.
        Forbidden
            It is somebody else's.

        """
        return await _seen(caller, job_id, self._snapshots.read_alone, _owner_of)

    async def again(self, caller: Caller, job_id: str) -> Snapshot:
        """Return the same after a change, read once for all whom that has woken.

        Raises
        ------
        NotFound
            There is no such job any more.
        Forbidden
            It is somebody else's.

        """
        return await _seen(caller, job_id, self._snapshots.read, _owner_of)

    def refs(
        self, caller: Caller, wanted: ListFilter = ANY, past: Place | None = None
    ) -> AsyncIterator[list[JobRef]]:
        """Yield the caller's jobs in chunks; ARCHIVED ones only when asked for.

        ``past`` is where the list is to go on.
        """
        return self._store.listing.refs(own(caller, wanted), past)

    async def rows(
        self, caller: Caller, limit: int, wanted: ListFilter = ANY, past: Place | None = None
    ) -> list[JobRow]:
        """Return one page of the caller's jobs, with what a table says of them."""
        return await self._store.listing.rows(own(caller, wanted), limit, past)

    async def jobs(
        self, caller: Caller, wanted: ListFilter, limit: int, offset: int
    ) -> tuple[list[Job], int]:
        """Return one page of the caller's jobs, without results, and how many the filter leaves.

        Some thousands beyond the page are counted, and no more. Whoever asks for page after page
        comes to as many as are told, whatever happens meanwhile.
        """
        mine = own(caller, wanted)
        found = await self._store.listing.jobs(mine, limit, offset)
        jobs = [job for job in found if job is not None]
        if not jobs or len(found) < limit:
            return jobs, offset + len(jobs)
        most = offset + limit + _COUNTED_BEYOND
        return jobs, await self._store.listing.count_some(mine, most)

    async def running(self) -> list[Running]:
        """Return the jobs that workers have in hand: everybody's, for operators."""
        return await self._store.listing.running()

    async def quote(self, job: Job) -> Quote | None:
        """Return when a job will probably be done; one that may still be run, if it ran now."""
        if job.phase not in sources(Move.QUEUE):
            return job.quoted
        state = await self._quotes.state(job.target)
        return self._quotes.of_new(state, job.work, job.cost_ms, job.session)

    async def refuse(self, caller: Caller, job_id: str, rule: str) -> NoReturn:
        """Raise why a job's phase forbids what was asked.

        Raises
        ------
        IllegalMove
            Always, unless the job is gone meanwhile.
        NotFound, Forbidden
            The job is not there, or not the caller's, any more.

        """
        job = await self.get(caller, job_id)
        raise IllegalMove(f"{rule}; job {job_id} is {job.phase}", parameter="PHASE")


def _owner_of(found: Snapshot) -> str | None:
    return found.job.owner


def own(caller: Caller, wanted: ListFilter) -> ListFilter:
    """Return a filter that leaves only jobs that the caller may see."""
    return replace(wanted, owner=caller.name, everybody=caller.operator)


async def _seen(
    caller: Caller,
    job_id: str,
    read: Callable[[str], Awaitable[_T | None]],
    owner_of: Callable[[_T], str | None],
) -> _T:
    """Return what is read of a job, after making sure that it is there and the caller's."""
    found = await read(job_id) if is_job_id(job_id) else None
    if found is None:
        raise NotFound(f"there is no job {job_id[:60]}")
    if not caller.may_see(owner_of(found)):
        raise Forbidden(f"job {job_id} belongs to somebody else")
    return found
