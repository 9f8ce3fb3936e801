"""What follows from the parameters of a job: where it will run, how large it is, when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quws.domain import bindings
from quws.domain.caller import Caller
from quws.domain.circuits import CircuitFacts, kinds_of
from quws.domain.clock import Clock, utc_now
from quws.domain.compiling import check_layout
from quws.domain.errors import InvalidParameter, Unavailable, UnknownTarget
from quws.domain.job import Job
from quws.domain.kinds import JobKind, check_measuring
from quws.domain.mitigation import check_mitigation
from quws.domain.noise import Noise
from quws.domain.parameters.posted import Posted, with_parts
from quws.domain.parameters.reading import check_target, read_control, read_job
from quws.domain.parameters.request import JobRequest
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.domain.policy import Policy
from quws.domain.quotes import Quote, work_of
from quws.domain.spec import JobSpec
from quws.domain.targets import (
    Feature,
    TargetDescription,
    TargetKind,
    TargetRecord,
    TargetStatus,
)
from quws.domain.words import counted
from quws.services.checker import CircuitChecker
from quws.services.quotes import Outlook, Quotes
from quws.services.sessions import Sessions
from quws.services.standing import Standing
from quws.services.suitability import Suitability
from quws.services.timeslots import check_use
from quws.store.targets import TargetStore
from quws.telemetry import logs, tracing

_CERTAINLY = 1000
"""No prediction is wrong by such a factor."""
_FOR_EVER = 10**9


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from a request: where it will run, what the worker gets, how large it is."""

    target: TargetDescription
    request: JobRequest
    facts: list[CircuitFacts]
    spec: JobSpec
    work: int
    cost_ms: int
    quote: Quote | None
    outlook: Outlook
    """What was known of the target's queue."""
    seconds: float | None = None
    """How long the job would run, as the target predicts."""

    @property
    def shots(self) -> int:
        """How many shots its circuits have together; none where nothing is run."""
        options = self.spec.options
        if options.kind is JobKind.COMPILE:
            return 0
        of_each = sum(kind.circuits * options.of(kind.facts).shots for kind in kinds_of(self.facts))
        return round(of_each * options.mean_runs)

    @property
    def notes(self) -> list[str]:
        """What to say of parameters that the target takes, and that have no effect there."""
        if self.request.options.seed is None or Feature.SEED in self.target.features:
            return []
        return [f"SEED has no effect on target {self.target.name}: its counts cannot be repeated"]

    def warning(self, duration: int) -> str | None:
        """Return what to say of an execution duration that is probably too short (0: unlimited).

        Raises
        ------
        InvalidParameter
            The job certainly takes longer.

        """
        seconds = self.seconds
        if seconds is None or not duration or seconds <= duration:
            return None
        if seconds > _CERTAINLY * duration:
            raise InvalidParameter(
                f"EXECUTIONDURATION is {counted(duration, 'second')}, and the job would take about"
                f" {_digits(seconds)} seconds on target {self.target.name}; allow more time, or ask"
                " for less",
                parameter="EXECUTIONDURATION",
            )
        return (
            f"it may take about {counted(round(seconds), 'second')}, and would be stopped after"
            f" {duration} (EXECUTIONDURATION)"
        )


def _digits(seconds: float) -> str:
    """Write a long time with no more digits than are known of it."""
    if seconds >= _FOR_EVER:
        return f"more than {_FOR_EVER}"
    return f"{float(f'{seconds:.2g}'):.0f}"


