"""What a Qiskit target says of its qubits and gates, in the service's own terms."""

from __future__ import annotations

from typing import Any

from quws.domain.targets import GateCalibration, QubitCalibration

CONTROL_FLOW = frozenset({"if_else", "for_loop", "switch_case", "while_loop"})
_NOT_GATES = CONTROL_FLOW | {"measure", "reset", "delay", "barrier"}


def gates_of(target: Any) -> list[str]:
    """Name the gates of a Qiskit target."""
    return sorted(set(target.operation_names) - _NOT_GATES)


def read_target(target: Any) -> tuple[list[QubitCalibration], list[GateCalibration]]:
    """Read what is known of each qubit, and of each gate at each place where it can be used."""
    known = target.qubit_properties or []
    qubits = []
    for index in range(target.num_qubits or 0):
        found = known[index] if index < len(known) else None
        readout = properties(target, "measure", (index,))
        qubits.append(
            QubitCalibration(
                qubit=index,
                t1=getattr(found, "t1", None),
                t2=getattr(found, "t2", None),
                frequency=getattr(found, "frequency", None),
                readout_error=getattr(readout, "error", None),
                readout_duration=getattr(readout, "duration", None),
            )
        )
    gates = [
        GateCalibration(
            gate=name,
            qubits=place,
            error=getattr(found, "error", None),
            duration=getattr(found, "duration", None),
        )
        for name in gates_of(target)
        for place, found in _places(target[name])
    ]
    return qubits, gates


def _places(of_gate: Any) -> list[tuple[tuple[int, ...], Any]]:
    # A gate that can be used everywhere has no places, or None for one.
    return sorted(
        ((place, found) for place, found in (of_gate or {}).items() if place is not None),
        key=lambda pair: pair[0],
    )


def properties(target: Any, name: str, place: tuple[int, ...]) -> Any:
    """Find the properties of an instruction at one place; None where there are none."""
    if name not in target.operation_names:
        return None
    return (target[name] or {}).get(place)
