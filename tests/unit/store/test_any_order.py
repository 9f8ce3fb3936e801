"""Whatever is done to jobs in whatever order, the store holds to the table of moves.

Hypothesis draws the orders; a model that knows only ``quws.domain.phases`` says
what each step must have done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness import Postgres
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from store_helpers import run

from quws.domain.job import (
    Claim,
    ErrorType,
    Job,
    JobError,
    Parameter,
    Result,
    TimelineEntry,
    new_job_id,
)
from quws.domain.phases import FINAL, Move, Phase, sources, target
from quws.domain.spec import JobSpec
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.jobs.sweeps import Overdue
from quws.store.schema import upgrade
from quws.store.tables import metadata

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CIRCUITS = 2
LONG, EXPIRED = 3600.0, -60.0
FAILURE = JobError(ErrorType.FATAL, "code", "why", None)
ENDS = {"completed", "failed", "aborted"}


def entry(status: str) -> TimelineEntry:
    return TimelineEntry(NOW, status, "test")


@dataclass
class Known:
    """What the model holds of a job."""

    id: str
    phase: Phase
    attempt: int = 0
    done: int = 0
    holder: Claim | None = None
    expired: bool = False


class Jobs(RuleBasedStateMachine):
    """Users, workers and sweeps at the same jobs, and claims that are long out of date."""

    url: str
    jobs = Bundle("jobs")
    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.database = Database(self.url, pool_size=1)
        self.store = JobStore(self.database)
        self.known: dict[str, Known] = {}
        self.run(self._clear())

    def teardown(self) -> None:
        self.run(self.database.close())
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def _clear(self) -> None:
        async with self.database.write() as connection:
            for table in reversed(metadata.sorted_tables):
                await connection.execute(table.delete())

    # -- the model ----------------------------------------------------------------

    def moves(self, job_id: str, move: Move, did: bool, *, allowed: bool = True) -> Known | None:
        """Hold what was done to what may be done. Gives the job if it moved."""
        job = self.known.get(job_id)
        legal = job is not None and job.phase in sources(move) and allowed
        assert did is legal, (job, move)
        if not legal:
            return None
        assert job is not None
        job.phase = target(move)
        if move is not Move.CLAIM:
            job.holder = None
        return job

    def holds(self, claim: Claim) -> bool:
        job = self.known.get(claim.id)
        return (
            job is not None
            and job.holder is not None
            and job.holder.lease == claim.lease
            and job.phase is Phase.EXECUTING
        )

    # -- users ----------------------------------------------------------------------

    @rule(target=jobs, run=st.booleans(), owner=st.sampled_from([None, "anna", "bob"]))
    def add(self, run: bool, owner: str | None) -> str:
        phase = Phase.QUEUED if run else Phase.PENDING
        job = Job(
            id=new_job_id(),
            owner=owner,
            run_id=None,
            phase=phase,
            target="simulator",
            creation_time=NOW,
            queued_time=NOW if run else None,
            start_time=None,
            end_time=None,
            destruction_time=NOW + timedelta(days=1),
            execution_duration=600,
            quote=None,
            attempt=0,
            circuits=CIRCUITS,
            circuits_done=0,
            message=None,
            parameters=[Parameter("CIRCUIT", "x")],
            spec=JobSpec(),
            error=None,
        )
        self.run(self.store.creation.add(job, [entry("received")]))
        self.known[job.id] = Known(job.id, phase)
        return job.id

    @rule(job_id=jobs)
    def queue(self, job_id: str) -> None:
        done = self.run(run(self.store, job_id, entry("queued")))
        self.moves(job_id, Move.QUEUE, done is not None)

    @rule(job_id=jobs)
    def hold(self, job_id: str) -> None:
        done = self.run(run(self.store, job_id, entry("held"), most=-1))
        self.moves(job_id, Move.HOLD, done is not None)

    @rule(job_id=jobs)
    def abort(self, job_id: str) -> None:
        done = self.run(self.store.control.abort(job_id, entry("aborted")))
        self.moves(job_id, Move.ABORT, done is not None)

    @rule(job_id=jobs)
    def delete(self, job_id: str) -> None:
        assert self.run(self.store.control.delete(job_id, NOW)) is (job_id in self.known)
        self.known.pop(job_id, None)

    # -- workers ----------------------------------------------------------------------

    @rule(target=claims, expired=st.booleans())
    def claim(self, expired: bool) -> Claim | None:
        lease = EXPIRED if expired else LONG
        found: Claim | None = self.run(self.store.claims.claim("simulator", "worker", lease, NOW))
        waiting = [job for job in self.known.values() if job.phase in sources(Move.CLAIM)]
        if found is None:
            assert not waiting
            return None
        job = self.moves(found.id, Move.CLAIM, True)
        assert job is not None
        job.attempt += 1
        job.holder, job.expired = found, expired
        assert (found.attempt, found.job.circuits_done) == (job.attempt, job.done)
        return found

    @rule(claim=claims)
    def renew(self, claim: Claim | None) -> None:
        if claim is not None:
            assert (self.run(self.store.claims.renew(claim, LONG)) is not None) is self.holds(claim)
            if self.holds(claim):
                self.known[claim.id].expired = False

    @rule(claim=claims, index=st.integers(0, CIRCUITS - 1))
    def store_circuits(self, claim: Claim | None, index: int) -> None:
        if claim is None:
            return
        key = f"{claim.id}/{claim.attempt}/{index}"
        result = Result(f"counts-{index}", key, 1, "application/json")
        before = self.run(self.store.reading.circuit_artifacts(claim.id))
        did = self.run(
            self.store.publishing.store_circuits(
                claim, range(index, index + 1), [result], entry("circuit done"), NOW
            )
        )
        assert did is self.holds(claim)
        if did and index not in before:
            self.known[claim.id].done += 1

    def ended(self, claim: Claim | None, move: Move, act: Callable[[Claim], Any]) -> Known | None:
        if claim is None:
            return None
        holds = self.holds(claim)
        return self.moves(claim.id, move, bool(self.run(act(claim))), allowed=holds)

    @rule(claim=claims)
    def complete(self, claim: Claim | None) -> None:
        result = Result("result", "key", 1, "text/plain")
        job = self.ended(
            claim,
            Move.COMPLETE,
            lambda c: self.store.publishing.complete(c, [result], entry("completed"), 1.0),
        )
        if job is not None:
            job.done = CIRCUITS

    @rule(claim=claims)
    def fail(self, claim: Claim | None) -> None:
        self.ended(
            claim, Move.FAIL, lambda c: self.store.publishing.fail(c, FAILURE, entry("failed"))
        )

    @rule(claim=claims)
    def retry(self, claim: Claim | None) -> None:
        self.ended(claim, Move.REQUEUE, lambda c: self.store.publishing.retry(c, entry("requeued")))

    @rule(claim=claims)
    def hand_back(self, claim: Claim | None) -> None:
        job = self.ended(
            claim, Move.SUSPEND, lambda c: self.store.publishing.hand_back(c, entry("suspended"))
        )
        if job is not None:
            job.attempt -= 1

    # -- sweeps ------------------------------------------------------------------------

    @rule(give_up=st.booleans())
    def lost(self, give_up: bool) -> None:
        found: list[Overdue] = self.run(self.store.sweeps.abandoned())
        executing = [job for job in self.known.values() if job.phase is Phase.EXECUTING]
        assert {item.id for item in found} == {job.id for job in executing if job.expired}
        for item in found:
            if give_up:
                done = self.run(self.store.sweeps.give_up(item, FAILURE, entry("failed")))
                self.moves(item.id, Move.FAIL, done)
            else:
                self.moves(
                    item.id, Move.REQUEUE, self.run(self.store.sweeps.requeue(item, entry("x")))
                )
            # Nothing is done twice, however often somebody believes that it is due.
            assert not self.run(self.store.sweeps.requeue(item, entry("x")))

    @rule(job_id=jobs)
    def archive(self, job_id: str) -> None:
        done = self.run(self.store.sweeps.archive(job_id, NOW + timedelta(days=2)))
        if self.moves(job_id, Move.ARCHIVE, done) is not None:
            self.known[job_id].done = self.run(self.store.reading.get(job_id)).circuits_done

    # -- what always holds ----------------------------------------------------------------

    @invariant()
    def every_job_is_what_the_model_says(self) -> None:
        for job in self.known.values():
            whole = self.run(self.store.reading.whole(job.id))
            assert whole is not None
            found, timeline, *_ = whole
            assert (found.phase, found.attempt, found.circuits_done) == (
                job.phase,
                job.attempt,
                job.done,
            )
            assert sum(item.status in ENDS for item in timeline) == (job.phase in FINAL)
            assert (found.end_time is not None) == (job.phase in FINAL)
            assert (found.error is not None) <= (job.phase in FINAL)
            names = [item.id for item in found.results]
            assert len(names) == len(set(names))


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_table_of_moves_holds_in_any_order(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if dialect == "sqlite":
        url = f"sqlite:///{tmp_path / 'quws.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.database()
    upgrade(url)
    machine = type("JobsHere", (Jobs,), {"url": url})
    machine.TestCase.settings = settings(
        max_examples=12,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    machine.TestCase().runTest()
