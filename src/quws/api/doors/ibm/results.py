"""What a job gave, as Qiskit's clients decode it: a ``PrimitiveResult`` with arrays of NumPy's.

The bits of shots go from the text in which they stand to packed bytes without being looked at one
by one, and no more of a large job is held than one of its files; what is written waits on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Protocol

from typing_extensions import override

from quws.api.doors.ibm import metadata
from quws.api.doors.ibm.bits import Bits, Row, Rows, bits_of
from quws.api.doors.ibm.payload import Asked, asked_again
from quws.domain import pubs
from quws.domain.errors import InvalidParameter, NotFound
from quws.domain.job import Job
from quws.domain.outcomes import CircuitOutcome, UnreadableOutcomes
from quws.domain.packed import array_head, packed
from quws.domain.phases import Phase
from quws.domain.pubs import Program, Pub
from quws.services.jobs.files import JobFiles
from quws.services.jobs.outcomes import outcomes_of


async def results_of(files: JobFiles, job: Job) -> AsyncIterator[str]:
    """Return the pieces of the result of a job.

    Raises
    ------
    NotFound
        There is none, or none that can be read: known before the first piece.

    """
    if job.phase is not Phase.COMPLETED:
        raise NotFound(f"job {job.id} is {job.phase}, and has no results")
    if job.circuits_done < job.circuits:
        raise NotFound(
            f"job {job.id} has results of {job.circuits_done} of its {job.circuits} circuits, and"
            " its PUBs need all"
        )
    texts = await files.circuits(job, range(1))
    try:
        writer = await asyncio.to_thread(Writer, texts[0], _ran(job))
    except (pubs.NoPubs, InvalidParameter, IndexError):
        raise NotFound(f"job {job.id} was not made of PUBs") from None
    pieces = _pieces(files, job, writer)
    try:
        first = await anext(pieces)
    except UnreadableOutcomes as error:
        raise NotFound(f"job {job.id}: {error}") from None

    async def whole() -> AsyncIterator[str]:
        async with contextlib.aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    return whole()


def _ran(job: Job) -> metadata.Ran:
    return metadata.Ran(job.start_time, job.end_time, job.spec.options.mitigation or ())


async def _pieces(files: JobFiles, job: Job, writer: Writer) -> AsyncGenerator[str, None]:
    # Who reads it may go away in the middle.
    with contextlib.closing(writer):
        async for outcomes in outcomes_of(files, job):
            async for text in _beside(writer.take(outcomes)):
                yield text
        async for text in _beside(writer.rest()):
            yield text


async def _beside(texts: Iterator[str]) -> AsyncIterator[str]:
    """Have texts written beside the event loop."""
    while (text := await asyncio.to_thread(next, texts, None)) is not None:
        yield text


class _Result(Protocol):
    """The result of one PUB, of whose circuits the outcomes come in their order."""

    shots: int

    def __init__(self, pub: Pub, asked: Asked) -> None: ...

    def add(self, outcome: CircuitOutcome) -> None:
        """Take what the next circuit gave."""

    def written(self) -> Iterator[str]:
        """Write it, piece by piece."""

    def close(self) -> None:
        """Let go of what waits to be written."""


class Writer:
    """Puts what circuits gave together, PUB by PUB.

    Parameters
    ----------
    text
        That of the job's circuits.
    ran
        How it ran.

    Raises
    ------
    NoPubs
        It has none.

    """

    def __init__(self, text: str, ran: metadata.Ran) -> None:
        self._ran = ran
        self._known = pubs.read(text)
        self._asked = asked_again(self._known)
        self._kind = _KINDS[self._known.program]
        self._pub = 0
        self._taken = 0
        self._result: _Result | None = None
        self._arrays: list[metadata.Array] = []

    def take(self, outcomes: Sequence[CircuitOutcome]) -> Iterator[str]:
        """Take what the next circuits gave, and write each PUB that is whole.

        Raises
        ------
        UnreadableOutcomes
            It is not what the PUBs asked for.

        """
        for outcome in outcomes:
            yield from self._empty()
            if self._result is None:
                self._result = self._new()
            self._result.add(outcome)
            self._taken += 1
            if self._taken == self._known.pubs[self._pub].rows:
                yield from self._end(self._result)

    def rest(self) -> Iterator[str]:
        """Write what comes after all outcomes.

        Raises
        ------
        UnreadableOutcomes
            There should have been more.

        """
        yield from self._empty()
        if self._pub < len(self._known.pubs):
            raise UnreadableOutcomes("it has not the outcomes of all of its circuits")
        told = metadata.of_job(self._known.program, self._ran, self._arrays)
        if self._known.program != "executor":
            yield f'],"metadata":{_json(told)}}}}}'
            return
        program = self._known.params["quantum_program"]
        back = {name: program.get(name) for name in ("passthrough_data", "semantic_role")}
        yield f'],"metadata":{_json(told)},{_json(back)[1:]}'

    def close(self) -> None:
        """Let go of what was taken and is not written."""
        if self._result is not None:
            self._result.close()

    def _new(self) -> _Result:
        if self._pub == len(self._known.pubs):
            raise UnreadableOutcomes("it has more outcomes than circuits")
        return self._kind(self._known.pubs[self._pub], self._asked[self._pub])

    def _empty(self) -> Iterator[str]:
        """Write PUBs that have an array without values."""
        while self._pub < len(self._known.pubs) and not self._known.pubs[self._pub].rows:
            yield from self._end(self._new())

    def _end(self, result: _Result) -> Iterator[str]:
        if self._pub:
            yield ","
        elif self._known.program == "executor":
            yield '{"schema_version":"v2.0","data":['
        else:
            yield '{"__type__":"PrimitiveResult","__value__":{"pub_results":['
        yield from result.written()
        shape, rows = self._asked[self._pub].shape, self._known.pubs[self._pub].rows
        self._arrays.append(metadata.Array(shape, rows, result.shots))
        self._pub, self._taken, self._result = self._pub + 1, 0, None


# -- shots -----------------------------------------------------------------------------------


class _Sampled(_Result):
    bits: type[Bits] = Rows

    @override
    def __init__(self, pub: Pub, asked: Asked) -> None:
        self._shape = asked.shape
        self._circuit = asked.circuit
        self.shots = pub.shots
        self._registers: list[Bits] | None = None

    @override
    def add(self, outcome: CircuitOutcome) -> None:
        shots = outcome.memory
        if shots is None:
            # The order of the shots is not known then.
            shots = [bits for bits, count in outcome.counts.items() for _ in range(count)]
        if self._registers is None:
            self._registers = list(bits_of(self.bits, outcome.registers, self._shape, len(shots)))
            self.shots = len(shots)
        if len(shots) != self.shots:
            raise UnreadableOutcomes(
                f"circuit {outcome.index} has {len(shots)} shots, and the one before {self.shots}"
            )
        for register in self._registers:
            register.add(shots)

    @override
    def close(self) -> None:
        for register in self._registers or ():
            register.close()

    @override
    def written(self) -> Iterator[str]:
        registers = self._registers or []
        names = [item.name for item in registers]
        head = {"field_names": names, "shape": list(self._shape)}
        yield (
            '{"__type__":"SamplerPubResult","__value__":{"data":{"__type__":"DataBin",'
            f'"__value__":{_json(head)[:-1]},"fields":{{'
        )
        for place, item in enumerate(registers):
            yield (
                f'{"," if place else ""}{_json(item.name)}:{{"__type__":"BitArray","__value__":'
                '{"array":{"__type__":"ndarray","__value__":"'
            )
            yield from item.written()
            yield f'"}},"num_bits":{item.size}}}}}'
        yield f'}}}}}},"metadata":{{"circuit_metadata":{metadata.written(self._circuit)}}}}}}}'


class _Executed(_Sampled):
    """The result of an item of the executor's."""

    bits = Row

    @override
    def written(self) -> Iterator[str]:
        yield '{"results":{'
        for place, item in enumerate(self._registers or ()):
            yield f'{"," if place else ""}{_json(item.name)}:{{"data":"'
            yield from item.written()
            yield f'","shape":{_json(item.shape)},"dtype":"bool"}}'
        yield '},"metadata":{}}'


