"""The services on a real store and real files, with small stand-ins for bus and parsers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from store_helpers import NOW, TARGET
from typing_extensions import override

from quws.artifacts import ArtifactStore
from quws.bus.announcer import Announcer
from quws.bus.connection import BusUnavailable, connect
from quws.bus.dispatcher import Dispatcher, UnfitWorker
from quws.bus.events import EventHub, JobEvent, Watch
from quws.circuits.formats.qpy_files import split
from quws.domain.caller import Caller
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.compiling import Native
from quws.domain.drawings import Drawing
from quws.domain.errors import InvalidCircuit, Refusal
from quws.domain.job import Claim, Job, TimelineEntry
from quws.domain.parameters.posted import Posted
from quws.domain.payloads import as_text
from quws.domain.policy import Policy
from quws.domain.quotas import NO_RULES, QuotaRules
from quws.domain.rewritten import Rewritten
from quws.domain.targets import Feature, TargetDescription, TargetKind
from quws.services.checker import CircuitChecker
from quws.services.jobs.service import JobService
from quws.services.quotes import Quotes
from quws.services.room import DiskRoom
from quws.services.standing import Standing
from quws.services.suitability import Suitability
from quws.services.sweeps import Sweeps
from quws.store.accounts import AccountStore
from quws.store.clock import StoreClock, time_of
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore

SECONDS = 10
T = TypeVar("T")
CIRCUIT = "OPENQASM 2.0; qreg q[2];"
FACTS = CircuitFacts(language=Language.OPENQASM_2, qubits=2, clbits=2, operations=30, depth=3)
DESCRIPTION = TargetDescription(
    name=TARGET,
    kind=TargetKind.SIMULATOR,
    title="The simulator",
    qubits=20,
    features=[Feature.MEMORY, Feature.NOISE],
    methods=["statevector"],
    max_shots=5000,
    max_circuits=3,
)
ANNA, BERT = Caller("anna"), Caller("bert")
OPERATOR = Caller("otto", operator=True)


def posted(*circuits: str, **values: str) -> list[Posted]:
    """Return the parameters of a request as they are posted."""
    given = [Posted("CIRCUIT", text.encode()) for text in circuits or (CIRCUIT,)]
    return given + [Posted(name, value.encode()) for name, value in values.items()]


class WallClock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


class LocalHub(EventHub):
    """Events within this process: what is published reaches the listeners at once."""

    def __init__(self) -> None:
        super().__init__(connect("unix:///nowhere"))
        self.told: list[JobEvent] = []
        self.asleep: asyncio.Queue[str] = asyncio.Queue()
        """The jobs whose waiters have read them and begin to wait for news."""
        self.away = False

    @override
    async def publish(self, event: JobEvent) -> None:
        if self.away:
            raise BusUnavailable("it is away")
        self.told.append(event)
        body = {"job": event.job_id, "phase": event.phase, "by": event.by}
        self._spread(json.dumps(body).encode())

    @override
    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watch]:
        with super().watch(job_id) as watch:
            yield NotedWatch(watch, lambda: self.asleep.put_nowait(job_id))


class NotedWatch(Watch):
    """A watch that says when somebody begins to wait."""

    def __init__(self, watch: Watch, note: Callable[[], None]) -> None:
        self._watch = watch
        self._note = note

    @override
    async def changed(self, seconds: float) -> bool:
        self._note()
        return await self._watch.changed(seconds)


class Hints(Dispatcher):
    """Hints that nobody takes, for the test to count."""

    def __init__(self) -> None:
        super().__init__(connect("unix:///nowhere"))
        self.sent: list[str] = []
        self.told: list[UnfitWorker] = []
        self.away = False

    def _answer(self) -> None:
        if self.away:
            raise BusUnavailable("it is away")

    @override
    async def tell_unfit(self, worker: UnfitWorker) -> None:
        self._answer()
        self.told.append(worker)

    @override
    async def unfit(self, target: str) -> list[UnfitWorker]:
        self._answer()
        return [item for item in self.told if item.target == target]

    @override
    async def hint(self, target: str) -> None:
        self._answer()
        self.sent.append(target)

    @override
    async def waiting(self, target: str) -> int:
        self._answer()
        return self.sent.count(target)

    @override
    async def probe(self) -> None:
        self._answer()


class ToldFacts(CircuitChecker):
    """Knows of circuits what it was told, without the processes that read them."""

    def __init__(self) -> None:
        self.facts: dict[str, CircuitFacts] = {}
        self.asked: list[list[str]] = []
        self.limits: CircuitLimits | None = None
        self.native: Native | None = None
        self.refuses: Refusal | None = None
        """What it says instead of an answer."""
        self.drawn: list[tuple[str, Language | None, CircuitLimits]] = []

    @override
    async def check(
        self,
        caller: Caller,
        circuits: list[str],
        language: Language | None,
        limits: CircuitLimits,
        *,
        native: Native | None = None,
    ) -> list[CircuitFacts]:
        self.asked.append(circuits)
        self.native = native
        self.limits = limits
        if self.refuses is not None:
            raise self.refuses
        if "no circuit" in circuits:
            raise InvalidCircuit("it is none", circuit=circuits.index("no circuit"))
        return [self.facts.get(text, FACTS) for text in circuits]

    @override
    async def split(
        self, caller: Caller, file: bytes, limits: CircuitLimits, most: int
    ) -> list[bytes]:
        return split(file, limits, most)

    @override
    async def rewrite(
        self,
        caller: Caller,
        compiled: list[str],
        sources: list[str],
        language: Language,
        limits: CircuitLimits,
        *,
        together: bool = False,
    ) -> list[Rewritten | None]:
        return [
            Rewritten(text=as_text(f"QISKIT {text}".encode()), final={0: 1}) for text in compiled
        ]

    @override
    async def draw(
        self, caller: Caller, circuit: str, language: Language | None, limits: CircuitLimits
    ) -> Drawing:
        self.drawn.append((circuit, language, limits))
        if circuit == "no circuit":
            raise InvalidCircuit("it is none")
        return Drawing(qubits=[], registers=[], columns=0, operations=[])


@dataclass
class House:
    """What the use cases stand on, and the use cases."""

    database: Database
    folder: Path
    policy: Policy = field(default_factory=Policy)
    clock: WallClock = field(default_factory=WallClock)
    hub: LocalHub = field(default_factory=LocalHub)
    hints: Hints = field(default_factory=Hints)
    checker: ToldFacts = field(default_factory=ToldFacts)
    adapters: dict[str, Any] = field(default_factory=dict)
    expected: frozenset[str] = frozenset()
    room: DiskRoom = field(default_factory=DiskRoom)

    def __post_init__(self) -> None:
        self.store = JobStore(self.database)
        self.targets = TargetStore(self.database)
        self.artifacts = ArtifactStore((self.folder / "artifacts").as_uri())
        self.announcer = Announcer(self.hints, self.hub)
        self.quotes = Quotes(self.store.quotes, self.clock)
        self.store_clock = StoreClock(self.database)
        self.jobs = self.service()

    def service(self, rules: QuotaRules = NO_RULES, **policy: Any) -> JobService:
        """Return the use cases of jobs, with another policy and quotas where some are given."""
        return JobService(
            store=self.store,
            targets=self.targets,
            artifacts=self.artifacts,
            events=self.hub,
            announcer=self.announcer,
            checker=self.checker,
            quotes=self.quotes,
            policy=self.policy.model_copy(update=policy),
            suitability=Suitability(self.adapters),
            standing=Standing(AccountStore(self.database), self.hub, self.clock),
            expected=self.expected,
            room=self.room,
            rules=rules,
            clock=self.clock,
        )

    def sweeps(self, **policy: Any) -> Sweeps:
        """Return the sweeps, with another policy where one is given."""
        return Sweeps(
            store=self.store,
            targets=self.targets,
            artifacts=self.artifacts,
            dispatcher=self.hints,
            announcer=self.announcer,
            policy=self.policy.model_copy(update=policy),
            store_clock=self.store_clock,
            clock=self.clock,
            lease_seconds=30,
            orphan_seconds=3600,
        )

    async def register(self, *descriptions: TargetDescription) -> None:
        await self.targets.register(descriptions or [DESCRIPTION], NOW, replace=True)

    async def submit(self, *circuits: str, caller: Caller = ANNA, **values: str) -> Job:
        return await self.jobs.submission.submit(caller, posted(*circuits, **values))

    async def claim(self, target: str = TARGET) -> Claim:
        found = await self.store.claims.claim(target, "worker", 3600, self.clock())
        assert found is not None, "there was a job to claim"
        return found

    async def queue_and_claim(self, job: Job, caller: Caller = ANNA) -> Claim:
        await self.jobs.control.run(caller, job.id)
        return await self.claim(job.target)

    async def complete(self, claim: Claim, results: Sequence[Any] = (), seconds: float = 1) -> None:
        entry = TimelineEntry(self.clock(), "completed", "worker")
        assert await self.store.publishing.complete(claim, results, entry, seconds)

    async def job(self, job_id: str) -> Job:
        found = await self.store.reading.get(job_id)
        assert found is not None, "the job is there"
        return found

    async def timeline(self, job_id: str) -> list[TimelineEntry]:
        found = await self.store.reading.whole(job_id)
        assert found is not None, "the job is there"
        return found[1]

    def set_clock(self, told: datetime) -> None:
        """Have the database's clock be known to tell this."""
        self.store_clock.observe(told, monotonic())

    async def look_at_the_clock(self, *, ahead: float = 0) -> None:
        """Read the database's clock, and go on from so many seconds later than it tells."""
        self.set_clock(await time_of(self.database) + timedelta(seconds=ahead))


async def soon(awaitable: Awaitable[T]) -> T:
    """Wait for something that is about to come true."""
    async with asyncio.timeout(SECONDS):
        return await awaitable
