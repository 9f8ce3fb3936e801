"""In a child: write what circuits were compiled to in the format that they were sent in."""

from __future__ import annotations

from qiskit import QuantumCircuit

from quws.circuits.formats.cirq_json import asked_of
from quws.circuits.formats.cirq_writing import circuit_json
from quws.circuits.formats.qpy_files import write
from quws.circuits.parse import read
from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit
from quws.domain.payloads import as_text
from quws.domain.rewritten import Rewritten
from quws.sandbox.messages import RewriteCircuits


def rewritten(request: RewriteCircuits) -> list[Rewritten | None]:
    """Write each circuit that can be; None for the others.

    With ``together`` the first one has all of them, where there are several in one file.

    Raises
    ------
    InvalidCircuit
        They are to be together, and one cannot be written.

    """
    found: list[tuple[QuantumCircuit, Rewritten] | None] = []
    for compiled, source in zip(request.circuits, request.sources, strict=True):
        try:
            found.append(_one(compiled, source, request))
        except InvalidCircuit:
            if request.together:
                raise
            found.append(None)
    items = [None if item is None else item[1] for item in found]
    if request.together and request.language is Language.QPY:
        circuits = [item[0] for item in found if item is not None]
        first = items[0]
        assert first is not None
        items[0] = first.model_copy(update={"text": as_text(write(*circuits))})
    return items


def _one(compiled: str, source: str, request: RewriteCircuits) -> tuple[QuantumCircuit, Rewritten]:
    circuit = read(compiled, Language.OPENQASM_3, request.limits).circuit
    if request.language is Language.CIRQ_JSON:
        asked = asked_of(source, request.limits)
        text = circuit_json(circuit, asked.keys if len(asked.keys) == len(circuit.cregs) else None)
        made = Rewritten(
            text=text,
            final=_final(asked.circuit, circuit),
            qubits=asked.qubits,
            width=circuit.num_qubits,
        )
        return circuit, made
    sent = read(source, None, request.limits).circuit
    text = "" if request.together else as_text(write(circuit))
    return circuit, Rewritten(text=text, final=_final(sent, circuit))


def _final(sent: QuantumCircuit, compiled: QuantumCircuit) -> dict[int, int]:
    """Return which qubit is measured in the compiled circuit for each that the other measures."""
    if sent.num_clbits != compiled.num_clbits:
        return {}
    there = _measured(compiled)
    return {qubit: there[bit] for bit, qubit in sorted(_measured(sent).items()) if bit in there}


def _measured(circuit: QuantumCircuit) -> dict[int, int]:
    return {
        circuit.find_bit(item.clbits[0]).index: circuit.find_bit(item.qubits[0]).index
        for item in circuit.data
        if item.operation.name == "measure"
    }
