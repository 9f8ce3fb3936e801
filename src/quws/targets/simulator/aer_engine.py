"""Everything on Qiskit Aer: it takes all methods, and is the one that others are measured by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import (
    BasisTranslator,
    HighLevelSynthesis,
    UnitarySynthesis,
    UnrollCustomDefinitions,
)
from typing_extensions import override

from quws.domain.paulis import Observable
from quws.targets.simulator.engine import Engine, Order
from quws.targets.simulator.noise import ONE_QUBIT, TWO_QUBITS, Errors
from quws.targets.simulator.program import seconds_of
from quws.targets.simulator.router import Method
from quws.targets.simulator.tally import CHUNK_BITS, Measured, Tally, refuse_if_too_large

_THREADED_QUBITS = 14
_ALWAYS = frozenset(
    ["measure", "reset", "delay", "barrier", "if_else", "for_loop", "break_loop", "continue_loop"]
)
_AER = {Method.TRAJECTORIES: "statevector"}
_DISCARDED = re.compile(r"discarded_value=([0-9.eE+-]+)")
_WORTH_TELLING = 1e-6


class AerEngine(Engine):
    """Qiskit Aer with the method that the router chose; never its ``automatic``."""

    name = "aer"
    exact = True
    _log: ClassVar[int] = 0
    """How much of Aer's log is known, of which a process has one, whichever engine writes in it."""

    @override
    def installed(self) -> bool:
        return True

    @override
    def load(self) -> None:
        _simulator("statevector")
        _passes("statevector", noisy=False)

    @override
    def takes(self, order: Order) -> bool:
        return True

    @override
    def prepare(self, order: Order) -> QuantumCircuit:
        method = _AER.get(order.method, str(order.method))
        circuit = _passes(method, noisy=order.noisy).run(order.circuit)
        if order.errors is not None and order.noisy:
            circuit = _with_waiting(circuit, order.errors)
        return circuit

    @override
    def run(self, prepared: QuantumCircuit, order: Order) -> Measured:
        qubits = order.circuit.num_qubits
        # Aer reads a bit wrong twice where it is written twice. That matters only where the bit
        # decides what happens next, else bits are made wrong here, after the shots.
        flipping = (
            order.errors is not None
            and not order.traits.control_flow
            and order.errors.reads_wrong(qubits)
        )
        options: dict[str, Any] = {
            "shots": order.shots,
            "seed_simulator": order.short_seed,
            "memory": order.memory or flipping,
            # Waking a second thread takes longer than a small circuit does.
            "max_parallel_threads": (
                1 if qubits < _THREADED_QUBITS and order.traits.sampled else order.threads
            ),
        }
        if order.errors is not None:
            options["noise_model"] = order.errors.model(qubits, readout=not flipping)
        tensors = order.method is Method.MATRIX_PRODUCT_STATE
        logged = tensors and order.traits.sampled and not order.noisy
        if tensors:
            options["matrix_product_state_max_bond_dimension"] = order.bond_dimension
            options["mps_log_data"] = logged
        result = _result(prepared, order, options)
        approximate = None
        if tensors:
            log = self._new_log(result) if logged else None
            approximate = _approximation(log, order)
        if flipping:
            return _flipped(result.get_memory(), order, approximate)
        counts = {key: int(value) for key, value in result.get_counts().items()}
        refuse_if_too_large(len(counts), len(next(iter(counts), "")))
        return Measured(counts, list(result.get_memory()) if order.memory else None, approximate)

    @override
    def expectations(
        self, prepared: QuantumCircuit, order: Order, observables: Sequence[Observable]
    ) -> tuple[list[float], str | None]:
        from qiskit_aer.library import SaveExpectationValue  # noqa: PLC0415

        saving = prepared.copy()
        saved = []
        for place, observable in enumerate(observables):
            on = sorted({qubit for term in observable.terms for qubit, _ in term.paulis})
            if on:
                operator = _operator(observable, on)
                saving.append(SaveExpectationValue(operator, label=str(place)), on)
                saved.append(place)
        tensors = order.method is Method.MATRIX_PRODUCT_STATE
        qubits = order.circuit.num_qubits
        options: dict[str, Any] = {
            "shots": 1,
            "seed_simulator": order.short_seed,
            "max_parallel_threads": 1 if qubits < _THREADED_QUBITS else order.threads,
        }
        if order.errors is not None:
            options["noise_model"] = order.errors.model(qubits, readout=False)
        if tensors:
            options["matrix_product_state_max_bond_dimension"] = order.bond_dimension
            options["mps_log_data"] = True
        data: dict[str, Any] = {}
        approximate = None
        if saved:
            result = _result(saving, order, options)
            data = result.data(0)
            approximate = _approximation(self._new_log(result), order) if tensors else None
        values = [
            float(data[str(place)]) if place in saved else _constant(observable)
            for place, observable in enumerate(observables)
        ]
        return values, approximate

    def _new_log(self, result: Any) -> str:
        """Take what the log has of this run: Aer's goes on from run to run."""
        log = str(result.results[0].metadata.get("MPS_log_data", ""))
        new = log[AerEngine._log :]
        AerEngine._log = max(0, len(log) - 1)
        return new


