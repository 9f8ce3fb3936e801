"""QIR's base profile: read by LLVM, as PyQIR brings it along, and taken call by call.

A program of this profile is one function whose calls follow one another: gates and measurements on
qubits and results by number, then what it records. ``qir_outputs`` says which registers that makes.
LLVM is loaded when the first such circuit is read, in the process that reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, ClassicalRegister, Measure, QuantumRegister, Reset
from typing_extensions import override

from quws.circuits.count import finish
from quws.circuits.formats.format import Format, Read
from quws.circuits.formats.qir_gates import (
    BARRIER,
    CONTAINERS,
    GATES,
    INITIALIZE,
    MEASUREMENTS,
    QIS,
    REASONS,
    RECORDED,
    RESET,
    RT,
)
from quws.circuits.formats.qir_guard import bare_bitcode, look_at_text
from quws.circuits.formats.qir_module import (
    Sizes,
    angle_of,
    bytes_of,
    calls_of,
    check_number,
    entry_of,
    label_of,
    number_of,
    read_module,
    shown,
    size_of,
    sizes_of,
)
from quws.circuits.formats.qir_outputs import Outputs, with_rest
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit

if TYPE_CHECKING:
    import pyqir

_MEASURE, _RESET = Measure(), Reset()
_DEBUGGING = "llvm.dbg."


class Qir(Format):
    """QIR's base profile, as text or as bitcode."""

    @override
    def guard(self, source: str, said: Language | None, limits: CircuitLimits) -> Language:
        data = bytes_of(source)
        if data is None:
            look_at_text(source, limits)
        else:
            bare_bitcode(data, limits)
        return Language.QIR

    @override
    def read(self, source: str, language: Language, limits: CircuitLimits) -> Read:
        entry = entry_of(read_module(source, limits))
        sizes = sizes_of(entry, limits)
        program = _Program(limits)
        for function, args in calls_of(entry):
            program.call(function, args)
        finish(program.operations, 0, limits)
        return program.written(sizes, language)


class _Step(NamedTuple):
    """An operation on qubits by number, and for a measurement its result."""

    operation: Any
    qubits: tuple[int, ...]
    result: int = -1


