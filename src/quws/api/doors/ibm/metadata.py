"""What stands beside results: what circuits have said of themselves, and how their job ran."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quws.domain import packed, qpy_head
from quws.domain.mitigation import FACTORS, Mitigation
from quws.domain.pubs import Program

MOST_BYTES = 65_536
"""As long as metadata of a circuit may be to be told again."""
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Ran:
    """When a job ran, and which errors were mitigated then."""

    start: datetime | None = None
    end: datetime | None = None
    mitigation: Collection[Mitigation] = ()


@dataclass(frozen=True, slots=True)
class Array:
    """The shape of the results of a PUB, how many circuits that makes, and the shots of each."""

    shape: tuple[int, ...]
    rows: int
    shots: int


# -- of circuits -----------------------------------------------------------------------------


def is_too_long(circuit: Any) -> bool:
    """Whether the circuit of a PUB has metadata that are too long to be told again."""
    try:
        _read(circuit)
    except qpy_head.TooLong:
        return True
    except (packed.Unpackable, qpy_head.NoHead):
        pass  # Whoever reads the circuit says so.
    return False


def written(circuit: Any) -> str:
    """Write the metadata of the circuit of a PUB as JSON: an object, and an empty one for none.

    What is tagged in it comes back as it was sent, so that clients decode what they have encoded.
    """
    try:
        found = json.loads(_read(circuit))
    except (packed.Unpackable, qpy_head.NoHead, qpy_head.TooLong, ValueError, RecursionError):
        return "{}"
    return json.dumps(found, separators=(",", ":")) if isinstance(found, dict) else "{}"


def _read(circuit: Any) -> bytes:
    inside = packed.tagged(circuit, "QuantumCircuit")
    return qpy_head.metadata_of(lambda size: packed.beginning(inside, size), MOST_BYTES)


# -- of jobs ---------------------------------------------------------------------------------


def of_job(program: Program, ran: Ran, arrays: Sequence[Array]) -> dict[str, Any]:
    """Return what is said of all PUBs of a job."""
    if program == "executor":
        return {"chunk_timing": _chunks(ran, arrays)}
    if program == "sampler":
        spans = {"__type__": "ExecutionSpans", "__value__": {"spans": _spans(ran, arrays)}}
        return {"execution": {"execution_spans": spans}, "version": _VERSION}
    resilience: dict[str, Any] = {
        "measure_mitigation": Mitigation.READOUT in ran.mitigation,
        "zne_mitigation": Mitigation.ZNE in ran.mitigation,
        "pec_mitigation": False,
    }
    if resilience["zne_mitigation"]:
        resilience["zne"] = {"noise_factors": FACTORS}
    return {
        "dynamical_decoupling": {"enable": False},
        "twirling": {"enable_gates": False, "enable_measure": False},
        "resilience": resilience,
        "version": _VERSION,
    }


def _spans(ran: Ran, arrays: Sequence[Array]) -> list[dict[str, Any]]:
    """Say when the shots of samplers were taken: all of them while the job ran."""
    if ran.start is None or ran.end is None:
        return []
    slices = {
        index: [[*item.shape, item.shots], 0, item.rows, 0, item.shots]
        for index, item in enumerate(arrays)
    }
    span = {"start": _tagged(ran.start), "stop": _tagged(ran.end), "data_slices": slices}
    return [{"__type__": "DoubleSliceSpan", "__value__": span}]


def _chunks(ran: Ran, arrays: Sequence[Array]) -> list[dict[str, Any]]:
    """Say when the items of executors were run: all of them while the job ran."""
    if ran.start is None or ran.end is None:
        return []
    parts = [
        {
            "idx_item": index,
            "size": item.rows,
            "permutation": list(range(len(item.shape))),
            "element_range": [0, item.rows, 1],
        }
        for index, item in enumerate(arrays)
    ]
    return [{"start": ran.start.isoformat(), "stop": ran.end.isoformat(), "parts": parts}]


def _tagged(time: datetime) -> dict[str, str]:
    return {"__type__": "datetime", "__value__": time.isoformat()}
