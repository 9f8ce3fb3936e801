"""New jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import insert

from quws.domain.job import Job, TimelineEntry
from quws.domain.phases import Phase
from quws.domain.quotas import Bound
from quws.domain.shares import Fairness
from quws.store import quotas, sessions, webhooks
from quws.store import tables as t
from quws.store.database import Database
from quws.store.jobs import keys, transition
from quws.store.jobs.circuits import add_circuits
from quws.store.jobs.judgements import told_text
from quws.store.jobs.keys import MadeBefore, Once
from quws.store.jobs.labels import add_tags
from quws.store.jobs.rows import parameter_json
from quws.store.jobs.turns import for_turn, turn_of_new
from quws.store.jobs.usage import bytes_of
from quws.store.quotas import Wanted
from quws.store.statements import Statement


class JobCreation:
    """Writes new jobs."""

    def __init__(self, database: Database, fairness: Fairness) -> None:
        self._database = database
        self._fairness = fairness
        self._take = keys.taking(database)
        self._queued = Statement(insert(t.jobs).values(turn=turn_of_new(database)))

    async def add(
        self,
        job: Job,
        entries: Sequence[TimelineEntry],
        once: Once | None = None,
        webhook: str | None = None,
        bounds: Sequence[Bound] = (),
    ) -> MadeBefore | None:
        """Write a new job (PENDING, or QUEUED when it is to run at once).

        With ``once`` only if its key is new to the owner; else nothing is
        written, and what the key stands for is given. ``webhook`` is the URL that is told of it,
        ``bounds`` are the limits of the owner under which there must be room for it.

        Raises
        ------
        QuotaExceeded
            There is no room: nothing is written.
        SessionClosed
            Its session takes no jobs any more: nothing is written.

        """
        async with self._database.write() as connection:
            if job.session is not None:
                await sessions.admit(connection, job.session)
            if once is not None:
                before = await keys.take(connection, self._take, job, once)
                if before is not None:
                    return before
            # First, so that it is told of the making too.
            if webhook is not None:
                now = entries[-1].time
                await webhooks.link(
                    connection, self._database, job.id, job.owner or "", webhook, now
                )
            queued, stored_bytes = job.phase is Phase.QUEUED, bytes_of(job.parameters)
            charged = None
            if bounds:
                wanted = Wanted(jobs=1, stored_bytes=stored_bytes, pending=1)
                if queued:
                    wanted = replace(wanted, pending=0, queued=1, shots=job.shots, ms=job.cost_ms)
                time = entries[-1].time
                charged = await quotas.take(connection, self._database, bounds, wanted, time)
            await transition.create(
                connection,
                job.phase,
                entries,
                self._queued if queued else transition.NEW_JOB,
                id=job.id,
                owner=job.owner or "",
                run_id=job.run_id,
                name=job.name,
                target=job.target,
                creation_time=job.creation_time,
                queued_time=job.queued_time,
                destruction_time=job.destruction_time,
                execution_duration=job.execution_duration,
                circuits=job.circuits,
                parameters=[parameter_json(item) for item in job.parameters],
                spec=job.spec.stored(),
                size=job.work,
                cost_ms=job.cost_ms,
                priority=job.priority,
                **(
                    for_turn(job.target, job.owner, self._fairness, entries[-1].time)
                    if queued
                    else {"turn": 0}
                ),
                quote=job.quote,
                quote_low=job.quote_low,
                quote_high=job.quote_high,
                told=None if job.told is None else told_text(job.told),
                message=job.message,
                stored_bytes=stored_bytes,
                shots=job.shots,
                timeslot=job.timeslot,
                session=job.session,
                charged=charged,
            )
            if job.spec.tags:
                await add_tags(connection, self._database, [job.id], job.spec.tags)
            await add_circuits(connection, job.id, job.circuits)
            return None
