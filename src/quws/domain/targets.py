"""What a target is, as the service shows it and as the check of a job uses it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from quws import __version__
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language, called, kinds_of
from quws.domain.compiling import Native
from quws.domain.conformance import ConformanceReport, ConformanceRule
from quws.domain.errors import InvalidCircuit
from quws.domain.kinds import JobKind
from quws.domain.quotes import QuoteRecord
from quws.domain.sessions import SessionChanges
from quws.domain.times import format_instant
from quws.domain.timeslots import TimeslotRules

MOST_CIRCUITS = 10_000
"""Circuits of a job on targets that compute: so many are read, and answered, in some seconds."""


class TargetStatus(StrEnum):
    """Whether a target takes work right now."""

    ONLINE = "online"
    OFFLINE = "offline"
    MAINTENANCE = "maintenance"
    CALIBRATING = "calibrating"
    RETIRED = "retired"
    """It will not come back: jobs that wait for it end in ERROR."""


class TargetKind(StrEnum):
    """What stands behind a target."""

    SIMULATOR = "simulator"
    EMULATOR = "emulator"
    """Behaves like hardware, its clock included, without being any."""
    HARDWARE = "hardware"
    REMOTE = "remote"
    """Another service that has a queue of its own."""


class Feature(StrEnum):
    """Something that a circuit or a job may ask of a target."""

    MEMORY = "memory"
    """One bit string for each shot."""
    SEED = "seed"
    """The same seed gives the same counts."""
    MID_CIRCUIT = "mid-circuit measurement"
    RESET = "reset"
    CONTROL_FLOW = "classical control"
    DELAY = "delay"
    NOISE = "noise models"
    METHOD = "choice of method"
    EXACT = "exact expectation values"
    COMPILING = "choice of compilation"
    """OPTIMIZATION and INITIAL_LAYOUT are for its compiler."""
    MITIGATION = "error mitigation"


class QubitCalibration(BaseModel):
    """What is known of one qubit. Times in seconds, errors as probabilities."""

    model_config = ConfigDict(frozen=True)

    qubit: int
    t1: float | None = None
    t2: float | None = None
    frequency: float | None = None
    """In hertz."""
    readout_error: float | None = None
    readout_duration: float | None = None


class GateCalibration(BaseModel):
    """What is known of one gate on one tuple of qubits. Duration in seconds."""

    model_config = ConfigDict(frozen=True)

    gate: str
    qubits: tuple[int, ...]
    error: float | None = None
    duration: float | None = None


class Calibration(BaseModel):
    """The state of a device at one time; ``id`` is the same for the same content."""

    model_config = ConfigDict(frozen=True)

    id: str
    time: datetime
    qubits: list[QubitCalibration] = Field(default_factory=list)
    gates: list[GateCalibration] = Field(default_factory=list)


class TargetState(BaseModel):
    """What a health check found. ``message`` is for users."""

    model_config = ConfigDict(frozen=True)

    status: TargetStatus = TargetStatus.ONLINE
    message: str | None = None
    until: datetime | None = None
    """When the target is expected back, where somebody knows."""

    @property
    def takes_work(self) -> bool:
        """Whether jobs are started now."""
        return self.status is TargetStatus.ONLINE

    def sentence(self, name: str) -> str | None:
        """Say why jobs of the target of this name wait; None if they do not."""
        if self.takes_work:
            return None
        state = "in maintenance" if self.status is TargetStatus.MAINTENANCE else self.status
        text = f"target {name} is {state}"
        if self.message:
            text += f": {self.message}"
        if self.until is not None:
            text += f"; expected back at {format_instant(self.until)}"
        return text


class TargetDescription(BaseModel):
    """A target: what it is, what it can run and how much of it."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: TargetKind
    title: str
    qubits: int
    job_kinds: list[JobKind] = Field(default_factory=lambda: [JobKind.SAMPLE, JobKind.ESTIMATE])
    """What KIND may be."""
    native_gates: list[str] = Field(default_factory=list)
    """By Qiskit's names; empty where any gate will do."""
    coupling: list[tuple[int, int]] | None = None
    """Pairs of qubits that a gate can join; None where all can."""
    time_unit: float | None = None
    """How many seconds a ``dt`` is, in which circuits may give delays; None where it is none."""
    features: list[Feature] = Field(default_factory=list)
    methods: list[str] = Field(default_factory=list)
    """What METHOD may be, besides ``auto``."""
    circuit_limits: CircuitLimits = Field(default_factory=CircuitLimits)
    max_shots: int = 1_000_000
    max_circuits: int = 300
    languages: list[Language] = Field(
        default_factory=lambda: [item for item in Language if item is item.grammar]
    )
    exclusive: bool = False
    """Only one worker at a time may hold it, as with hardware."""
    remote: bool = False
    """It has a queue of its own, to which jobs are handed over whole."""
    conformance_rule: ConformanceRule = ConformanceRule.AUTOMATIC
    """When it has to pass the conformance circuits."""
    timeslots: TimeslotRules | None = None
    """What can be booked of it; None where nothing can."""
    sessions: SessionChanges | None = None
    """What is allowed of sessions of it, in place of the settings."""

    def native(self, layout: Sequence[int] | None) -> Native:
        """Return what circuits may consist of that it runs as they are, with a qubit map."""
        return Native(
            target=self.name,
            qubits=self.qubits,
            gates=tuple(self.native_gates),
            coupling=None if self.coupling is None else tuple(self.coupling),
            layout=None if layout is None else tuple(layout),
        )

    def check(self, facts: Sequence[CircuitFacts]) -> None:
        """Refuse circuits that need what the target does not claim.

        Raises
        ------
        InvalidCircuit

        """
        kinds = kinds_of(facts)
        if self.remote and self.kind is not TargetKind.REMOTE:
            # All is handed over at once.
            for index, _, item in kinds:
                if item.shots != kinds[0].facts.shots:
                    raise InvalidCircuit(
                        f"{called(index, facts)} is to be run {item.shots} times and the first one"
                        f" {kinds[0].facts.shots} times, and target {self.name} runs all circuits"
                        " of a job as often",
                        circuit=index,
                    )
        for index, _, item in kinds:
            if item.language.grammar not in self.languages:
                raise InvalidCircuit(
                    f"{called(index, facts)} is in {item.language}, and target {self.name} takes"
                    f" {', '.join(self.languages)}",
                    circuit=index,
                )
            for needed, feature in (
                (item.mid_circuit, Feature.MID_CIRCUIT),
                (item.resets, Feature.RESET),
                (item.control_flow, Feature.CONTROL_FLOW),
                (item.delays, Feature.DELAY),
            ):
                if needed and feature not in self.features:
                    raise InvalidCircuit(
                        f"{called(index, facts)} has {feature}, which target {self.name} does not"
                        " do",
                        circuit=index,
                    )

    @property
    def fingerprint(self) -> str:
        """What the circuits were run against: another one, or another quws, must pass again."""
        decided = {"conformance_rule", "timeslots", "sessions", "time_unit"}
        content = self.model_dump(mode="json", exclude=decided) | {"quws": __version__}
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class TargetRecord(BaseModel):
    """What the service knows of a target."""

    model_config = ConfigDict(frozen=True)

    description: TargetDescription
    state: TargetState
    """What counts: an operator's word while there is one, else the last health check's."""
    set_by: str | None = None
    """Which operator has set the state; None if a health check found it."""
    checked: datetime | None = None
    """When the last health check was."""
    calibration: str | None = None
    """The id of the present calibration."""
    conformance: dict[str, Any] | None = None
    """What the last run of the conformance circuits found."""
    conformance_time: datetime | None = None
    quotes: QuoteRecord = Field(default_factory=QuoteRecord)
    """How it has kept its quotes."""

    @property
    def name(self) -> str:
        """The target's name."""
        return self.description.name

    @property
    def report(self) -> ConformanceReport | None:
        """What the conformance circuits found on the target as it is now; None before they ran."""
        if self.conformance is None:
            return None
        report = ConformanceReport.model_validate(self.conformance)
        return report if report.fingerprint == self.description.fingerprint else None

    @cached_property
    def objection(self) -> str | None:
        """Say why the target is not offered; None if it is.

        One whose worker runs the circuits by itself takes jobs before that, and
        runs them after it.
        """
        rule, report = self.description.conformance_rule, self.report
        if rule is ConformanceRule.NONE or (report is not None and report.passed):
            return None
        command = f"the operator must run 'quws targets check {self.name}'"
        if report is not None:
            return (
                f"target {self.name} has failed its conformance check ({report.summary});"
                f" once that is mended, {command}"
            )
        if rule is ConformanceRule.AUTOMATIC:
            return None
        return f"target {self.name} has not passed its conformance check yet; {command}"


class Load(BaseModel):
    """How many jobs of a target waited and ran at one time."""

    model_config = ConfigDict(frozen=True)

    time: datetime
    waiting: int
    running: int