# -- expectation values ------------------------------------------------------------------------


class _Estimated(_Result):
    @override
    def __init__(self, pub: Pub, asked: Asked) -> None:
        assert asked.broadcast is not None
        self.shots = pub.shots
        self._asked = asked
        self._broadcast = asked.broadcast
        self._of_rows = asked.broadcast.of_rows(pub.rows)
        self._values: list[dict[int, tuple[float, float]]] = []

    @override
    def add(self, outcome: CircuitOutcome) -> None:
        items = self._of_rows[len(self._values)]
        found = outcome.expectations or []
        if len(found) != len(items):
            raise UnreadableOutcomes(
                f"circuit {outcome.index} has {len(found)} expectation values, not {len(items)}"
            )
        self._values.append(
            {
                item: (value.value, math.nan if value.error is None else value.error)
                for item, value in zip(items, found, strict=True)
            }
        )

    @override
    def close(self) -> None:
        """All is held in memory."""

    @override
    def written(self) -> Iterator[str]:
        pairs = [
            self._values[row][item]
            for row, item in zip(self._broadcast.rows, self._broadcast.items, strict=True)
        ]
        shape = self._broadcast.shape
        values = _array(shape, [value for value, _ in pairs])
        errors = _array(shape, [error for _, error in pairs])
        fields = {"evs": values, "stds": errors, "ensemble_standard_error": errors}
        data = {"field_names": list(fields), "shape": list(shape), "fields": fields}
        told = {"target_precision": self._asked.precision, "shots": self.shots}
        yield (
            '{"__type__":"PubResult","__value__":{"data":'
            f'{_json({"__type__": "DataBin", "__value__": data})},"metadata":{_json(told)[:-1]},'
            f'"circuit_metadata":{metadata.written(self._asked.circuit)}}}}}}}'
        )


def _array(shape: tuple[int, ...], values: list[float]) -> dict[str, str]:
    numbers = array("d", values)
    order = "<" if _is_little() else ">"
    return {
        "__type__": "ndarray",
        "__value__": packed(array_head(f"{order}f8", shape) + numbers.tobytes()),
    }


def _is_little() -> bool:
    return array("H", [1]).tobytes() == b"\x01\x00"


def _json(content: object) -> str:
    return json.dumps(content, separators=(",", ":"))


_KINDS: dict[Program, type[_Result]] = {
    "sampler": _Sampled,
    "estimator": _Estimated,
    "executor": _Executed,
}
