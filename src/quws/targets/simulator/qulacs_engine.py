"""State vectors on qulacs: the least overhead for small circuits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from qiskit.circuit import Parameter
from typing_extensions import override

from quws.domain.bases import Basis
from quws.domain.paulis import Observable, Term
from quws.targets.simulator import sampled
from quws.targets.simulator.engine import Engine, Order
from quws.targets.simulator.program import Step, steps
from quws.targets.simulator.tally import Measured
from quws.targets.simulator.template import Template
from quws.targets.simulator.values import Values

_PLAIN = {
    "x": "X",
    "y": "Y",
    "z": "Z",
    "h": "H",
    "s": "S",
    "sdg": "Sdag",
    "t": "T",
    "tdg": "Tdag",
    "sx": "sqrtX",
    "sxdg": "sqrtXdag",
    "cx": "CNOT",
    "cz": "CZ",
    "swap": "SWAP",
}
_TURNED = {"rx": "RX", "ry": "RY", "rz": "RZ"}
_COUNTED = 12
"""The most qubits of a state of which counts are drawn at once, and not shot by shot."""
_COPIED = 20
"""The most qubits of a state of which there may be two."""
_PHASED = {"u1": "U1", "p": "U1", "u2": "U2", "u3": "U3", "u": "U3"}


class QulacsEngine(Engine):
    """qulacs, in double precision."""

    name = "qulacs"
    exact = True

    def __init__(self) -> None:
        self._known: tuple[Sequence[Observable], list[list[Any]]] | None = None
        self._tabled: tuple[Sequence[Observable], int, Values] | None = None

    @override
    def installed(self) -> bool:
        return find_spec("qulacs") is not None

    @override
    def load(self) -> None:
        import qulacs  # noqa: PLC0415

        self._qulacs = qulacs

    @override
    def takes(self, order: Order) -> bool:
        return sampled.fits(order)

    @override
    def prepare(self, order: Order) -> tuple[Any, dict[int, int]]:
        return self._made_of(steps(order.circuit), order)

    @override
    def template(
        self, order: Order, parameters: Sequence[Parameter]
    ) -> Callable[[Sequence[float]], tuple[Any, dict[int, int]]]:
        template = Template(order.circuit, parameters)
        turning = self._turning(template, order)
        if turning is not None:
            return turning
        return lambda values: self._made_of(template.at(values), order)

    def _turning(
        self, template: Template, order: Order
    ) -> Callable[[Sequence[float]], tuple[Any, dict[int, int]]] | None:
        """Make a circuit in which only angles of rotations are set for each row of values.

        None where more than that waits for values.
        """
        if any(waits and step.name not in _TURNED for step, waits in template.parts()):
            return None
        circuit = self._qulacs.ParametricQuantumCircuit(order.circuit.num_qubits)
        add = _Adders(circuit)
        measured: dict[int, int] = {}
        for step, waits in template.parts():
            if waits:
                # The angle is set before it runs.
                getattr(circuit, f"add_parametric_{_TURNED[step.name]}_gate")(*step.qubits, 0.0)
            else:
                add.step(step, measured)

        def filled(values: Sequence[float]) -> tuple[Any, dict[int, int]]:
            for place, angle in enumerate(template.numbers(values)):
                # qulacs turns the other way round than everybody else.
                circuit.set_parameter(place, -angle)
            return circuit, measured

        return filled

    def _made_of(self, walk: Iterable[Step], order: Order) -> tuple[Any, dict[int, int]]:
        circuit = self._qulacs.QuantumCircuit(order.circuit.num_qubits)
        add = _Adders(circuit)
        measured: dict[int, int] = {}
        for step in walk:
            add.step(step, measured)
        return circuit, measured

    @override
    def run(self, prepared: tuple[Any, dict[int, int]], order: Order) -> Measured:
        circuit, measured = prepared
        state = self._qulacs.QuantumState(order.circuit.num_qubits)
        circuit.update_quantum_state(state)
        drawn = state.sampling(order.shots, order.short_seed)
        return sampled.count(np.array(drawn, dtype=np.int64), measured, order)

    @override
    def expectations(
        self, prepared: tuple[Any, dict[int, int]], order: Order, observables: Sequence[Observable]
    ) -> tuple[list[float], str | None]:
        circuit, _ = prepared
        qubits = order.circuit.num_qubits
        state = self._qulacs.QuantumState(qubits)
        circuit.update_quantum_state(state)
        if (table := self._table(observables, qubits)) is not None:
            return table.of(state.get_vector()), None
        # Term by term: a whole observable wakes threads, which takes longer than a small circuit.
        values = [
            sum(term.get_expectation_value(state).real for term in terms)
            for terms in self._operators(observables)
        ]
        return values, None

    @override
    def in_bases(
        self, prepared: tuple[Any, dict[int, int]], orders: Sequence[Order], bases: Sequence[Basis]
    ) -> list[dict[str, int]] | None:
        circuit, _ = prepared
        qubits = orders[0].circuit.num_qubits
        if qubits > _COPIED or orders[0].errors is not None:
            return None
        state = self._qulacs.QuantumState(qubits)
        circuit.update_quantum_state(state)
        found = []
        for order, basis in zip(orders, bases, strict=True):
            turned, on = self._turned(state, basis), sorted(basis.paulis)
            if qubits <= _COUNTED:
                found.append(sampled.counted(turned.get_vector(), on, order))
                continue
            drawn = turned.sampling(order.shots, order.short_seed)
            found.append(sampled.in_basis(np.array(drawn, dtype=np.int64), on))
        return found

    def _turned(self, state: Any, basis: Basis) -> Any:
        """Give a state whose bits are what a basis measures in another."""
        turn = self._qulacs.QuantumCircuit(state.get_qubit_count())
        for qubit, pauli in basis.paulis.items():
            if pauli == "Y":
                turn.add_Sdag_gate(qubit)
            if pauli != "Z":
                turn.add_H_gate(qubit)
        turned = state.copy()
        turn.update_quantum_state(turned)
        return turned

    def _operators(self, observables: Sequence[Observable]) -> list[list[Any]]:
        """Give the terms as qulacs has them: a batch asks for the same again and again."""
        if self._known is None or self._known[0] is not observables:
            made = [[self._term(term) for term in item.terms] for item in observables]
            self._known = (observables, made)
        return self._known[1]

    def _table(self, observables: Sequence[Observable], qubits: int) -> Values | None:
        """Give what finds all values in one go, where the state is small and they are wanted again.

        To be asked term by term takes five times as long as such a state.
        """
        if qubits > _COUNTED or not Values.fit(observables, qubits):
            return None
        if self._known is None or self._known[0] is not observables:
            return None
        if self._tabled is None or self._tabled[0] is not observables or self._tabled[1] != qubits:
            self._tabled = (observables, qubits, Values(observables, qubits))
        return self._tabled[2]

    def _term(self, term: Term) -> Any:
        words = " ".join(f"{pauli} {qubit}" for qubit, pauli in term.paulis)
        return self._qulacs.PauliOperator(words, term.coefficient)


class _Adders:
    """The methods that add gates, looked up once."""

    def __init__(self, circuit: Any) -> None:
        self._matrix: Callable[..., None] = circuit.add_dense_matrix_gate
        self._plain = {name: getattr(circuit, f"add_{gate}_gate") for name, gate in _PLAIN.items()}
        self._turned = {
            name: getattr(circuit, f"add_{gate}_gate") for name, gate in _TURNED.items()
        }
        self._phased = {
            name: getattr(circuit, f"add_{gate}_gate") for name, gate in _PHASED.items()
        }

    def step(self, step: Step, measured: dict[int, int]) -> None:
        """Add a step, or note which bit a qubit is measured into."""
        if step.name == "measure":
            measured[step.clbit] = step.qubits[0]
        elif step.name not in ("id", "delay"):
            self.gate(step.name, step.qubits, step.instruction)

    def gate(self, name: str, qubits: tuple[int, ...], instruction: Any) -> None:
        if add := self._plain.get(name):
            add(*qubits)
        elif add := self._turned.get(name):
            # qulacs turns the other way round than everybody else.
            add(*qubits, -float(instruction.params[0]))
        elif add := self._phased.get(name):
            add(*qubits, *map(float, instruction.params))
        else:
            self._matrix(list(qubits), instruction.matrix)
