"""Compiled circuits as Superstaq's clients read them: in the format that was sent."""

from __future__ import annotations

import json
from base64 import encodebytes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from quws.api.doors.superstaq.request import LANGUAGE_OF, CircuitType
from quws.api.kit.services import batches_of, caller_of, jobs_of, targets_of
from quws.domain.errors import InvalidCircuit
from quws.domain.payloads import as_bytes
from quws.domain.rewritten import Rewritten

if TYPE_CHECKING:
    from quws.api.doors.superstaq.job import Found


@dataclass(frozen=True, slots=True)
class Placed:
    """A compiled circuit, and which of its qubits are those of the one that was sent."""

    text: str
    initial: dict[int, int]
    """By qubit of the circuit that was sent: which one carries it at the start."""
    final: dict[int, int]
    """Likewise: which one is measured for it; of measured qubits only."""
    qubits: str | None
    target_qubits: str | None


async def compiled_circuits(
    request: Request,
    found: Found,
    places: Sequence[int],
    sources: Sequence[str],
    layouts: Mapping[int, list[int] | None],
    *,
    together: bool = False,
) -> list[Placed | None]:
    """Return what circuits of a job were compiled to; None where nobody knows.

    With ``together`` the first has all of them, where a file can have several.

    Raises
    ------
    InvalidCircuit
        They are to be together, and one cannot be written.

    """
    job, files = found.job, jobs_of(request).files
    listed = {item.id for item in job.results}
    known = [place for place in range(len(places)) if f"circuit-{places[place]}" in listed]
    made: list[Placed | None] = [None] * len(places)
    if not known:
        return made
    texts = []
    for place in known:
        content = await files.result(job, f"circuit-{places[place]}")
        texts.append((await content.whole()).decode())
    try:
        written = await batches_of(request).rewritten(
            caller_of(request),
            texts,
            [sources[place] for place in known],
            LANGUAGE_OF[found.circuit_type],
            (await targets_of(request).get(job.target)).record.description,
            together=together,
        )
    except InvalidCircuit:
        if together:
            raise
        # What they gave is worth more.
        return made
    for place, item in zip(known, written, strict=True):
        if item is not None:
            index = places[place]
            qubits = found.qubits[index]
            made[place] = _placed(item, layouts.get(index) or list(range(qubits)))
    return made


def _placed(item: Rewritten, layout: list[int]) -> Placed:
    binary = as_bytes(item.text)
    text = item.text if binary is None else encodebytes(binary).decode()
    initial = dict(enumerate(layout))
    if item.qubits is None:
        return Placed(text, initial, item.final, None, None)
    width = max([item.width, *(place + 1 for place in layout)])
    line = [{"cirq_type": "LineQubit", "x": place} for place in range(width)]
    return Placed(text, initial, item.final, item.qubits, json.dumps(line))


def compiler_output(placed: Sequence[Placed], circuit_type: CircuitType) -> dict[str, str]:
    """Return compiled circuits as v0.2.0 has them: all in one text, and pairs of qubits."""
    if circuit_type is CircuitType.QISKIT:
        return {
            "qiskit_circuits": placed[0].text,
            "initial_logical_to_physicals": json.dumps(
                [[*item.initial.items()] for item in placed]
            ),
            "final_logical_to_physicals": json.dumps([[*item.final.items()] for item in placed]),
        }
    return {
        "cirq_circuits": f"[{','.join(item.text for item in placed)}]",
        "initial_logical_to_physicals": _pairs((item, item.initial) for item in placed),
        "final_logical_to_physicals": _pairs((item, item.final) for item in placed),
    }


def _pairs(placed: Iterable[tuple[Placed, dict[int, int]]]) -> str:
    found: list[list[list[Any]]] = []
    for item, places in placed:
        own, there = json.loads(item.qubits or "[]"), json.loads(item.target_qubits or "[]")
        found.append([[own[one], there[other]] for one, other in places.items()])
    return json.dumps(found)
