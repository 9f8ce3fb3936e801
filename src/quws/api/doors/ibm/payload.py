"""What a client sends as the ``params`` of a program, made to parameters of a job, and back.

All circuits of the job stand in one text, as they came; see ``quws.domain.pubs``.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from quws.api.doors.ibm import metadata
from quws.api.doors.ibm.observables import Array, Broadcast, read_array
from quws.api.doors.ibm.options import (
    Options,
    read_defaults,
    read_executor,
    read_options,
    read_precision,
    read_shots,
)
from quws.domain import pubs
from quws.domain.circuits import Language
from quws.domain.errors import InvalidParameter, NotFound
from quws.domain.job import Job
from quws.domain.kinds import JobKind
from quws.domain.observables import Observables
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.writing import text as written
from quws.domain.pubs import INDEX, Program, Pub, Pubs
from quws.domain.targets import Feature, TargetDescription
from quws.services.jobs.files import JobFiles

PROGRAMS: frozenset[str] = frozenset({"sampler", "estimator", "executor"})
"""The programs that are served."""
SHOTS, PRECISION = 4096, 1 / 64
"""What counts where neither a PUB nor an option says it."""


@dataclass(frozen=True, slots=True)
class Made:
    """The parameters of a job, and what is to be said of how they were understood."""

    posted: list[Posted]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one PUB asks for: the values have this shape, and the rest is for the estimator.

    ``shots`` are those of each basis, where they were asked for; else the precision says how many.
    """

    shape: tuple[int, ...]
    rows: int
    circuit: Any
    """As it was sent."""
    observables: Array | None = None
    broadcast: Broadcast | None = None
    precision: float = 0.0
    shots: int | None = None


@dataclass(slots=True)
class _Lists:
    """The lists of observables of all circuits: each one once."""

    places: dict[tuple[str, ...], int] = field(default_factory=dict)
    lists: list[list[Any]] = field(default_factory=list)
    which: list[int] = field(default_factory=list)

    def add(self, array: Array, each: Sequence[tuple[int, ...]]) -> None:
        texts = [str(item) for item in array.items]
        known: dict[tuple[int, ...], int] = {}
        for items in each:
            if items not in known:
                key = tuple(texts[item] for item in items)
                if key not in self.places:
                    self.places[key] = len(self.lists)
                    self.lists.append([array.items[item] for item in items])
                known[items] = self.places[key]
            self.which.append(known[items])


def made_of(program: str, params: dict[str, Any], target: TargetDescription) -> Made:
    """Return the parameters of the job that a request asks for.

    Parameters
    ----------
    program
        One of ``PROGRAMS``.
    params
        What the client has sent.

    Raises
    ------
    InvalidParameter

    """
    name = cast("Program", program)
    executed = name == "executor"
    options = read_executor(params) if executed else read_options(params, name, target)
    asked = asked_of(params, name, options, target.qubits)
    count = sum(item.rows for item in asked)
    if not count:
        raise InvalidParameter("params.pubs have no values", parameter="params.pubs")
    if count > target.max_circuits:
        raise InvalidParameter(
            f"params.pubs make {count} circuits, one for each row of values, and"
            f" {target.name} takes at most {target.max_circuits}",
            parameter="params.pubs",
        )
    notes = options.notes + [
        f"the metadata of the circuit of params.pubs.{index} have more than {metadata.MOST_BYTES}"
        " bytes, and are not told again"
        for index, item in enumerate(asked)
        if not executed and metadata.is_too_long(item.circuit)
    ]
    posted = {"LANG": str(Language.PUBS), "BINDINGS": json.dumps({INDEX: list(range(count))})}
    if name != "estimator":
        known = _sampled(params, asked, options, target)
        if Feature.MEMORY in target.features:
            posted["MEMORY"] = "true"
    else:
        posted["KIND"] = JobKind.ESTIMATE
        known, observables = _estimated(asked, target)
        posted["OBSERVABLE"] = written(observables)
    posted["SHOTS"] = str(max(item.shots for item in known))
    if options.seed is not None:
        posted["SEED"] = str(options.seed)
    if options.mitigation:
        posted["MITIGATION"] = ",".join(options.mitigation)
    circuit = pubs.write(name, known, params)
    return Made(
        [Posted("CIRCUIT", circuit.encode())]
        + [Posted(key, value.encode()) for key, value in posted.items()],
        notes,
    )


