"""An IQM machine: what its architecture and its calibration say, and how it is compiled for."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from quws.circuits.formats.iqm_writing import write_iqm
from quws.domain.circuits import CircuitLimits
from quws.domain.compiling import Optimization
from quws.domain.errors import InvalidCircuit
from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
from quws.domain.targets import (
    Calibration,
    Feature,
    GateCalibration,
    QubitCalibration,
    TargetDescription,
    TargetKind,
)
from quws.targets.base import Compiled
from quws.targets.compiling import Compiler
from quws.targets.expected import Errors, Timing

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target

_GATES = {"prx": "r", "cz": "cz"}
"""IQM's names of gates, and Qiskit's."""
_FIELD = re.compile(
    r"characterization\.model\.(?P<qubit>[^.]+)\.(?P<time>t1_time|t2_time)"
    r"|metrics\.ssro\.measure\.[^.]+\.(?P<read>[^.]+)\.fidelity"
    r"|metrics\.i?rb\.(?P<gate>prx|cz)\.[^.]+\.(?P<place>[^.]+)\.fidelity(?::.*)?"
    r"|gates\.(?P<timed>prx|cz|measure)\.[^.]+\.(?P<locus>[^.]+)\.duration"
    r"|controllers\.(?P<driven>[^.]+)\.drive\.frequency"
)
"""The observations that mean something here, by what they are called."""
_Known = dict[str, Any]


class Machine:
    """An IQM machine with one calibration.

    A qubit has the number of its place in the machine, whether or not it can be used with this
    calibration: so it keeps its number when another one cannot.

    Parameters
    ----------
    static
        The static architecture as JSON, which names all qubits; None where nobody tells it.
    dynamic
        The dynamic architecture as JSON, which says where there is which gate.
    calibration
        How good and how quick they are, where that is known.
    level
        How hard the compiler tries, 0 to 3, where a job does not say.

    Raises
    ------
    ValueError
        It has no qubit that can be used.

    """

    def __init__(
        self,
        static: Mapping[str, Any] | None,
        dynamic: Mapping[str, Any],
        calibration: Calibration | None,
        level: int,
    ) -> None:
        self.calibration = calibration
        self.names: list[str] = qubit_names(static, dynamic)
        self._places = {name: number for number, name in enumerate(self.names)}
        loci = {name: list(_loci(gate)) for name, gate in dynamic["gates"].items()}
        usable = {locus[0] for locus in loci.get("prx", [])} & {
            locus[0] for locus in loci.get("measure", [])
        }
        self._usable = [number for number, name in enumerate(self.names) if name in usable]
        if not self._usable:
            raise ValueError("the machine has no qubit that can be turned and measured")
        self.pairs = sorted(
            {
                tuple(sorted(self._places[name] for name in locus))
                for locus in loci.get("cz", [])
                if set(locus) <= usable
            }
        )
        self.conditional = {locus[0] for locus in loci.get("cc_prx", [])} >= usable
        known = calibration or Calibration(id="", time=datetime.min)
        self._timing = Timing(known.qubits, known.gates)
        self._errors = Errors(known.qubits, known.gates)
        self._compiler = Compiler(self._target(known), level)

    def describe(self, name: str, title: str) -> TargetDescription:
        """Describe it as a target of a name."""
        features = [Feature.MEMORY, Feature.MID_CIRCUIT, Feature.DELAY]
        features += [Feature.COMPILING, Feature.MITIGATION]
        features += [Feature.RESET, Feature.CONTROL_FLOW] if self.conditional else []
        return TargetDescription(
            name=name,
            kind=TargetKind.HARDWARE,
            title=title,
            qubits=len(self.names),
            job_kinds=list(JobKind),
            native_gates=sorted(_GATES.values()),
            coupling=[(first, second) for first, second in self.pairs],
            features=features,
            circuit_limits=CircuitLimits(qubits=len(self._usable), operations=1_000_000),
        )

    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        """Return a circuit as the machine can run it.

        Raises
        ------
        InvalidCircuit
            It has no way to do what the circuit asks for.

        """
        compiled = self._compiler.compile(circuit, self._inside(circuit, options))
        made = compiled.circuit
        layout = compiled.layout or list(range(circuit.num_qubits))
        if len(self._usable) < len(self.names):
            made = self._outside(made)
            layout = [self._usable[place] for place in layout]
        return dataclasses.replace(
            compiled,
            circuit=made,
            layout=layout,
            shot_seconds=self._timing.shot(made) if self._timing.known else None,
            fidelity=self._errors.fidelity(made),
        )

    def write(self, circuits: Sequence[Compiled]) -> list[dict[str, Any]]:
        """Return compiled circuits as IQM's JSON.

        Raises
        ------
        InvalidCircuit

        """
        return [
            write_iqm(item.circuit, self.names, name=f"circuit-{number}")
            for number, item in enumerate(circuits)
        ]

    def _inside(self, circuit: QuantumCircuit, options: RunOptions) -> RunOptions:
        """Translate the places that a job wants to those among the qubits that can be used."""
        wanted = options.initial_layout
        if wanted is None and options.optimization is Optimization.NONE:
            wanted = list(range(circuit.num_qubits))
        if wanted is None or len(self._usable) == len(self.names):
            return options
        inside = {place: number for number, place in enumerate(self._usable)}
        for place in wanted:
            if place not in inside:
                raise InvalidCircuit(
                    f"the machine cannot use its qubit {place} with its present calibration"
                )
        return options.model_copy(update={"initial_layout": [inside[item] for item in wanted]})

    def _outside(self, circuit: QuantumCircuit) -> QuantumCircuit:
        from qiskit import QuantumCircuit  # noqa: PLC0415

        made = QuantumCircuit(len(self.names), name=circuit.name)
        made.add_bits(circuit.clbits)
        for register in circuit.cregs:
            made.add_register(register)
        return made.compose(circuit, qubits=self._usable, clbits=circuit.clbits)

    def _target(self, known: Calibration) -> Target:
        from qiskit.circuit import Delay, IfElseOp, Measure, Parameter, Reset  # noqa: PLC0415
        from qiskit.circuit.library import CZGate, RGate  # noqa: PLC0415
        from qiskit.transpiler import InstructionProperties, Target  # noqa: PLC0415

        inside = {place: number for number, place in enumerate(self._usable)}
        singles = [(number,) for number in range(len(self._usable))]
        gates = {(item.gate, tuple(sorted(item.qubits))): item for item in known.gates}
        readout = {item.qubit: item for item in known.qubits}

        def of_gate(gate: str, *on: int) -> InstructionProperties | None:
            found = gates.get((gate, tuple(sorted(on))))
            return found and InstructionProperties(duration=found.duration, error=found.error)

        def of_readout(place: int) -> InstructionProperties | None:
            found = readout.get(place)
            return found and InstructionProperties(
                duration=found.readout_duration, error=found.readout_error
            )

        target = Target(num_qubits=len(self._usable))
        prx = {(inside[place],): of_gate("r", place) for place in self._usable}
        target.add_instruction(RGate(Parameter("theta"), Parameter("phi")), prx)
        cz = {
            (inside[one], inside[other]): of_gate("cz", one, other)
            for pair in self.pairs
            for one, other in (pair, pair[::-1])
        }
        if cz:
            target.add_instruction(CZGate(), cz)
        measure = {(inside[place],): of_readout(place) for place in self._usable}
        target.add_instruction(Measure(), measure)
        target.add_instruction(Delay(Parameter("t")), dict.fromkeys(singles))
        if self.conditional:
            target.add_instruction(Reset(), dict.fromkeys(singles))
            target.add_instruction(IfElseOp, name="if_else")
        return target


def qubit_names(static: Mapping[str, Any] | None, dynamic: Mapping[str, Any]) -> list[str]:
    """Name the qubits of a machine, each at its number."""
    named = list(static["qubits"]) if static is not None else []
    # What the static architecture does not know comes last.
    return named + [name for name in dynamic["qubits"] if name not in set(named)]


def read_calibration(
    names: Sequence[str], calibration_set: Mapping[str, Any], metrics: Mapping[str, Any]
) -> Calibration:
    """Return what two sets of observations say of a machine.

    Parameters
    ----------
    names
        Its qubits, each at its number.
    calibration_set
        What was set, which has the id of the calibration.
    metrics
        How good it was found to be.

    """
    places = {name: number for number, name in enumerate(names)}
    qubits: dict[int, _Known] = {}
    gates: dict[tuple[str, tuple[int, ...]], _Known] = {}
    for match, value in _observed(calibration_set, metrics):
        if (name := match["qubit"] or match["read"] or match["driven"]) is not None:
            of_qubit = qubits.setdefault(places.get(name, -1), {})
            if match["time"]:
                of_qubit[match["time"][:2]] = value
            elif match["read"]:
                of_qubit["readout_error"] = _error(value)
            else:
                of_qubit["frequency"] = value
            continue
        place = tuple(
            places.get(name, -1) for name in (match["place"] or match["locus"]).split("__")
        )
        if match["timed"] == "measure":
            qubits.setdefault(place[0], {})["readout_duration"] = value
            continue
        gate = gates.setdefault((_GATES[match["gate"] or match["timed"]], place), {})
        gate |= {"error": _error(value)} if match["gate"] else {"duration": value}
    when = metrics.get("created_timestamp") or calibration_set["created_timestamp"]
    return Calibration.model_validate(
        {
            "id": str(calibration_set["observation_set_id"]),
            "time": when,
            "qubits": [
                QubitCalibration(qubit=qubit, **known)
                for qubit, known in sorted(qubits.items())
                if qubit >= 0
            ],
            "gates": [
                GateCalibration(gate=gate, qubits=place, **known)
                for (gate, place), known in sorted(gates.items())
                if min(place) >= 0
            ],
        }
    )


def _observed(*sets: Mapping[str, Any]) -> Iterator[tuple[re.Match[str], float]]:
    for found in sets:
        for item in found.get("observations") or ():
            value = item.get("value")
            match = _FIELD.fullmatch(item["dut_field"])
            if match is None or item.get("invalid") or isinstance(value, bool):
                continue
            if isinstance(value, int | float):
                yield match, float(value)


def _error(fidelity: float) -> float:
    return min(max(1 - fidelity, 0.0), 1.0)


def _loci(gate: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    """List where a gate can be done, in whatever way."""
    seen = set()
    for implementation in gate["implementations"].values():
        for locus in implementation["loci"]:
            if tuple(locus) not in seen:
                seen.add(tuple(locus))
                yield locus
