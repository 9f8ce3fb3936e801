"""From the text of a circuit to Qiskit's circuit and what is known of it.

Only child processes import this: parsers are told here what the guard let
through, and what they still may do to a process is bounded by the limits that
the operating system puts on the child.
"""

from __future__ import annotations

import contextlib
import copy
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import openqasm3
from openqasm3 import ast
from openqasm3.parser import QASM3ParsingError
from qiskit import QuantumCircuit, qasm2
from qiskit.circuit import ControlFlowOp, Gate, ParameterExpression
from qiskit.circuit.library import IGate

from quws.circuits.conditions import decided
from quws.circuits.count import count_openqasm2
from quws.circuits.count_openqasm3 import count_openqasm3
from quws.circuits.gates import DefinedGate
from quws.circuits.guard import scan
from quws.circuits.language import BYTE_ORDER_MARK
from quws.circuits.loader import LARGEST, load
from quws.circuits.messages import explain
from quws.circuits.names import QELIB1, rename_gates, with_old_names
from quws.circuits.survey import survey
from quws.circuits.tokens import quote
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language, Register
from quws.domain.errors import InvalidCircuit

DEFINITIONS = 50_000
"""Uses of gate definitions with different parameters whose bodies are looked at."""

GATES = 2_000_000
"""Gates that these bodies may have together."""


def parse(
    source: str, language: Language | None, limits: CircuitLimits
) -> tuple[QuantumCircuit, CircuitFacts]:
    """Read a circuit and check that it is one that a target with these limits can run.

    Gates that the circuit defines are not written out. ``language`` is what
    the client said, None to let the text decide.

    Raises
    ------
    InvalidCircuit
        Whatever is wrong with it, with the place if there is one to name.

    """
    circuit, language, operations, notes = read(source, language, limits)
    with _explained(source, language):
        _check(circuit, limits)
        found = survey(circuit)
    return circuit, CircuitFacts(
        language=language,
        qubits=circuit.num_qubits,
        clbits=circuit.num_clbits,
        operations=operations,
        depth=circuit.depth(),
        registers=_registers(circuit),
        delay_seconds=_delays(circuit) if circuit.count_ops().get("delay") else 0.0,
        clifford=found.clifford,
        wide_gates=found.wide_gates,
        crossing=found.crossing,
        measurements=found.measurements,
        mid_circuit=found.mid_circuit,
        resets=found.resets,
        sampled=found.sampled,
        control_flow=found.control_flow,
        delays=found.delays,
        notes=notes,
    )


def read_again(source: str, language: Language, limits: CircuitLimits) -> QuantumCircuit:
    """Read a circuit of which all is known that there is to know, to run it.

    Raises
    ------
    InvalidCircuit
        It is one that ``parse`` refuses.

    """
    circuit, language, _, _ = read(source, language, limits)
    with _explained(source, language):
        _check(circuit, limits)
    return circuit


class Read(NamedTuple):
    """A circuit that was read; ``notes`` say how, where that may not be what was meant."""

    circuit: QuantumCircuit
    language: Language
    operations: int
    notes: list[str]


def read(source: str, language: Language | None, limits: CircuitLimits) -> Read:
    """Read a circuit, whether a target could run it or not; count its operations.

    Raises
    ------
    InvalidCircuit

    """
    language = scan(source, language, limits)
    source = source.removeprefix(BYTE_ORDER_MARK)
    with _explained(source, language):
        if language is Language.OPENQASM_2:
            return _read_openqasm2(source, limits)
        return _read_openqasm3(source, language, limits)