def asked_of(
    params: dict[str, Any], program: Program, options: Options, qubits: int | None = None
) -> list[Asked]:
    """Return what each PUB asks for, of circuits that have so many ``qubits`` at most.

    Raises
    ------
    InvalidParameter

    """
    try:
        inputs = pubs.inputs_of(params, program)
    except pubs.NoPubs as fault:
        raise InvalidParameter(str(fault), parameter="params.pubs") from None
    found = []
    for index, (circuit, values) in enumerate(inputs):
        where = f"params.{'quantum_program.items' if program == 'executor' else 'pubs'}.{index}"
        try:
            shape, _ = pubs.shape_of(values)
        except pubs.NoPubs as fault:
            raise InvalidParameter(f"{where} {fault}", parameter=where) from None
        rows = 1
        for size in shape:
            rows *= size
        if program == "executor":
            _check_shape(params["quantum_program"]["items"][index], shape, where)
        if program != "estimator":
            found.append(Asked(shape, rows, circuit))
            continue
        pub = params["pubs"][index]
        array = read_array(pub[1], where, qubits)
        broadcast = Broadcast.of(shape, array.shape, where)
        precision = read_precision(pub[3] if len(pub) > 3 else None, f"pubs.{index}.3")
        shots = None if precision else options.shots
        if shots is None:
            precision = precision or options.precision or PRECISION
        else:
            precision = 1 / math.sqrt(shots)
        found.append(Asked(shape, rows, circuit, array, broadcast, precision, shots))
    return found


def asked_again(known: Pubs) -> list[Asked]:
    """Return what each PUB of a job asked for when it was made."""
    options = read_defaults(known.params, known.program)
    return asked_of(known.params, known.program, options)


async def params_of(files: JobFiles, job: Job) -> str:
    """Return the ``params`` that a job was made of, as JSON.

    Raises
    ------
    NotFound
        They are gone, or the job came in another way.

    """
    texts = await files.circuits(job, range(1))
    try:
        return await asyncio.to_thread(pubs.params_text, texts[0])
    except (pubs.NoPubs, IndexError):
        raise NotFound(f"job {job.id} was not made of PUBs") from None


def _check_shape(item: dict[str, Any], shape: tuple[int, ...], where: str) -> None:
    """Refuse an item that wants more results than it has values."""
    wanted = item.get("shape")
    if wanted not in (None, [], list(shape)):
        raise InvalidParameter(
            f"{where}.shape must be left out, or be that of its arguments, {list(shape)}",
            parameter=f"{where}.shape",
        )


def _sampled(
    params: dict[str, Any], asked: Sequence[Asked], options: Options, target: TargetDescription
) -> list[Pub]:
    found = []
    for index, item in enumerate(asked):
        pub = params["pubs"][index] if "pubs" in params else None
        own = pub[2] if isinstance(pub, list) and len(pub) > 2 else None
        shots = read_shots(own, f"pubs.{index}.2") or options.shots or SHOTS
        if shots > target.max_shots:
            raise InvalidParameter(
                f"params.pubs.{index} asks for {shots} shots, and {target.name} runs at most"
                f" {target.max_shots}",
                parameter=f"params.pubs.{index}",
            )
        found.append(Pub(rows=item.rows, shots=shots))
    return found


def _estimated(asked: Sequence[Asked], target: TargetDescription) -> tuple[list[Pub], Observables]:
    """Return what is known of each PUB, and the observables of all circuits.

    Each basis of a PUB is measured as often as surely gives its precision.
    """
    lists = _Lists()
    starts = []
    for item in asked:
        assert item.observables is not None and item.broadcast is not None
        starts.append(len(lists.which))
        lists.add(item.observables, item.broadcast.of_rows(item.rows))
    several = len(lists.lists) > 1
    observables = Observables.of(lists.lists, each=several, which=lists.which if several else None)
    found = []
    for index, (start, item) in enumerate(zip(starts, asked, strict=True)):
        assert item.observables is not None
        own = set(lists.which[start : start + item.rows])
        shots = item.shots or max(
            (observables.plans[at].shots(item.precision) for at in own), default=1
        )
        if shots > target.max_shots:
            raise InvalidParameter(
                f"params.pubs.{index} asks for {_called(item)}{shots} shots, and {target.name} runs"
                f" at most {target.max_shots}",
                parameter=f"params.pubs.{index}",
            )
        found.append(Pub(rows=item.rows, shots=shots, qubits=item.observables.qubits))
    return found, observables


def _called(item: Asked) -> str:
    return "" if item.shots else f"a precision of {item.precision:g}, which takes "
