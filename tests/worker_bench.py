"""A worker whose database and artifacts are real, and whose children follow a script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from scripted_children import ScriptedChildren
from store_helpers import NOW, TARGET, entry, new_job

from quws.bus.dispatcher import UnfitWorker
from quws.bus.events import JobEvent
from quws.domain.circuits import CircuitFacts, Language
from quws.domain.job import Claim, Job, Parameter
from quws.domain.options import RunOptions
from quws.domain.parameters.values import ResponseFormat
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.domain.targets import TargetDescription
from quws.store.clock import StoreClock
from quws.store.database import Database, StoreUnavailable
from quws.store.jobs.claims import JobClaims, Taken
from quws.store.jobs.store import JobStore
from quws.worker.held import HeldJob
from quws.worker.run import Run
from quws.worker.scratch import Scratch
from quws.worker.slots import Slots
from quws.worker.workplace import Workplace

CIRCUIT = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; h q[0]; measure q -> c;'
FACTS = CircuitFacts(language=Language.OPENQASM_2, qubits=1, clbits=1, operations=2, depth=2)


class Gate:
    """A place on the way of the worker, where it can be made to wait."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._opened = asyncio.Event()
        self._opened.set()

    def shut(self) -> None:
        self.reached.clear()
        self._opened.clear()

    def open(self) -> None:
        self._opened.set()

    async def passed(self) -> None:
        self.reached.set()
        await self._opened.wait()


class Bus:
    """What a worker spreads over the bus."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.events: list[JobEvent] = []
        self.hints: list[str] = []
        self.unfit: list[UnfitWorker] = []

    async def publish(self, event: JobEvent) -> None:
        await self.gate.passed()
        self.events.append(event)

    async def hint(self, target: str) -> None:
        self.hints.append(target)

    async def tell_unfit(self, worker: UnfitWorker) -> None:
        self.unfit.append(worker)

    @property
    def phases(self) -> list[Phase | None]:
        return [event.phase for event in self.events]


class ShakyClaims(JobClaims):
    """Claims in a database that is away now and then, or slow."""

    away = False

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.gate = Gate()

    async def take(self, *given: Any, **more: Any) -> Taken:
        self._answer()
        await self.gate.passed()
        return await super().take(*given, **more)

    async def renew(self, *given: Any) -> tuple[Claim, datetime] | None:
        self._answer()
        return await super().renew(*given)

    async def shift(self, *given: Any) -> Claim | None:
        self._answer()
        return await super().shift(*given)

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailable("it is away")


class WholeClock(StoreClock):
    """A clock whose reading is not cut off: that would leave a connection open."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.readings: set[asyncio.Future[float]] = set()

    async def look(self) -> float:
        reading = asyncio.ensure_future(super().look())
        self.readings.add(reading)
        reading.add_done_callback(self.readings.discard)
        return await asyncio.shield(reading)


@dataclass
class Bench:
    """Everything that a test of the worker needs."""

    place: Workplace
    bus: Bus
    children: ScriptedChildren
    readers: ScriptedChildren
    """Who reads for them, where they must not."""
    target: TargetDescription
    scratch: Scratch
    rests: list[str] = field(default_factory=list)
    """Why it rested."""
    made: list[Slots] = field(default_factory=list)

    @property
    def jobs(self) -> JobStore:
        return self.place.jobs

    @property
    def claims(self) -> ShakyClaims:
        assert isinstance(self.jobs.claims, ShakyClaims)
        return self.jobs.claims

    @property
    def clock(self) -> WholeClock:
        assert isinstance(self.place.store_clock, WholeClock)
        return self.place.store_clock

    async def queue(self, circuits: int = 1, *, bindings: str | None = None, **changes: Any) -> Job:
        """Queue a job of circuits, or of one with values for as many."""
        given = [Parameter("CIRCUIT", CIRCUIT)] * (circuits if bindings is None else 1)
        if bindings is not None:
            given.append(Parameter("BINDINGS", bindings))
        spec = JobSpec.of(
            RunOptions(shots=100, seed=7),
            [FACTS] * circuits,
            response_format=ResponseFormat.JSON,
        )
        job = new_job(
            phase=Phase.QUEUED,
            queued_time=NOW,
            circuits=circuits,
            parameters=given,
            **({"spec": spec} | changes),
        )
        await self.jobs.creation.add(job, [entry("received")])
        return job

    async def hold(self, circuits: int = 1, **changes: Any) -> HeldJob:
        """Claim a new job."""
        await self.queue(circuits, **changes)
        return await self.claim()

    async def claim(self) -> HeldJob:
        place = self.place
        found = await self.jobs.claims.claim(TARGET, place.worker, place.lease_seconds, NOW)
        assert found is not None
        return HeldJob(place, found, place.store_clock.shifted)

    def run(self, held: HeldJob) -> Awaitable[None]:
        return Run(held, self.place, self.target, self.rests.append).run()

    def slots(self, slots: int = 1, **options: Any) -> Slots:
        options = {"idle_seconds": 0.01} | options
        self.made.append(Slots(self.place, self.target, slots=slots, **options))
        return self.made[-1]

    async def finish(self) -> None:
        """Stop what slots still do: nobody may be at the database when it is closed."""
        for slots in self.made:
            tasks = {*slots._takes, *slots._tasks}
            for task in tasks:
                task.cancel()
            # Cancelled, they still hand their jobs back, and look for the next one.
            while tasks:
                await asyncio.wait(tasks, timeout=20)
                tasks = {task for task in (*slots._takes, *slots._tasks) if not task.done()}

    def with_place(self, **changes: Any) -> Bench:
        return replace(self, place=replace(self.place, **changes))

    async def job(self, job_id: str) -> Job:
        found = await self.jobs.reading.get(job_id)
        assert found is not None
        return found

    async def phase(self, job_id: str) -> Phase:
        return (await self.job(job_id)).phase

    async def statuses(self, job_id: str) -> list[str]:
        found = await self.jobs.reading.whole(job_id)
        assert found is not None
        return [entry.status for entry in found[1]]

    async def sentences(self, job_id: str) -> list[str | None]:
        found = await self.jobs.reading.whole(job_id)
        assert found is not None
        return [entry.message for entry in found[1]]

    async def take_away(self, held: HeldJob) -> None:
        """Abort a job, as its owner can at any time."""
        assert await self.jobs.control.abort(held.id, entry("aborted"))
