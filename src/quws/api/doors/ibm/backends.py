"""A target as these clients read it: a backend, with its configuration, properties and status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from quws import __version__
from quws.api.doors.ibm.gates import Gate, gates_of, instructions_of
from quws.domain.targets import (
    Calibration,
    Feature,
    GateCalibration,
    QubitCalibration,
    TargetDescription,
    TargetKind,
    TargetRecord,
    TargetStatus,
)
from quws.domain.times import format_instant
from quws.services.targets import TargetReport

_VERSION = ".".join([*re.findall(r"[0-9]+", __version__), "0", "0", "0"][:3])
"""Backends have versions, of three numbers."""
_SINCE = format_instant(datetime(1970, 1, 1, tzinfo=UTC))
"""Since when a backend is there: nobody knows, and these clients insist."""
_STATUS = {TargetStatus.ONLINE: "online", TargetStatus.CALIBRATING: "paused"}
_OFFLINE = "offline"
_ONE_QUBIT = ("rz", "sx", "x")


def is_simulator(target: TargetDescription) -> bool:
    """Whether any circuit is taken as it is: of others these clients want the gates and pairs."""
    return target.kind is TargetKind.SIMULATOR or target.coupling is None


# -- what is in the list ---------------------------------------------------------------------


def device(report: TargetReport) -> dict[str, Any]:
    """Return what the list says of a backend."""
    target, state = report.record.description, report.record.state
    found: dict[str, Any] = {
        "name": target.name,
        "status": {
            "name": _STATUS.get(state.status, _OFFLINE),
            "reason": "available" if state.takes_work else state.message or str(state.status),
        },
        "is_simulator": is_simulator(target),
        "qubits": target.qubits,
        "queue_length": report.waiting,
        "processor_type": _processor(target),
        "performance_metrics": {},
    }
    if report.wait is not None:
        found["wait_time_seconds"] = {"average": report.wait, "p50": report.wait}
    return found


def status(report: TargetReport) -> dict[str, Any]:
    """Return whether a backend takes work, and how many jobs wait for it."""
    record = report.record
    state = record.state
    return {
        "backend_name": record.name,
        "backend_version": _VERSION,
        "state": state.takes_work,
        "status": "active" if state.takes_work else str(state.status),
        "message": state.sentence(record.name) or "",
        "length_queue": report.waiting,
    }


# -- configuration ---------------------------------------------------------------------------


def configuration(record: TargetRecord) -> dict[str, Any]:
    """Return what a backend is: its gates, and which qubits they join."""
    target = record.description
    gates = gates_of(target)
    both = _both_ways(target)
    # In nanoseconds.
    clock = {} if target.time_unit is None else {"dt": target.time_unit * 1e9}
    return {
        "backend_name": target.name,
        "backend_version": _VERSION,
        "description": target.title,
        "n_qubits": target.qubits,
        "basis_gates": [gate.name for gate in gates],
        "gates": [_gate(gate, target, both) for gate in gates],
        "coupling_map": both,
        "supported_instructions": instructions_of(target, gates),
        "supported_features": ["qasm3"],
        "local": False,
        "simulator": is_simulator(target),
        "conditional": Feature.CONTROL_FLOW in target.features,
        "open_pulse": False,
        "memory": Feature.MEMORY in target.features,
        "max_shots": target.max_shots,
        "max_experiments": target.max_circuits,
        "online_date": _SINCE,
        "processor_type": _processor(target),
        "timing_constraints": {},
        "dynamic_reprate_enabled": False,
        **clock,
    }


def _processor(target: TargetDescription) -> dict[str, str]:
    return {"family": str(target.kind), "revision": _VERSION}


def _both_ways(target: TargetDescription) -> list[list[int]] | None:
    if target.coupling is None:
        return None
    pairs = {tuple(pair) for pair in target.coupling}
    return sorted(map(list, pairs | {(second, first) for first, second in pairs}))


def _gate(gate: Gate, target: TargetDescription, pairs: list[list[int]] | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": gate.name,
        "parameters": list(gate.parameters),
        "qasm_def": f"gate {gate.name} ...",
    }
    if pairs is not None:
        found["coupling_map"] = (
            pairs if gate.qubits == 2 else [[qubit] for qubit in range(target.qubits)]
        )
    return found


# -- properties ------------------------------------------------------------------------------


def properties(target: TargetDescription, calibration: Calibration | None) -> dict[str, Any]:
    """Return how good a backend is; nothing where nobody knows."""
    if calibration is None:
        return {}
    time = format_instant(calibration.time)
    known = {item.qubit: item for item in calibration.qubits}
    return {
        "backend_name": target.name,
        "backend_version": _VERSION,
        "last_update_date": time,
        "calibration_id": calibration.id,
        "qubits": [list(_of_qubit(known.get(qubit), time)) for qubit in range(target.qubits)],
        "gates": [
            {
                "gate": name,
                "name": name + "_".join(map(str, qubits)),
                "qubits": list(qubits),
                "parameters": list(_of_gate(item, time)),
            }
            for name, qubits, item in _gates(target, calibration)
        ],
        "general": [],
    }


def _of_qubit(qubit: QubitCalibration | None, time: str) -> Iterator[dict[str, Any]]:
    if qubit is None:
        return
    for name, value, factor, unit in (
        ("T1", qubit.t1, 1e6, "us"),
        ("T2", qubit.t2, 1e6, "us"),
        ("frequency", qubit.frequency, 1e-9, "GHz"),
        ("readout_error", qubit.readout_error, 1, ""),
        ("readout_length", qubit.readout_duration, 1e9, "ns"),
    ):
        if value is not None:
            yield _value(name, value * factor, unit, time)


def _of_gate(gate: GateCalibration, time: str) -> Iterator[dict[str, Any]]:
    if gate.error is not None:
        yield _value("gate_error", gate.error, "", time)
    if gate.duration is not None:
        yield _value("gate_length", gate.duration * 1e9, "ns", time)


def _value(name: str, value: float, unit: str, time: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "date": time}


def _gates(
    target: TargetDescription, calibration: Calibration
) -> Iterator[tuple[str, tuple[int, ...], GateCalibration]]:
    """List the gates of a configuration, each with what is known of it where it may be."""
    names = {gate.name for gate in gates_of(target)}
    seen = {(item.gate, item.qubits) for item in calibration.gates}
    single: dict[int, GateCalibration] = {}
    for item in calibration.gates:
        if item.gate in names:
            yield item.gate, item.qubits, item
            back = item.qubits[::-1]
            if len(back) == 2 and (item.gate, back) not in seen:
                yield item.gate, back, item
        if len(item.qubits) == 1 and item.gate != "rz":
            single.setdefault(item.qubits[0], item)
    # What is no gate of the device's is made of one that is.
    for name in _ONE_QUBIT:
        if name in target.native_gates or name not in names:
            continue
        for qubit, item in single.items():
            at = (qubit,)
            free = GateCalibration(gate=name, qubits=at, error=0.0, duration=0.0)
            yield name, at, free if name == "rz" else item
