"""IQM's fake backends: their targets tell no numbers, their error profiles do."""

from __future__ import annotations

from typing import Any

from quws.domain.targets import GateCalibration, QubitCalibration
from quws.targets.emulator.device import Device

_NAMES = {"prx": "r", "cz": "cz"}
"""IQM's names of gates, and Qiskit's."""
_NANO = 1e-9
_READOUT_SECONDS = 1.5e-6
"""Not in the profile; about what these devices take."""


def device_of_profile(backend: Any, name: str) -> Device:
    """Describe a fake backend by its error profile.

    Raises
    ------
    ValueError
        It has gates, as for its resonator, that Qiskit's simulator has not.

    """
    profile = backend.error_profile
    unknown = {
        *profile.single_qubit_gate_durations,
        *profile.two_qubit_gate_durations,
    } - set(_NAMES)
    if unknown:
        raise ValueError(f"the device {name} has the gate '{unknown.pop()}', which is not emulated")
    names = sorted(profile.t1s, key=backend.qubit_name_to_index)
    qubits = []
    for index, qubit in enumerate(names):
        wrong = profile.readout_errors[qubit]
        qubits.append(
            QubitCalibration(
                qubit=index,
                t1=profile.t1s[qubit] * _NANO,
                t2=min(profile.t2s[qubit], 2 * profile.t1s[qubit]) * _NANO,
                readout_error=(wrong["0"] + wrong["1"]) / 2,
                readout_duration=_READOUT_SECONDS,
            )
        )
    gates = []
    for kind in ("single_qubit", "two_qubit"):
        durations = getattr(profile, f"{kind}_gate_durations")
        found = getattr(profile, f"{kind}_gate_depolarizing_error_parameters")
        for gate, places in found.items():
            seconds = durations[gate] * _NANO
            for place, depolarizing in places.items():
                pair = (place,) if isinstance(place, str) else tuple(place)
                indices = tuple(names.index(item) for item in pair)
                size = 2 ** len(indices)
                gates.append(
                    GateCalibration(
                        gate=_NAMES[gate],
                        qubits=indices,
                        # The profile leaves out what relaxation does; an error has it in it.
                        error=depolarizing * (size - 1) / size
                        + sum(_relaxation(qubits[index], seconds) for index in indices),
                        duration=seconds,
                    )
                )
    return Device(
        name=name,
        title=str(backend.name),
        qubits=qubits,
        gates=sorted(gates, key=lambda item: (item.gate, item.qubits)),
    )


def _relaxation(qubit: QubitCalibration, seconds: float) -> float:
    """Return the infidelity that waiting brings, for times short against T1 and T2."""
    assert qubit.t1 is not None and qubit.t2 is not None
    return seconds * (1 / qubit.t1 + 2 / qubit.t2) / 6
