"""An IQM machine as its documents tell it, and circuits compiled for it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest
from qiskit import QuantumCircuit

from quws.api.doors.iqm import architecture
from quws.domain.circuits import CircuitLimits
from quws.domain.compiling import Optimization
from quws.domain.errors import InvalidCircuit
from quws.domain.options import RunOptions
from quws.domain.targets import (
    Calibration,
    Feature,
    GateCalibration,
    QubitCalibration,
    TargetDescription,
    TargetKind,
)
from quws.targets.iqm.machine import Machine, qubit_names, read_calibration

OPTIONS = RunOptions(shots=10)
CALIBRATION = Calibration(
    id="monday",
    time=datetime(2027, 1, 4, tzinfo=UTC),
    qubits=[
        QubitCalibration(
            qubit=qubit,
            t1=3e-5,
            t2=2e-5,
            frequency=4.5e9,
            readout_error=0.02 * (qubit + 1),
            readout_duration=1e-6,
        )
        for qubit in range(4)
    ],
    gates=[
        GateCalibration(gate="r", qubits=(1,), error=0.001, duration=4e-8),
        GateCalibration(gate="cz", qubits=(1, 2), error=0.01, duration=8e-8),
    ],
)
DESCRIPTION = TargetDescription(
    name="lab",
    kind=TargetKind.HARDWARE,
    title="Lab",
    qubits=4,
    coupling=[(0, 1), (1, 2), (2, 3)],
    features=[Feature.CONTROL_FLOW],
    circuit_limits=CircuitLimits(qubits=4),
)


def documents(*without: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The architectures of a line of four qubits, some of which cannot be used today."""
    static = architecture.static_architecture(DESCRIPTION)
    dynamic = architecture.dynamic_architecture(DESCRIPTION, "monday")
    dynamic["qubits"] = [name for name in dynamic["qubits"] if name not in without]
    for gate in dynamic["gates"].values():
        for way in gate["implementations"].values():
            way["loci"] = [locus for locus in way["loci"] if not set(locus) & set(without)]
    return static, dynamic


def machine(*without: str, calibration: Calibration | None = None) -> Machine:
    return Machine(*documents(*without), calibration, 1)


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def test_what_it_is_called_by_number_and_name() -> None:
    told = machine().describe("lab", "Lab")
    assert (told.qubits, told.coupling) == (4, [(0, 1), (1, 2), (2, 3)])
    assert told.native_gates == ["cz", "r"]
    assert {Feature.CONTROL_FLOW, Feature.RESET, Feature.MEMORY} <= set(told.features)
    assert told.kind is TargetKind.HARDWARE


def test_a_machine_that_feeds_nothing_back() -> None:
    static, dynamic = documents()
    del dynamic["gates"]["cc_prx"]
    told = Machine(static, dynamic, None, 1).describe("lab", "Lab")
    assert not {Feature.CONTROL_FLOW, Feature.RESET} & set(told.features)


def test_a_calibration_is_read_as_our_own_door_writes_it() -> None:
    names = qubit_names(*documents())
    found = read_calibration(
        names,
        architecture.calibration_set(DESCRIPTION, CALIBRATION),
        architecture.metric_set(DESCRIPTION, CALIBRATION),
    )
    assert found.time == CALIBRATION.time
    rounded = [
        item.model_copy(update={"readout_error": round(item.readout_error or 0, 9)})
        for item in found.qubits
    ]
    assert rounded == CALIBRATION.qubits
    assert [(item.gate, item.qubits, item.duration) for item in found.gates] == [
        ("cz", (1, 2), 8e-8),
        ("r", (1,), 4e-8),
    ]
    assert [item.error for item in found.gates] == pytest.approx([0.01, 0.001])


def test_what_is_compiled_has_its_gates_and_how_good_it_will_be() -> None:
    compiled = machine(calibration=CALIBRATION).compile(bell(), OPTIONS)
    names = {item.operation.name for item in compiled.circuit.data}
    assert names <= {"r", "cz", "measure", "barrier"}
    assert compiled.fidelity is not None and 0.5 < compiled.fidelity < 1
    assert compiled.shot_seconds is not None and compiled.shot_seconds > 1e-6


def test_a_qubit_keeps_its_number_when_another_one_cannot_be_used() -> None:
    lab = machine("QB2")
    told = lab.describe("lab", "Lab")
    assert (told.qubits, told.coupling) == (4, [(2, 3)])
    assert told.circuit_limits.qubits == 3
    compiled = lab.compile(bell(), OPTIONS)
    assert sorted(compiled.layout or []) == [2, 3]
    assert compiled.circuit.num_qubits == 4
    (document,) = lab.write([compiled])
    used = {name for item in document["instructions"] for name in item["locus"]}
    assert used == {"QB3", "QB4"}


def test_a_map_goes_by_these_numbers_too() -> None:
    lab = machine("QB2")
    compiled = lab.compile(bell(), OPTIONS.model_copy(update={"initial_layout": [3, 2]}))
    assert compiled.layout == [3, 2]
    with pytest.raises(InvalidCircuit, match="cannot use its qubit 1"):
        lab.compile(bell(), OPTIONS.model_copy(update={"initial_layout": [1, 2]}))
    as_it_is = OPTIONS.model_copy(update={"optimization": Optimization.NONE})
    with pytest.raises(InvalidCircuit, match="cannot use its qubit 1"):
        lab.compile(bell(), as_it_is)


def test_what_is_run_as_it_is() -> None:
    circuit = QuantumCircuit(4, 1)
    circuit.r(1.0, 0.5, 2)
    circuit.measure(2, 0)
    lab = machine("QB1")
    options = OPTIONS.model_copy(update={"optimization": Optimization.NONE})
    with pytest.raises(InvalidCircuit, match="cannot use its qubit 0"):
        lab.compile(circuit, options)
    compiled = machine().compile(circuit, options)
    (document,) = machine().write([dataclasses.replace(compiled)])
    assert document["instructions"][0]["locus"] == ["QB3"]
    assert document["instructions"][0]["args"] == {"angle": 1.0, "phase": 0.5}


def test_a_machine_of_which_nothing_can_be_used() -> None:
    with pytest.raises(ValueError, match="no qubit that can be turned and measured"):
        machine("QB1", "QB2", "QB3", "QB4")
