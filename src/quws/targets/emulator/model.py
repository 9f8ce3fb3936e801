"""A device in the forms in which others want it: Qiskit's target, and Aer's noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiskit.circuit import Delay, Measure, Parameter, Reset
from qiskit.circuit.controlflow import ForLoopOp, IfElseOp, SwitchCaseOp
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.transpiler import InstructionProperties, QubitProperties, Target
from qiskit_aer.noise import NoiseModel, ReadoutError
from qiskit_aer.noise.device import basic_device_gate_errors
from qiskit_aer.noise.errors import thermal_relaxation_error

from quws.domain.targets import Calibration
from quws.targets.emulator.device import Device

LONGEST = 1e9
"""Seconds; stands for the coherence time of a qubit that has none."""


def target_of(device: Device, calibration: Calibration, places: Sequence[int]) -> Target:
    """Make the Qiskit target of some qubits of a device, numbered as in ``places``."""
    number = {place: index for index, place in enumerate(places)}
    target = Target(
        num_qubits=len(places),
        dt=device.dt,
        qubit_properties=[
            QubitProperties(
                t1=calibration.qubits[place].t1,
                t2=calibration.qubits[place].t2,
                frequency=calibration.qubits[place].frequency,
            )
            for place in places
        ],
    )
    known = get_standard_gate_name_mapping()
    gates: dict[str, dict[tuple[int, ...], InstructionProperties]] = {}
    for item in calibration.gates:
        if all(place in number for place in item.qubits):
            gates.setdefault(item.gate, {})[tuple(number[place] for place in item.qubits)] = (
                InstructionProperties(duration=item.duration, error=item.error)
            )
    for name, properties in gates.items():
        if name not in known:
            raise ValueError(f"the device {device.name} has a gate '{name}' that nobody knows")
        target.add_instruction(known[name], properties)
    every = range(len(places))
    target.add_instruction(
        Measure(),
        {
            (index,): InstructionProperties(
                duration=calibration.qubits[places[index]].readout_duration,
                error=calibration.qubits[places[index]].readout_error,
            )
            for index in every
        },
    )
    reset = InstructionProperties(duration=device.reset_duration)
    target.add_instruction(Reset(), {(index,): reset for index in every})
    target.add_instruction(Delay(Parameter("t")), {(index,): None for index in every})
    for operation, name in ((IfElseOp, "if_else"), (ForLoopOp, "for_loop")):
        target.add_instruction(operation, name=name)
    target.add_instruction(SwitchCaseOp, name="switch_case")
    return target


def noise_of(target: Target) -> NoiseModel:
    """Make the noise of a Qiskit target: of its gates, relaxation while they last, readout."""
    model = NoiseModel(basis_gates=[*target.operation_names])
    for name, place, error in basic_device_gate_errors(target=target):
        model.add_quantum_error(error, name, place)
    for (index,), found in target["measure"].items():
        wrong = 0.0 if found is None or found.error is None else min(found.error, 0.5)
        if wrong:
            model.add_readout_error(ReadoutError([[1 - wrong, wrong], [wrong, 1 - wrong]]), [index])
    return model


def relaxation(calibration: Calibration, qubit: int, seconds: float) -> Any:
    """Make the instruction that does to a qubit what waiting does; None where it does nothing."""
    found = calibration.qubits[qubit]
    t1 = found.t1 or LONGEST
    t2 = min(found.t2 or LONGEST, 2 * t1)
    if seconds <= 0 or (found.t1 is None and found.t2 is None):
        return None
    return thermal_relaxation_error(t1, t2, seconds).to_instruction()
