"""What an emulator imitates: a description of a device, in numbers."""

from __future__ import annotations

import json
from functools import cached_property
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from quws.domain.targets import GateCalibration, QubitCalibration
from quws.targets.expected import Timing
from quws.targets.properties import properties, read_target

_FOLDER = resources.files("quws.targets.emulator") / "devices"


class Device(BaseModel):
    """A device as its maker would describe it. Times in seconds, errors as probabilities.

    ``gates`` says for each native gate on which qubits it can be used, with
    the error and duration that it has on average over the months.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    qubits: list[QubitCalibration] = Field(min_length=1)
    gates: list[GateCalibration] = Field(min_length=1)
    reset_duration: float = 1e-6
    repetition_delay: float = 250e-6
    """From the end of one shot to the start of the next, while the qubits relax."""
    dt: float | None = None
    """The unit of time of its electronics, in which a circuit may give delays."""

    @property
    def native_gates(self) -> list[str]:
        """Name the gates, each once."""
        return list(dict.fromkeys(item.gate for item in self.gates))

    @property
    def coupling(self) -> list[tuple[int, int]]:
        """List the pairs of qubits that some gate can join, each once and in order."""
        pairs = {tuple(sorted(item.qubits)) for item in self.gates if len(item.qubits) == 2}
        return [(first, second) for first, second in sorted(pairs)]

    @cached_property
    def timing(self) -> Timing:
        """How long its instructions take."""
        return Timing(self.qubits, self.gates, reset=self.reset_duration, dt=self.dt)


def own_devices() -> list[str]:
    """Name the devices that come with quws."""
    names = [item.name.removesuffix(".json") for item in _FOLDER.iterdir()]
    return sorted(name for name in names if not name.startswith("_"))


def own_device(name: str) -> Device:
    """Read one of the devices that come with quws.

    Raises
    ------
    KeyError

    """
    if name not in own_devices():
        raise KeyError(name)
    return Device.model_validate(json.loads((_FOLDER / f"{name}.json").read_text()))


def device_of(backend: Any, name: str) -> Device:
    """Describe a Qiskit backend, as far as its target tells.

    Raises
    ------
    ValueError
        It does not tell how long its gates take, so that it has no clock.

    """
    target = backend.target
    qubits, gates = read_target(target)
    if all(item.duration is None for item in gates):
        raise ValueError(f"the device {name} does not tell how long its gates take")
    reset = properties(target, "reset", (0,))
    return Device(
        name=name,
        title=str(getattr(backend, "name", None) or name),
        qubits=qubits,
        gates=gates,
        reset_duration=getattr(reset, "duration", None) or 1e-6,
        dt=target.dt,
    )
