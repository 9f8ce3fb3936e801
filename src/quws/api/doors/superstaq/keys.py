"""Keys of measurements in circuits of Cirq."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

from quws.domain.outcomes import CircuitOutcome


def keys_of(text: str, outcome: CircuitOutcome) -> list[str]:
    """Return the keys of a circuit's measurements, in the order of its registers.

    They are the names of the registers, but for keys that are none: those have ``_`` in theirs.
    """
    names = [item.name for item in outcome.registers]
    if len(names) < 2 or not any("_" in name for name in names):
        return names
    keys = list(_keys(from_json(text)))
    return keys if len(keys) == len(names) else names


def _keys(circuit: dict[str, Any]) -> Iterator[str]:
    for moment in circuit.get("moments", ()):
        for operation in moment["operations"]:
            inner = operation
            while "sub_operation" in inner:
                inner = inner["sub_operation"]
            gate = inner.get("gate")
            if isinstance(gate, dict) and gate.get("cirq_type") == "MeasurementGate":
                yield gate["key"]