def _result(circuit: QuantumCircuit, order: Order, options: dict[str, Any]) -> Any:
    method = _AER.get(order.method, str(order.method))
    result = _simulator(method).run(circuit, **options).result()
    if not result.success:
        status = str(result.results[0].status if result.results else result.status)
        if "memory" in status.lower():
            raise MemoryError
        raise RuntimeError(f"Aer could not run the circuit: {status}")
    return result


def _operator(observable: Observable, on: Sequence[int]) -> SparsePauliOp:
    place = {qubit: at for at, qubit in enumerate(on)}
    return SparsePauliOp.from_sparse_list(
        [
            (
                "".join(pauli for _, pauli in term.paulis),
                [place[qubit] for qubit, _ in term.paulis],
                term.coefficient,
            )
            for term in observable.terms
        ],
        num_qubits=len(on),
    )


def _constant(observable: Observable) -> float:
    return sum(term.coefficient for term in observable.terms)


def _flipped(memory: list[str], order: Order, approximate: str | None) -> Measured:
    """Count the shots with the bits that are read wrong."""
    assert order.errors is not None
    index = {bit: number for number, bit in enumerate(order.circuit.clbits)}
    measured = {
        index[instruction.clbits[0]]: order.circuit.find_bit(instruction.qubits[0]).index
        for instruction in order.circuit.data
        if instruction.name == "measure"
    }
    writer = order.writer()
    tally = Tally(writer, memory=order.memory)
    random = np.random.default_rng(order.seed)
    chunk = max(1, CHUNK_BITS // max(writer.clbits, 1))
    for start in range(0, len(memory), chunk):
        rows = writer.rows(memory[start : start + chunk])
        tally.add(order.errors.flip(rows, measured, random))
    return tally.measured(approximate=approximate)


def _approximation(log: str | None, order: Order) -> str | None:
    """Say by how much the bond dimension changed the state."""
    largest = order.bond_dimension
    if log is None:
        if 1 << (order.traits.qubits // 2) <= largest:
            return None  # No state of so few qubits needs more.
        return (
            f"the bond dimension was held at {largest} while each shot was run, and how much that"
            " changed is not known"
        )
    discarded = sum(float(value) for value in _DISCARDED.findall(log))
    if discarded < _WORTH_TELLING:
        return None
    return (
        f"the bond dimension was held at {largest}, which discarded {discarded:.2g} of the state's"
        " weight in total; probabilities may be wrong by about"
        f" {min(1.0, 2 * discarded**0.5):.1g}"
    )


@cache
def _simulator(method: str) -> Any:
    from qiskit_aer import AerSimulator  # noqa: PLC0415

    return AerSimulator(method=method)


@cache
def _passes(method: str, *, noisy: bool) -> PassManager:
    # The passes themselves and not Qiskit's choice of them for Aer's target: Aer builds that anew
    # at every look, and has it refuse circuits that are too wide for a state vector.
    names = set(_simulator(method).configuration().basis_gates)
    if noisy:
        names &= {*ONE_QUBIT, *TWO_QUBITS}
    basis = sorted(names | _ALWAYS)
    known = SessionEquivalenceLibrary
    return PassManager(
        [
            UnitarySynthesis(basis_gates=basis),
            HighLevelSynthesis(equivalence_library=known, basis_gates=basis),
            UnrollCustomDefinitions(known, basis_gates=basis),
            BasisTranslator(known, basis),
        ]
    )


def _with_waiting(circuit: QuantumCircuit, errors: Errors) -> QuantumCircuit:
    """Put errors in the place of delays."""
    if not any(instruction.name == "delay" for instruction in circuit.data):
        return circuit
    written = circuit.copy_empty_like()
    for instruction in circuit.data:
        if instruction.name != "delay":
            written.append(instruction)
            continue
        seconds = seconds_of(instruction)
        qubit = circuit.find_bit(instruction.qubits[0]).index
        error = None if seconds is None else errors.waiting(qubit, seconds)
        if error is not None:
            written.append(error.to_instruction(), instruction.qubits)
    return written
