"""From the text of a circuit to Qiskit's circuit and what is known of it.

Only child processes import this: parsers are told here what the guard let
through, and what they still may do to a process is bounded by the limits that
the operating system puts on the child.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterable, Iterator
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, Gate, ParameterExpression

from quws.circuits.formats.format import Read
from quws.circuits.formats.known import FORMATS, find
from quws.circuits.gates import DefinedGate
from quws.circuits.language import BYTE_ORDER_MARK
from quws.circuits.messages import explain
from quws.circuits.survey import survey
from quws.domain.bindings import LARGEST
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language, Register
from quws.domain.errors import InvalidCircuit

DEFINITIONS = 50_000
"""Uses of gate definitions with different parameters whose bodies are looked at."""

GATES = 2_000_000
"""Gates that these bodies may have together."""

PARAMETERS = 4096
"""Parameters that get their values later."""


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
    found = read(source, language, limits)
    return found.circuit, facts_of(found, source, limits)


def facts_of(read: Read, source: str, limits: CircuitLimits) -> CircuitFacts:
    """Check a circuit that was read from a text, and return what it is.

    Raises
    ------
    InvalidCircuit

    """
    circuit, language, operations, notes, inputs = read
    if len(inputs) > PARAMETERS:
        raise InvalidCircuit(
            f"the circuit has {len(inputs)} parameters, and may have {PARAMETERS} at most"
        )
    with _explained(source, language):
        _check(circuit, limits)
        found = survey(circuit)
    return CircuitFacts(
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
        parameters=list(inputs),
        active=found.active,
        notes=notes,
    )


def read_again(source: str, language: Language, limits: CircuitLimits) -> QuantumCircuit:
    """Read a circuit of which all is known that there is to know, to run it.

    Raises
    ------
    InvalidCircuit
        It is one that ``parse`` refuses.

    """
    return read_checked(source, language, limits).circuit


def read_checked(source: str, language: Language, limits: CircuitLimits) -> Read:
    """Read a circuit as ``read_again`` does, and tell its parameters.

    Raises
    ------
    InvalidCircuit
        It is one that ``parse`` refuses.

    """
    found = read(source, language, limits)
    with _explained(source, found.language):
        _check(found.circuit, limits)
    return found


def read(source: str, language: Language | None, limits: CircuitLimits) -> Read:
    """Read a circuit, whether a target could run it or not; count its operations.

    Raises
    ------
    InvalidCircuit

    """
    language = find(source, language).guard(source, language, limits)
    source = source.removeprefix(BYTE_ORDER_MARK)
    with _explained(source, language):
        return FORMATS[language.grammar].read(source, language, limits)


@contextlib.contextmanager
def _explained(source: str, language: Language) -> Iterator[None]:
    try:
        yield
    except (InvalidCircuit, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - a panic of a Rust parser is no Exception
        raise explain(error, source, language) from None


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
    check_numbers(circuit)


def check_numbers(circuit: QuantumCircuit) -> None:
    """Refuse a number that is infinite or too large.

    Raises
    ------
    InvalidCircuit

    """
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
                    continue  # a loop's variable, or one whose value comes later
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