class Planner:
    """Plans jobs: checks all that can be known of them before they are made.

    Parameters
    ----------
    specifications
        The parameters that jobs take.
    expected
        The targets of this service, also those that no worker has looked at yet.

    """

    def __init__(
        self,
        *,
        targets: TargetStore,
        checker: CircuitChecker,
        quotes: Quotes,
        policy: Policy,
        suitability: Suitability,
        standing: Standing,
        sessions: Sessions,
        specifications: Specifications = SPECIFICATIONS,
        expected: frozenset[str] = frozenset(),
        clock: Clock = utc_now,
    ) -> None:
        self._targets = targets
        self._checker = checker
        self._quotes = quotes
        self._policy = policy
        self.specifications = specifications
        self._expected = expected
        self._suitability = suitability
        self._standing = standing
        self._sessions = sessions
        self._clock = clock

    async def preview(self, caller: Caller, posted: Sequence[Posted]) -> Plan:
        """Return the plan of a job whose control parameters are sound too; it is not made.

        Raises
        ------
        InvalidParameter, InvalidCircuit, UnknownTarget, Unavailable
            Its creation would be refused.

        """
        control, rest = read_control(posted, self.specifications)
        self._policy.destruction(control.destruction, self._clock())
        return await self.plan(caller, with_parts(rest, self.specifications))

    async def plan(self, caller: Caller, posted: Sequence[Posted], job: Job | None = None) -> Plan:
        """Return what follows from the parameters of a job.

        Those of control are not among them, and uploads stand in their places. ``job`` is the one
        that is to have them, if it is there: it stays in the session in which it is, also when that
        is closed by now.

        Raises
        ------
        InvalidParameter
            One is malformed, unknown or beyond what the target takes.
        InvalidCircuit
            A circuit cannot be read, or the target cannot run it.
        UnknownTarget
            There is no such target, or it is retired.
        TimeslotRequired
            The target demands timeslots.
        SessionClosed
            The session takes no jobs any more.
        Unavailable
            The target takes no jobs yet, or circuits cannot be checked right now.
        TooManyRequests
            Circuits of this caller are being checked already.
        Unauthenticated
            The caller's credentials are gone meanwhile.

        """
        request = read_job(posted, self._policy, self.specifications)
        self._policy.check_priority(request.priority, caller.name, operator=caller.operator)
        target = await self.in_service(await self._where(caller, request, job))
        check_target(request, target, self.specifications)
        check_use(target, wanted=request.timeslot)
        layout = request.options.initial_layout
        facts = await self._checker.check(
            caller,
            request.circuits,
            request.language,
            target.circuit_limits,
            native=target.native(layout) if request.options.verbatim else None,
        )
        bindings.check(request.bindings, facts)
        if request.bindings is not None:
            facts = bindings.of_each(request.bindings, facts)
        # To send circuits, and to have them read, may have taken long.
        await self._standing.confirm(caller)
        target.check(facts)
        check_layout(layout, facts)
        options = request.options
        check_measuring(facts, options.kind)
        check_mitigation(options.mitigation, facts)
        if options.observable is not None:
            options.observable.check(facts)
        if options.noise is not None:
            noise = await self._noise(options.noise, target)
            options = options.model_copy(update={"noise": noise})
        seconds = self._suitability.predict(target.name, facts, options)
        spec = JobSpec.of(
            options,
            facts,
            language=request.language,
            response_format=request.response_format,
            tags=request.tags,
            metadata=request.metadata,
            origin=logs.origin() | tracing.carrier(),
        )
        work = work_of(facts, options.shots, options.mean_runs)
        record = await self._found(target.name)
        state = None if record is None else record.state
        outlook = await self._quotes.outlook(target.name, state)
        cost_ms = outlook.cost_ms(work, seconds)
        return Plan(
            target,
            request,
            facts,
            spec,
            work,
            cost_ms,
            outlook.end(work, cost_ms, self._clock(), request.session),
            outlook,
            seconds,
        )

    def forget(self, target: str) -> None:
        """Plan the next job of a target by its queue as it is then."""
        self._quotes.forget(target)

    async def in_service(self, name: str) -> TargetDescription:
        """Return a target that takes jobs, if only to keep them until it is online again.

        Raises
        ------
        UnknownTarget
            There is no such target, or it is retired.
        Unavailable
            Nothing is known of it yet, or it failed its conformance circuits.

        """
        record = await self._found(name)
        if record is None and name in self._expected:
            raise Unavailable(
                f"target {name} has not told yet what it is; its worker is starting, or cannot"
                " start: its log says why",
                parameter="TARGET",
            )
        if record is not None and record.state.status is not TargetStatus.RETIRED:
            if record.objection is not None:
                raise Unavailable(record.objection, parameter="TARGET")
            return record.description
        records = await self._targets.records()
        known = ", ".join(
            item.name for item in records if item.state.status is not TargetStatus.RETIRED
        )
        sentence = (
            f"there is no target '{name[:60]}'" if record is None else f"target {name} is retired"
        )
        raise UnknownTarget(f"{sentence}; TARGET may be: {known or 'none yet'}", parameter="TARGET")

    async def _where(self, caller: Caller, request: JobRequest, job: Job | None) -> str:
        """Return the name of the target: of a job of a session it is that of the session."""
        if request.session is None:
            return request.target or self._policy.target
        if job is not None and job.session == request.session:
            target = job.target
        else:
            target = (await self._sessions.of_job(caller, request.session)).target
        if request.target not in (None, target):
            raise InvalidParameter(
                f"TARGET must be {target}, which is that of the session, or left out",
                parameter="TARGET",
            )
        return target

    async def _found(self, name: str) -> TargetRecord | None:
        return next((item for item in await self._targets.records() if item.name == name), None)

    async def _noise(self, noise: Noise, target: TargetDescription) -> Noise:
        """Fill the present calibration of the device in, so that the job keeps it."""
        # Another service knows devices of its own.
        if noise.device is not None and target.kind is not TargetKind.REMOTE:
            name = noise.device.name
            record = await self._targets.record(name)
            calibration = None
            if record is not None and record.calibration is not None:
                calibration = await self._targets.calibration(name, record.calibration)
            if calibration is None:
                known = [item.name for item in await self._targets.records() if item.calibration]
                raise InvalidParameter(
                    f"NOISE names the device '{name[:60]}', of which no calibration is known; it"
                    f" may be a target that has one: {', '.join(known) or 'there is none'}",
                    parameter="NOISE",
                )
            device = noise.device.model_copy(update={"calibration": calibration})
            noise = noise.model_copy(update={"device": device})
        return noise
