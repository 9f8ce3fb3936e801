"""What running circuits gave, as the text that is kept: written in pieces."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeVar

from quws.domain.outcomes import BIT_ORDER, VERSION, CircuitOutcome, Expectation, JobOutcomes

T = TypeVar("T")

_BEGIN = f'{{"version":{VERSION},'
NO_TEXTS: Mapping[int, str] = MappingProxyType({})
_PIECE = 10_000
"""How many outcomes or shots are written at a time."""


def circuit_json(outcome: CircuitOutcome) -> Iterator[str]:
    """Write one circuit's file, piece by piece."""
    yield _BEGIN
    yield from _members(outcome)
    if outcome.memory is not None:
        yield ',"memory":'
        yield from _array(outcome.memory)
    yield "}"


def head_of_circuits(job: JobOutcomes) -> str:
    """Return how a file of some circuits of a job begins.

    It has a line for the beginning, one with what ``circuit_json`` wrote for each circuit, all but
    the first after ``NEXT``, and one for the ``END``: so a circuit can be cut out of it unread.
    """
    return "".join(_head(job)) + "\n"


NEXT = ","
END = "]}"


def outcomes_json(job: JobOutcomes, texts: Mapping[int, str] = NO_TEXTS) -> Iterator[str]:
    """Write what a job gave, without the bits of each shot, piece by piece.

    ``texts`` has what ``circuit_json`` has made of circuits, as far as that is at hand; it is of
    no use where it has the bits of each shot.
    """
    yield from _head(job)
    for place, outcome in enumerate(job.circuits):
        text = texts.get(outcome.index)
        if text is not None and outcome.memory is None:
            yield ",{" if place else "{"
            yield text.removeprefix(_BEGIN)
            continue
        yield ",{" if place else "{"
        yield from _members(outcome)
        yield "}"
    yield "]}"


def memory_json(job: JobOutcomes) -> Iterator[str]:
    """Write the result ``memory`` of a job, piece by piece: of circuits that have it."""
    yield from _head(job)
    having = (item for item in job.circuits if item.memory is not None)
    for place, outcome in enumerate(having):
        known = {"index": outcome.index, "registers": _registers(outcome)}
        yield f'{"," if place else ""}{_text(known)[:-1]},"memory":'
        yield from _array(outcome.memory or [])
        yield "}"
    yield "]}"


def _head(job: JobOutcomes) -> Iterator[str]:
    known: dict[str, Any] = {
        "version": VERSION,
        "job": job.job,
        "target": job.target,
        "shots": job.shots,
        "bit_order": BIT_ORDER,
    }
    if job.versions:
        known["versions"] = job.versions
    yield f'{_text(known)[:-1]},"circuits":['


def _members(outcome: CircuitOutcome) -> Iterator[str]:
    """Write the members of a circuit's object, without the braces and the memory."""
    before = {"index": outcome.index, "registers": _registers(outcome)}
    after: dict[str, Any] = {"engine": outcome.engine, "seconds": outcome.seconds}
    if outcome.layout is not None:
        after["layout"] = outcome.layout
    if outcome.approximate is not None:
        after["approximate"] = outcome.approximate
    if outcome.missing is not None:
        after["missing"] = outcome.missing
    if outcome.compilation is not None:
        found = dataclasses.asdict(outcome.compilation)
        after["compilation"] = {key: item for key, item in found.items() if item is not None}
    if outcome.expectations is not None:
        after["expectations"] = [_written(item) for item in outcome.expectations]
    if outcome.mitigation is not None:
        after["mitigation"] = outcome.mitigation
    if outcome.mitigated is not None:
        after["mitigated"] = outcome.mitigated
    yield f'{_text(before)[1:-1]},"counts":{{'
    for place, piece in enumerate(pieces(outcome.counts.items())):
        yield f"{',' if place else ''}{_text(dict(piece))[1:-1]}"
    yield f"}},{_text(after)[1:-1]}"


def _written(item: Expectation) -> dict[str, Any]:
    # By hand: ``asdict`` copies all that it finds, which takes as long as to write it.
    found: dict[str, Any] = {
        "observable": item.observable,
        "value": item.value,
        "error": item.error,
        "shots": item.shots,
    }
    if item.raw_value is not None:
        found |= {"raw_value": item.raw_value, "raw_error": item.raw_error}
    if item.at_factors is not None:
        found["at_factors"] = item.at_factors
    return found


def _array(shots: Sequence[str]) -> Iterator[str]:
    yield "["
    for place, piece in enumerate(pieces(shots)):
        yield f"{',' if place else ''}{_text(piece)[1:-1]}"
    yield "]"


def _registers(outcome: CircuitOutcome) -> list[dict[str, Any]]:
    return [item.model_dump() for item in outcome.registers]


def _text(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"))


def pieces(items: Iterable[T]) -> Iterator[list[T]]:
    """Cut what is to be written into lists of bounded length, none of them empty."""
    iterator = iter(items)
    while piece := list(islice(iterator, _PIECE)):
        yield piece
