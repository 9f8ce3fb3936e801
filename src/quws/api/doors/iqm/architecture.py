"""A target as IQM's clients read it: its qubits and gates, and how good they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

from quws.api.doors.iqm.names import calibration_set_id, metric_set_id, qubit_name
from quws.domain.targets import Calibration, Feature, TargetDescription
from quws.domain.times import format_instant

_WIDEST = 32
"""Of how many qubits a target is told that joins all with all: its pairs grow with the square."""
_IMPLEMENTATION = "quws"
"""How a gate is done is the target's to choose: each has one implementation."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMES = {"r": "prx", "cz": "cz"}
"""Qiskit's names of gates, and IQM's."""


def qubits_of(target: TargetDescription) -> list[str]:
    """Return the names of the qubits of a target."""
    count = target.qubits if target.coupling is not None else min(target.qubits, _WIDEST)
    return [qubit_name(index) for index in range(count)]


def pairs_of(target: TargetDescription) -> list[list[str]]:
    """Return the pairs of qubits that a gate can join, each once."""
    qubits = qubits_of(target)
    if target.coupling is None:
        return [list(pair) for pair in combinations(qubits, 2)]
    pairs = sorted({(min(pair), max(pair)) for pair in target.coupling})
    return [[qubit_name(index) for index in pair] for pair in pairs]


def static_architecture(target: TargetDescription) -> dict[str, Any]:
    """Return what a target is built of."""
    return {
        "dut_label": target.name,
        "qubits": qubits_of(target),
        "computational_resonators": [],
        "connectivity": pairs_of(target),
    }


def dynamic_architecture(target: TargetDescription, calibration: str | None) -> dict[str, Any]:
    """Return which gates a target has, and where."""
    single = [[name] for name in qubits_of(target)]
    loci = {"prx": single, "cz": pairs_of(target), "measure": single}
    if Feature.CONTROL_FLOW in target.features:
        # The clients offer a reset, too, wherever there is this one.
        loci["cc_prx"] = single
    return {
        "calibration_set_id": str(calibration_set_id(target.name, calibration)),
        "qubits": qubits_of(target),
        "computational_resonators": [],
        "gates": {
            name: {
                "implementations": {_IMPLEMENTATION: {"loci": places}},
                "default_implementation": _IMPLEMENTATION,
                "override_default_implementation": {},
            }
            for name, places in loci.items()
            if places
        },
    }


def chip_design(target: TargetDescription) -> dict[str, Any]:
    """Return how the parts of a target hang together."""
    qubits, pairs = qubits_of(target), pairs_of(target)
    lines: dict[str, list[str]] = {name: ["PL-1"] for name in qubits}
    couplers = []
    for pair in pairs:
        name = f"TC-{'-'.join(qubit.removeprefix('QB') for qubit in pair)}"
        couplers.append({"name": name, "connections": pair})
        for qubit in pair:
            lines[qubit].append(name)
    return {
        "chip_label": target.name,
        "mask_set_name": target.name,
        "variant": target.kind,
        "content": {
            "components": {
                "qubit": [
                    {"name": name, "connections": connections}
                    for name, connections in lines.items()
                ],
                "tunable_coupler": couplers,
                "probe_line": [{"name": "PL-1", "connections": qubits}],
            }
        },
        "cheddar": {"chip_label": target.name},
    }


def calibration_set(target: TargetDescription, calibration: Calibration | None) -> dict[str, Any]:
    """Return what was set on a target for a calibration: how long gates take, how qubits swing."""
    return _set(target, calibration, _settings(calibration), metrics=False)


def metric_set(target: TargetDescription, calibration: Calibration | None) -> dict[str, Any]:
    """Return how good a target is with a calibration: coherence times and fidelities."""
    return _set(target, calibration, _metrics(calibration), metrics=True)


def _set(
    target: TargetDescription,
    calibration: Calibration | None,
    observed: Iterator[tuple[str, float, str]],
    *,
    metrics: bool,
) -> dict[str, Any]:
    known = None if calibration is None else calibration.id
    of_calibration = str(calibration_set_id(target.name, known))
    time = format_instant(EPOCH if calibration is None else calibration.time)
    return {
        "observation_set_id": str(metric_set_id(target.name, known)) if metrics else of_calibration,
        "observation_set_type": "quality-metric-set" if metrics else "calibration-set",
        "describes_id": of_calibration if metrics else None,
        "invalid": False,
        "dut_label": target.name,
        "created_timestamp": time,
        "end_timestamp": time,
        "observations": [
            {
                "observation_id": number,
                "dut_field": name,
                "dut_label": target.name,
                "value": value,
                "unit": unit,
                "uncertainty": None,
                "invalid": False,
                "created_timestamp": time,
                "modified_timestamp": time,
                "tags": [],
                "source": {"type": "specification_source"},
            }
            for number, (name, value, unit) in enumerate(observed, 1)
        ],
    }


def _settings(calibration: Calibration | None) -> Iterator[tuple[str, float, str]]:
    if calibration is None:
        return
    for qubit in calibration.qubits:
        name = qubit_name(qubit.qubit)
        if qubit.frequency is not None:
            yield f"controllers.{name}.drive.frequency", qubit.frequency, "Hz"
        if qubit.readout_duration is not None:
            yield f"gates.measure.{_IMPLEMENTATION}.{name}.duration", qubit.readout_duration, "s"
    for gate, place, found in _gates(calibration):
        if found.duration is not None:
            yield f"gates.{gate}.{_IMPLEMENTATION}.{place}.duration", found.duration, "s"


def _metrics(calibration: Calibration | None) -> Iterator[tuple[str, float, str]]:
    if calibration is None:
        return
    for qubit in calibration.qubits:
        name = qubit_name(qubit.qubit)
        for time, seconds in (("t1_time", qubit.t1), ("t2_time", qubit.t2)):
            if seconds is not None:
                yield f"characterization.model.{name}.{time}", seconds, "s"
        wrong = qubit.readout_error
        if wrong is not None:
            measure = f"metrics.ssro.measure.{_IMPLEMENTATION}.{name}"
            yield f"{measure}.fidelity", 1 - wrong, ""
            # Only the mean of the two is known.
            yield f"{measure}.error_0_to_1", wrong, ""
            yield f"{measure}.error_1_to_0", wrong, ""
    for gate, place, found in _gates(calibration):
        if found.error is not None:
            method = "rb" if gate == "prx" else "irb"
            yield f"metrics.{method}.{gate}.{_IMPLEMENTATION}.{place}.fidelity", 1 - found.error, ""


def _gates(calibration: Calibration) -> Iterator[tuple[str, str, Any]]:
    """List the gates that IQM's clients know, once for each place."""
    seen = set()
    for found in calibration.gates:
        if found.gate in _NAMES:
            place = "__".join(qubit_name(index) for index in sorted(found.qubits))
            if (found.gate, place) not in seen:
                seen.add((found.gate, place))
                yield _NAMES[found.gate], place, found