@contextlib.contextmanager
def _explained(source: str, language: Language) -> Iterator[None]:
    try:
        yield
    except (InvalidCircuit, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of a Rust parser is no Exception
        raise explain(error, source, language) from None


# Reading --------------------------------------------------------------------------------------


def _idle(_lengths: float) -> Gate:
    """Make ``u0`` a plain identity: Qiskit's would write out one for each unit of time."""
    return IGate()


_INSTRUCTIONS = [
    qasm2.CustomInstruction("u0", 1, 1, _idle, builtin=True) if known.name == "u0" else known
    for known in qasm2.LEGACY_CUSTOM_INSTRUCTIONS
]


_FUNCTIONS = {"asin": math.asin, "acos": math.acos, "atan": math.atan}


def _functions(taken: frozenset[str]) -> Sequence[qasm2.CustomClassical]:
    """List the functions that Qiskit has added, but for those whose names are taken."""
    if taken.isdisjoint(_FUNCTIONS):
        known: Sequence[qasm2.CustomClassical] = qasm2.LEGACY_CUSTOM_CLASSICAL
        return known  # these do not tell their names
    return [
        qasm2.CustomClassical(name, 1, function)
        for name, function in _FUNCTIONS.items()
        if name not in taken
    ]


def _read_openqasm2(source: str, limits: CircuitLimits) -> Read:
    count = count_openqasm2(source, limits)
    text, new = rename_gates(source, count.gates)
    # What Qiskit has added to the language gives way to the circuit's own names.
    own = count.registers | (count.gates - QELIB1)
    try:
        circuit = qasm2.loads(
            text,
            include_path=(),  # the default reads files of this machine
            custom_instructions=[item for item in _INSTRUCTIONS if item.name not in own],
            custom_classical=_functions(own),
        )
    except qasm2.QASM2ParseError as error:
        raise qasm2.QASM2ParseError(with_old_names(error.message, text, new)) from None
    return Read(decided(circuit), Language.OPENQASM_2, count.operations, [])


def _read_openqasm3(source: str, language: Language, limits: CircuitLimits) -> Read:
    program = _syntax_tree(source)
    inputs = [
        node
        for node in program.statements
        if isinstance(node, ast.IODeclaration) and node.io_identifier is ast.IOKeyword.input
    ]
    if inputs:
        names = ", ".join(node.identifier.name for node in inputs[:5])
        first = inputs[0].identifier.name
        raise InvalidCircuit(
            f"the circuit has input parameters {names}{', …' if len(inputs) > 5 else ''}, and a job"
            f" cannot give them values; write for example 'const float {first} = 0.5;'"
        )
    count = count_openqasm3(program, limits)
    circuit, notes = load(
        program, source, count.loops, qiskit=language is Language.OPENQASM_3_QISKIT
    )
    return Read(circuit, language, count.operations, notes)


_LOOP = re.compile(r"\bfor\s+\Z")


def _syntax_tree(source: str) -> ast.Program:
    try:
        # What is wrong is also printed, which nobody would read.
        with contextlib.redirect_stderr(io.StringIO()):
            return openqasm3.parse(source)
    except QASM3ParsingError as error:
        if str(error) or error.__cause__ is None:
            raise
        # Its message is empty; the place is in what ANTLR raised, sometimes one level deeper.
        cause: Any = error.__cause__
        token = getattr(cause.args[0] if cause.args else cause, "offendingToken", None)
        token = token or getattr(cause, "offendingToken", None)
        if token is None:
            raise
        if token.text == "<EOF>":
            raise InvalidCircuit("the circuit ends in the middle of a statement") from None
        sentence = f"{quote(token.text)} is not expected here"
        if _LOOP.search(source, 0, token.start):
            sentence = "a loop's variable needs a type, as in 'for int i in [0:4]'"
        raise InvalidCircuit(sentence, line=token.line, column=token.column + 1) from None


# Checking -------------------------------------------------------------------------------------


def _check(circuit: QuantumCircuit, limits: CircuitLimits) -> None:
    if circuit.num_qubits == 0:
        raise InvalidCircuit("the circuit declares no qubits")
    if circuit.num_qubits > limits.qubits:
        raise InvalidCircuit(
            f"the circuit has {circuit.num_qubits} qubits, the target has {limits.qubits}"
        )
    if circuit.num_clbits > limits.clbits:
        raise InvalidCircuit(
            f"the circuit has {circuit.num_clbits} classical bits, the target takes {limits.clbits}"
        )
    _Inspection().run(circuit)


class _Inspection:
    """A look at every instruction: whether its numbers are finite.

    The simulator makes up counts where a parameter is infinite. Definitions
    are looked at once for each set of parameters, never written out.
    """

    def __init__(self) -> None:
        self._waiting: list[QuantumCircuit] = []
        self._seen: set[tuple[Any, ...]] = set()
        self._gates = 0

    def run(self, circuit: QuantumCircuit) -> None:
        """Look at the whole circuit."""
        own = True  # whether what is looked at is written in the circuit and not a definition
        self._waiting.append(circuit)
        while self._waiting:
            body = self._waiting.pop()
            self._finite("global phase", (body.global_phase,))
            for instruction in body.data:
                if instruction.name == "measure":
                    continue
                if instruction.is_standard_gate():
                    self._finite(instruction.name, instruction.params)
                else:
                    self._operation(instruction.operation)
            if not own:
                self._gates += len(body.data)
                if len(self._seen) > DEFINITIONS or self._gates > GATES:
                    raise InvalidCircuit(
                        "the circuit uses its gate definitions with more different parameters"
                        " than can be checked"
                    )
            own = False

    def _operation(self, operation: Any) -> None:
        if operation.name == "box":
            raise InvalidCircuit("box is not supported; write its statements without it")
        if isinstance(operation, ControlFlowOp):
            self._waiting.extend(operation.blocks)
            return
        self._finite(operation.name, operation.params)
        if isinstance(operation, DefinedGate):
            key = (id(operation.source), *map(str, operation.params))
        elif isinstance(operation, Gate) and not _is_from_a_library(operation):
            # Those of the OPENQASM-2 parser: a circuit has only one of each name.
            key = (operation.name, *operation.params)
        else:
            return
        if key not in self._seen:
            self._seen.add(key)
            self._waiting.append(_definition(operation))

    def _finite(self, name: str, parameters: Iterable[Any]) -> None:
        for parameter in parameters:
            value = parameter
            if isinstance(parameter, ParameterExpression):
                if parameter.parameters:
                    continue  # a loop's variable: binding it raises if the result is not finite
                value = parameter.numeric()
            if isinstance(value, int | float) and not (
                math.isfinite(value) and abs(value) <= LARGEST
            ):
                raise InvalidCircuit(
                    f"a parameter of {name!r} is {value:g}; it must be finite and at most"
                    f" {LARGEST:g}"
                )


def _definition(gate: Gate) -> QuantumCircuit:
    """Write one definition out, leaving the circuit's own gate as it is."""
    if isinstance(gate, DefinedGate):
        return gate.source.bind(gate.params)
    return copy.copy(gate).definition or QuantumCircuit()


def _is_from_a_library(gate: Gate) -> bool:
    # Some of Qiskit's own classes say of no module that it is theirs.
    return (type(gate).__module__ or "").startswith(
        ("qiskit.circuit.library.", "qiskit.circuit.control")
    )


_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}


def _delays(circuit: QuantumCircuit) -> float:
    waits: dict[Any, float] = {}
    for instruction in circuit.data:
        if instruction.name == "delay":
            delay = instruction.operation
            seconds = float(delay.duration) * _UNITS.get(delay.unit, 0.0)
            waits[instruction.qubits[0]] = waits.get(instruction.qubits[0], 0.0) + seconds
    return max(waits.values())


def _registers(circuit: QuantumCircuit) -> list[Register]:
    """List the classical registers, with the qubit that was measured last into each bit."""
    index = {qubit: number for number, qubit in enumerate(circuit.qubits)}
    last = {
        instruction.clbits[0]: index[instruction.qubits[0]]
        for instruction in circuit.data
        if instruction.name == "measure"
    }
    return [
        Register(name=register.name, size=register.size, qubits=[last.get(bit) for bit in register])
        for register in circuit.cregs
    ]
