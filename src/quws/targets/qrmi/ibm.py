"""A service of IBM's by QRMI: it samples PUBs."""

from __future__ import annotations

import dataclasses
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from typing_extensions import override

from quws.domain.errors import InvalidCircuit
from quws.domain.options import RunOptions
from quws.domain.packed import TYPE, VALUE, array_head, head_of, packed, unpack
from quws.domain.targets import (
    Calibration,
    TargetDescription,
    TargetKind,
    TargetState,
    TargetStatus,
)
from quws.targets.base import Compiled
from quws.targets.compiling import Compiler
from quws.targets.expected import Errors, Timing
from quws.targets.properties import CONTROL_FLOW, properties
from quws.targets.qiskit import describing
from quws.targets.qrmi.ibm_jobs import Jobs, name_of
from quws.targets.qrmi.kind import Device, Kind, Outcomes, Payload

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import InstructionProperties, Target

_QPY = 14
"""The version of QPY in which circuits are written: what are old servers there reads it, too."""
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "ps": 1e-12}
_UNITS |= {"GHz": 1e9, "MHz": 1e6, "kHz": 1e3, "Hz": 1.0, "": 1.0}
_Known = dict[str, float]
_Place = tuple[int, ...]


class IbmDevice:
    """A device of IBM's.

    Parameters
    ----------
    configuration, properties
        As the service there describes it; the second may be missing.
    level
        How hard the compiler tries, 0 to 3, where a job does not say.

    """

    def __init__(
        self, configuration: Mapping[str, Any], known: Mapping[str, Any] | None, level: int
    ) -> None:
        self._configuration = configuration
        self._target = read_device(configuration, known or {})
        self._compiler = Compiler(self._target, level)
        self.calibration = self._calibration(known)
        found = self.calibration or Calibration(id="", time=datetime.min)
        reset = getattr(properties(self._target, "reset", (0,)), "duration", None) or 0.0
        self._timing = Timing(found.qubits, found.gates, reset=reset, dt=self._target.dt)
        self._errors = Errors(found.qubits, found.gates)

    def describe(self, name: str, title: str) -> TargetDescription:
        """Describe it as a target of a name."""
        backend = SimpleNamespace(
            name=title, max_circuits=self._configuration.get("max_experiments")
        )
        found = describing.describe(
            name,
            backend,
            self._target,
            kind=TargetKind.HARDWARE,
            title=title,
            memory=True,
            seed=False,
            exclusive=False,
        )
        shots = self._configuration.get("max_shots")
        return found if shots is None else found.model_copy(update={"max_shots": int(shots)})

    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        """Return a circuit as the device can run it.

        Raises
        ------
        InvalidCircuit

        """
        compiled = self._compiler.compile(circuit, options)
        made = compiled.circuit
        try:
            seconds = self._timing.shot(made) if self._timing.known else None
        except (InvalidCircuit, KeyError):  # A delay in units of the device's own.
            seconds = None
        return dataclasses.replace(
            compiled,
            changed=made != circuit,
            shot_seconds=seconds,
            fidelity=self._errors.fidelity(made),
        )

    def payload(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> Payload:
        """Write compiled circuits; the key becomes the name of the first one."""
        nothing = {TYPE: "ndarray", VALUE: packed(array_head("<f8", (0,)))}
        names = [name_of(key), *[None] * (len(circuits) - 1)]
        content = {
            "pubs": [
                [_circuit(item.circuit, name), nothing, options.shots]
                for item, name in zip(circuits, names, strict=True)
            ],
            "options": {"default_shots": options.shots},
            "version": 2,
            "support_qiskit": True,
        }
        arguments = {"input": json.dumps(content), "program_id": "sampler"}
        return Payload("QiskitPrimitive", arguments)

    def _calibration(self, known: Mapping[str, Any] | None) -> Calibration | None:
        if not known:
            return None
        backend = SimpleNamespace(
            properties=lambda: SimpleNamespace(last_update_date=_time(known["last_update_date"]))
        )
        return describing.read_calibration(backend, self._target)


class IbmKind(Kind):
    """A service of IBM's."""

    asks_status: ClassVar[bool] = True

    @override
    @classmethod
    def device(cls, text: str, level: int) -> Device:
        known = json.loads(text)
        if not known.get("configuration"):
            raise ValueError("there is no device of this name, or it does not describe itself")
        return IbmDevice(known["configuration"], known.get("properties"), level)

    @override
    @classmethod
    def state(cls, status: Mapping[str, Any]) -> TargetState:
        word = str(status.get("status") or "").rpartition(".")[2].lower()
        if word in ("online", ""):
            return TargetState()
        maintenance = word in ("paused", "maintenance")
        return TargetState(
            status=TargetStatus.MAINTENANCE if maintenance else TargetStatus.OFFLINE,
            message=status.get("status_reason") or None,
        )

    @override
    @classmethod
    def find(
        cls, resource: str, settings: Mapping[str, str], key: str, *, timeout: float
    ) -> str | None:
        return Jobs(resource, settings, timeout=timeout).find(key)

    @override
    @classmethod
    def outcomes(cls, text: str, *, memory: bool) -> list[Outcomes]:
        whole = _value(json.loads(text), "PrimitiveResult")
        found: list[Outcomes] = []
        for result in whole["pub_results"]:
            data = _value(_value(result, "SamplerPubResult", "PubResult")["data"], "DataBin")
            shots = _strings(data["fields"])
            found.append((dict(Counter(shots)), shots if memory else None))
        return found


# What is sent -----------------------------------------------------------------------------


def _circuit(circuit: QuantumCircuit, name: str | None) -> dict[str, str] | str:
    from qiskit import qasm3, qpy  # noqa: PLC0415

    if _has_seconds(circuit):
        # QPY forgets their unit: a second would become one of the device's own.
        head, line, rest = str(qasm3.dumps(circuit)).partition("\n")
        return f"{head}{line}{'' if name is None else f'// {name}{line}'}{rest}"
    if name is not None:
        circuit = circuit.copy(name)
    file = io.BytesIO()
    qpy.dump(circuit, file, version=_QPY)
    return {TYPE: "QuantumCircuit", VALUE: packed(file.getvalue())}


def _has_seconds(circuit: QuantumCircuit) -> bool:
    return any(
        (item.name == "delay" and item.operation.unit != "dt")
        or (item.name in CONTROL_FLOW and any(map(_has_seconds, item.operation.blocks)))
        for item in circuit.data
    )


# What comes back --------------------------------------------------------------------------


def _value(tagged: Any, *kinds: str) -> Any:
    if not isinstance(tagged, dict) or tagged.get(TYPE) not in kinds:
        raise ValueError(f"the result is of another shape: there is no {kinds[0]}")
    return tagged[VALUE]


def _strings(fields: Mapping[str, Any]) -> list[str]:
    """Write the bits of each shot: the register that was declared last first, bit 0 last."""
    parts: list[Any] = []
    for field in reversed(list(fields.values())):
        bits = _value(field, "BitArray")
        array = _array(_value(bits["array"], "ndarray"))
        if array.ndim != 2 or array.dtype != np.uint8:
            raise ValueError("the bits of a register are no array of shots")
        width = int(bits["num_bits"])
        rows = np.unpackbits(array, axis=1)[:, array.shape[1] * 8 - width :] + ord("0")
        if parts:
            parts.append(np.full((len(rows), 1), ord(" "), dtype=np.uint8))
        parts.append(rows)
    if not parts:
        raise ValueError("the result has no register")
    text = np.concatenate(parts, axis=1)
    whole, width = text.tobytes().decode("ascii"), text.shape[1]
    return [whole[start : start + width] for start in range(0, len(whole), width)]


def _array(text: Any) -> Any:
    size = head_of(text).size
    return np.load(io.BytesIO(unpack(text, size)), allow_pickle=False)


# The device -------------------------------------------------------------------------------


def read_device(configuration: Mapping[str, Any], known: Mapping[str, Any]) -> Target:
    """Return a device as Qiskit's compiler takes it.

    Parameters
    ----------
    configuration
        Its gates and couplings.
    known
        How good and how quick they are; may be empty.

    """
    from qiskit.circuit import Delay, Parameter  # noqa: PLC0415
    from qiskit.circuit.controlflow import get_control_flow_name_mapping  # noqa: PLC0415
    from qiskit.circuit.library import get_standard_gate_name_mapping  # noqa: PLC0415
    from qiskit.transpiler import Target  # noqa: PLC0415

    qubits = int(configuration["n_qubits"])
    single: list[_Place] = [(qubit,) for qubit in range(qubits)]
    pairs: list[_Place] = [tuple(pair) for pair in configuration.get("coupling_map") or ()]
    own = {item["name"]: item.get("coupling_map") for item in configuration.get("gates") or ()}
    of_gates = dict(_known_gates(known))
    of_qubits = [_numbers(item) for item in known.get("qubits") or ()]
    dt = configuration.get("dt")
    target = Target(
        num_qubits=qubits,
        dt=None if dt is None else dt * 1e-9,
        qubit_properties=_qubit_properties(of_qubits, qubits),
        **{
            name: int(value)
            for name, value in (configuration.get("timing_constraints") or {}).items()
            if name in ("granularity", "min_length", "pulse_alignment", "acquire_alignment")
        },
    )
    standard, flow = get_standard_gate_name_mapping(), get_control_flow_name_mapping()
    names = dict.fromkeys(
        [*configuration["basis_gates"], *(configuration.get("supported_instructions") or ())]
    )
    for name in dict.fromkeys([*names, "measure"]):
        if name in CONTROL_FLOW:
            target.add_instruction(flow[name], name=name)
        elif name == "delay":
            target.add_instruction(Delay(Parameter("t")), dict.fromkeys(single))
        elif name == "measure":
            readout = {(qubit,): _readout(item) for qubit, item in enumerate(of_qubits)}
            target.add_instruction(standard[name], dict.fromkeys(single) | readout)
        elif name in standard and standard[name].num_qubits <= 2:
            gate = standard[name]
            places = single if gate.num_qubits == 1 else pairs
            if own.get(name):
                places = [tuple(place) for place in own[name]]
            if places:
                target.add_instruction(
                    gate, {place: of_gates.get((name, place)) for place in places}
                )
    return target


def _known_gates(
    known: Mapping[str, Any],
) -> Iterator[tuple[tuple[str, _Place], InstructionProperties]]:
    from qiskit.transpiler import InstructionProperties  # noqa: PLC0415

    for item in known.get("gates") or ():
        found = _numbers(item["parameters"])
        yield (
            (item["gate"], tuple(item["qubits"])),
            InstructionProperties(duration=found.get("gate_length"), error=found.get("gate_error")),
        )


def _qubit_properties(known: Sequence[_Known], qubits: int) -> list[Any] | None:
    from qiskit.transpiler import QubitProperties  # noqa: PLC0415

    if len(known) != qubits:
        return None
    return [
        QubitProperties(t1=item.get("T1"), t2=item.get("T2"), frequency=item.get("frequency"))
        for item in known
    ]


def _readout(known: _Known) -> InstructionProperties:
    from qiskit.transpiler import InstructionProperties  # noqa: PLC0415

    return InstructionProperties(
        duration=known.get("readout_length"), error=known.get("readout_error")
    )


def _numbers(parameters: Sequence[Mapping[str, Any]]) -> _Known:
    """Return values by their names, in seconds and hertz."""
    return {
        item["name"]: float(item["value"]) * _UNITS.get(item.get("unit") or "", 1.0)
        for item in parameters
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
