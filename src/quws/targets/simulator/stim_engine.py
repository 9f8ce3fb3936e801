"""Clifford circuits on stim: Pauli frames of many shots at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from typing_extensions import override

from quws.circuits.survey import PLAIN_CLIFFORD
from quws.domain.paulis import Observable, Term
from quws.targets.simulator.engine import Engine, Order
from quws.targets.simulator.noise import ONE_QUBIT, TWO_QUBITS
from quws.targets.simulator.program import Step, Unsupported, steps
from quws.targets.simulator.router import Method
from quws.targets.simulator.tally import CHUNK_BITS, Measured, Tally

_NAMES = {
    "id": "I",
    "x": "X",
    "y": "Y",
    "z": "Z",
    "h": "H",
    "s": "S",
    "sdg": "S_DAG",
    "sx": "SQRT_X",
    "sxdg": "SQRT_X_DAG",
    "cx": "CX",
    "cy": "CY",
    "cz": "CZ",
    "swap": "SWAP",
    "iswap": "ISWAP",
}
_WITHOUT_NOISE = PLAIN_CLIFFORD.difference(ONE_QUBIT, TWO_QUBITS)
_CONTROLLED = {"x": "CX", "y": "CY", "z": "CZ"}
_LINES = 100_000


@dataclass(frozen=True, slots=True)
class _Prepared:
    circuit: Any
    records: dict[int, int]
    """The measurement, counted from the first, that wrote each classical bit last."""
    measured: dict[int, int]
    """And the qubit that it measured."""


class StimEngine(Engine):
    """stim's frame simulator; conditions on single bits are Paulis that a measurement controls."""

    name = "stim"
    exact = True

    @override
    def installed(self) -> bool:
        return find_spec("stim") is not None

    @override
    def load(self) -> None:
        import stim  # noqa: PLC0415

        self._stim = stim

    @override
    def takes(self, order: Order) -> bool:
        return order.method is Method.STABILIZER

    @override
    def prepare(self, order: Order) -> _Prepared:
        return _Translation(self._stim, order).run()

    @override
    def run(self, prepared: _Prepared, order: Order) -> Measured:
        sampler = prepared.circuit.compile_sampler(seed=order.seed)
        clbits = order.circuit.num_clbits
        written = np.array(sorted(prepared.records), dtype=np.intp)
        columns = np.array([prepared.records[clbit] for clbit in written], dtype=np.intp)
        # Each bit written once and in order, as most circuits do, there is nothing to move.
        everything = np.arange(clbits)
        as_measured = (
            prepared.circuit.num_measurements == clbits
            and np.array_equal(written, everything)
            and np.array_equal(columns, everything)
        )
        tally = Tally(order.writer(), memory=order.memory)
        random = np.random.default_rng(order.seed)
        chunk = max(1, CHUNK_BITS // max(prepared.circuit.num_measurements, clbits, 1))
        left = order.shots
        while left > 0:
            shots = min(left, chunk)
            rows = sampler.sample(shots)
            if not as_measured:
                records, rows = rows, np.zeros((shots, clbits), dtype=np.bool_)
                rows[:, written] = records[:, columns]
            if order.errors is not None:
                rows = order.errors.flip(rows, prepared.measured, random)
            tally.add(rows)
            left -= shots
        return tally.measured()

    @override
    def expectations(
        self, prepared: _Prepared, order: Order, observables: Sequence[Observable]
    ) -> tuple[list[float], str | None]:
        simulator = self._stim.TableauSimulator()
        simulator.set_num_qubits(order.circuit.num_qubits)
        simulator.do(prepared.circuit)
        return [
            sum(
                term.coefficient * simulator.peek_observable_expectation(self._string(term))
                for term in observable.terms
            )
            for observable in observables
        ], None

    def _string(self, term: Term) -> Any:
        letters = ["I"] * (1 + term.paulis[-1][0]) if term.paulis else []
        for qubit, pauli in term.paulis:
            letters[qubit] = pauli
        return self._stim.PauliString("".join(letters))


class _Translation:
    """From steps to stim's text, in pieces, since parsing is quicker than adding gate by gate."""

    def __init__(self, stim: Any, order: Order) -> None:
        self._stim = stim
        self._order = order
        self._whole = stim.Circuit()
        self._lines: list[str] = []
        self._records: dict[int, int] = {}
        self._measured: dict[int, int] = {}
        self._measurements = 0
        self._parts: dict[Any, list[tuple[str, list[int]]]] = {}
        self._errors = order.errors if order.noisy else None

    def run(self) -> _Prepared:
        lines = self._lines
        # With noise, gates that have none of their own are written out, as for every engine.
        decompose = frozenset() if self._errors is None else _WITHOUT_NOISE
        for step in steps(self._order.circuit, decompose=decompose):
            if step.name == "measure":
                self._records[step.clbit] = self._measurements
                self._measured[step.clbit] = step.qubits[0]
                self._measurements += 1
                lines.append(f"M {step.qubits[0]}")
            elif step.name == "reset":
                lines.append(f"R {step.qubits[0]}")
            elif step.name != "delay":
                self._gate(step)
            if len(lines) > _LINES:
                self._flush()
        self._flush()
        return _Prepared(self._whole, self._records, self._measured)

    def _flush(self) -> None:
        self._whole += self._stim.Circuit("\n".join(self._lines))
        self._lines.clear()

    def _gate(self, step: Step) -> None:
        if step.condition is not None:
            self._conditional(step)
            return
        name = _NAMES.get(step.name)
        if name is not None:
            self._lines.append(f"{name} {' '.join(map(str, step.qubits))}")
        else:
            for part, on in self._of_matrix(step):
                self._lines.append(f"{part} {' '.join([str(step.qubits[at]) for at in on])}")
        if self._errors is not None:
            self._noise(step)

    def _noise(self, step: Step) -> None:
        assert self._errors is not None
        on = " ".join(map(str, step.qubits))
        for error, p in self._errors.paulis(step.qubits):
            self._lines.append(f"{error}({p!r}) {on}")

    def _conditional(self, step: Step) -> None:
        assert step.condition is not None
        if self._errors is not None or self._order.errors is not None:
            # The error comes only where the gate does, or the bit that is tested may be wrong.
            raise Unsupported("noise under a condition")
        clbit, value = step.condition
        if step.name == "id":
            return
        qubit = step.qubits[0]
        if not value:
            self._lines.append(f"{_NAMES[step.name]} {qubit}")
        if clbit in self._records:
            back = self._measurements - self._records[clbit]
            self._lines.append(f"{_CONTROLLED[step.name]} rec[-{back}] {qubit}")

    def _of_matrix(self, step: Step) -> list[tuple[str, list[int]]]:
        key = (step.name, *step.instruction.params)
        if key not in self._parts:
            try:
                tableau = self._stim.Tableau.from_unitary_matrix(
                    step.instruction.matrix, endian="little"
                )
            except ValueError:
                raise Unsupported(f"{step.name} is no Clifford gate here") from None
            self._parts[key] = [
                (part.name, [target.value for target in part.targets_copy()])
                for part in tableau.to_circuit()
            ]
        return self._parts[key]