class _Program:
    """What the calls so far make."""

    def __init__(self, limits: CircuitLimits) -> None:
        self._limits = limits
        self._steps: list[_Step] = []
        self._outputs = Outputs()
        self._recorded: set[int] = set()
        self._qubits = self._results = 0
        self._known: dict[tuple[pyqir.Value, str], int] = {}
        self._plain = {name: kind() for name, (kind, angles, _) in GATES.items() if not angles}
        self.operations = 0
        self._others: Mapping[str, Callable[[str, list[pyqir.Value]], None]] = {
            **dict.fromkeys(MEASUREMENTS, self._measure),
            **dict.fromkeys(CONTAINERS, self._container),
            RESET: self._reset,
            BARRIER: self._barrier,
            RECORDED: self._record,
            INITIALIZE: self._ignore,
        }

    def call(self, name: str, args: list[pyqir.Value]) -> None:
        """Take a call.

        Raises
        ------
        InvalidCircuit
            It is of no instruction that is known, or its arguments are not those of one.

        """
        gate = GATES.get(name)
        if gate is not None:
            kind, angles, qubits = gate
            self._arity(name, args, angles + qubits)
            on = self._distinct(name, args[angles:])
            made = self._plain.get(name)
            if made is None:
                made = kind(*(self._angle(name, value) for value in args[:angles]))
            self._add(made, on)
        elif name in self._others:
            self._others[name](name, args)
        elif not name.startswith(_DEBUGGING):
            reason = REASONS.get(name) or (
                "only the entry point and QIR's own functions can be called"
                if not name.startswith((QIS, RT))
                else "there is no such instruction here"
            )
            raise InvalidCircuit(f"{shown(name)} is not supported: {reason}")

    def _add(self, operation: Any, qubits: tuple[int, ...], result: int = -1) -> None:
        self._steps.append(_Step(operation, qubits, result))
        self.operations += 1

    def _measure(self, name: str, args: list[pyqir.Value]) -> None:
        self._arity(name, args, 2)
        qubit, result = self._number(name, "qubit", args[0]), self._number(name, "result", args[1])
        if result in self._recorded:
            raise InvalidCircuit(f"result {result} is measured after it was recorded")
        self._add(_MEASURE, (qubit,), result)
        if MEASUREMENTS[name]:
            self._add(_RESET, (qubit,))

    def _reset(self, name: str, args: list[pyqir.Value]) -> None:
        self._arity(name, args, 1)
        self._add(_RESET, self._distinct(name, args))

    def _barrier(self, name: str, args: list[pyqir.Value]) -> None:
        self._steps.append(_Step(None, self._distinct(name, args)))

    def _record(self, name: str, args: list[pyqir.Value]) -> None:
        self._arity(name, args, 2)
        result = self._number(name, "result", args[0])
        self._outputs.result(result, label_of(args[1]))
        self._recorded.add(result)

    def _container(self, name: str, args: list[pyqir.Value]) -> None:
        self._arity(name, args, 2)
        size = size_of(args[0])
        if size is None:
            raise InvalidCircuit(f"{shown(name)} must have a number of parts")
        self._outputs.container(size, label_of(args[1]))

    def _ignore(self, name: str, args: list[pyqir.Value]) -> None:
        """Leave out what has nothing to do here."""

    # -- arguments --------------------------------------------------------------------------

    def _arity(self, name: str, args: Sequence[pyqir.Value], number: int) -> None:
        if len(args) != number:
            raise InvalidCircuit(f"{shown(name)} takes {number} arguments, not {len(args)}")

    def _angle(self, name: str, value: pyqir.Value) -> float:
        angle = angle_of(value)
        if angle is None:
            raise InvalidCircuit(f"an angle of {shown(name)} must be a number that is known")
        return angle

    def _number(self, name: str, what: str, value: pyqir.Value) -> int:
        """Return the number of a qubit or a result, which a pointer stands for."""
        found = self._known.get((value, what))
        if found is None:
            found = number_of(value)
            if found is None:
                raise InvalidCircuit(
                    f"a {what} of {shown(name)} must be one by its number, as"
                    " 'inttoptr (i64 1 to ptr)'"
                )
            if found < 0:
                raise InvalidCircuit(f"{shown(name)} is done on {what} {found}")
            qubit = what == "qubit"
            check_number(what, found, self._limits.qubits if qubit else self._limits.clbits)
            self._known[value, what] = found
            if qubit:
                self._qubits = max(self._qubits, found + 1)
            else:
                self._results = max(self._results, found + 1)
        return found

    def _distinct(self, name: str, args: Sequence[pyqir.Value]) -> tuple[int, ...]:
        on = tuple(self._number(name, "qubit", value) for value in args)
        if len(set(on)) < len(on):
            raise InvalidCircuit(f"{shown(name)} is done on qubit {on[0]} and the same again")
        return on

    # -- the circuit ------------------------------------------------------------------------

    def written(self, sizes: Sizes, language: Language) -> Read:
        """Write the circuit."""
        notes = []
        qubits = max(sizes.qubits, self._qubits)
        registers = self._outputs.registers()
        steps = self._steps
        if not registers:
            most = max(sizes.results, self._results) if self._results else 0
            registers = {"c": list(range(most))} if most else {}
        else:
            steps, rest = self._without_loose_ends()
            if len(steps) < len(self._steps):
                notes.append(
                    "measurements that are not recorded and that nothing follows: left out"
                )
            registers = with_rest(registers, rest)
        bits = {
            result: bit
            for bit, result in enumerate(
                result for results in registers.values() for result in results
            )
        }
        circuit = QuantumCircuit()
        if qubits:
            circuit.add_register(QuantumRegister(qubits, "q"))
        for name, results in registers.items():
            circuit.add_register(ClassicalRegister(len(results), name))
        of_qubit, of_bit = circuit.qubits, circuit.clbits
        for operation, numbers, result in steps:
            on = [of_qubit[number] for number in numbers]
            if operation is None:
                on = on or of_qubit
                circuit.append(Barrier(len(on)), on, copy=False)
            elif result >= 0:
                circuit.append(operation, on, [of_bit[bits[result]]], copy=False)
            else:
                circuit.append(operation, on, copy=False)
        operations = sum(step.operation is not None for step in steps)
        return Read(circuit, language, operations, notes)

    def _without_loose_ends(self) -> tuple[list[_Step], list[int]]:
        """Leave out measurements that nobody hears of and that change nothing any more.

        Returns what is left, and the results of those among it that are not recorded.
        """
        later: set[int] = set()
        kept: list[_Step] = []
        rest: set[int] = set()
        for step in reversed(self._steps):
            if step.result >= 0 and step.result not in self._recorded:
                if step.qubits[0] not in later:
                    continue
                rest.add(step.result)
            if step.operation is _RESET:
                later.discard(step.qubits[0])
            elif step.operation is not None:
                later.update(step.qubits)
            kept.append(step)
        return kept[::-1], sorted(rest)
