"""The target ``simulator``."""

from __future__ import annotations

import dataclasses
import os
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from quws.domain.bases import Basis
from quws.domain.circuits import CircuitFacts, CircuitLimits
from quws.domain.errors import InvalidParameter
from quws.domain.options import RunOptions
from quws.domain.outcomes import Expectation
from quws.domain.targets import MOST_CIRCUITS, Feature, TargetDescription, TargetKind
from quws.targets.base import (
    COMPUTED,
    CircuitResult,
    Compiled,
    Estimate,
    Misread,
    Progress,
    Target,
)
from quws.targets.simulator import limits as predict
from quws.targets.simulator.noise import Errors
from quws.targets.simulator.router import IN_WORDS, Choice, Method, choose, choose_exact
from quws.targets.simulator.traits import Traits, of_circuit, of_facts

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.domain.paulis import Observable
    from quws.targets.simulator.engine import Engine, Order


@dataclass(frozen=True, slots=True)
class _Routed(Compiled):
    """A circuit with the engine that will run it, translated."""

    engine: Engine | None = None
    order: Order | None = None
    prepared: Any = None
    choice: Choice | None = None
    seconds: float = 0.0


class Simulator(Target):
    """Runs circuits by the method that fits, on the fastest engine that is installed.

    Parameters
    ----------
    name
        The target's name.
    qubits
        The largest state vector; by default what fits into half of the
        machine's memory, at 16 bytes for each of the 2^n amplitudes.
    threads
        Threads of one run, 0 for one per core.
    bond_dimension
        The largest bond dimension of a matrix product state.

    """

    network = False
    processes = False
    reusable = True

    def __init__(
        self,
        name: str,
        *,
        qubits: int | None = None,
        threads: int = 0,
        bond_dimension: int = predict.BOND_DIMENSION,
    ) -> None:
        super().__init__(name)
        self._limits = predict.default_limits(qubits, bond_dimension)
        self._threads = threads or len(os.sched_getaffinity(0))
        self._engines: list[Engine] = []

    @override
    def describe(self) -> TargetDescription:
        limits = self._limits
        return TargetDescription(
            name=self.name,
            kind=TargetKind.SIMULATOR,
            title=f"Simulator that chooses its method (state vectors up to {limits.qubits} qubits)",
            qubits=limits.stabilizer_qubits,
            features=[
                *COMPUTED,
                Feature.NOISE,
                Feature.METHOD,
                Feature.EXACT,
                Feature.MITIGATION,
            ],
            methods=list(Method),
            circuit_limits=CircuitLimits(qubits=limits.stabilizer_qubits),
            max_circuits=MOST_CIRCUITS,
        )

    @override
    def load(self) -> None:
        from quws.targets.simulator.engines import load_installed  # noqa: PLC0415

        self._engines = load_installed()

    @override
    def warm(self) -> None:
        from qiskit import QuantumCircuit  # noqa: PLC0415

        options = RunOptions(shots=16, seed=0)
        for engine in self._engines:
            method = Method.STABILIZER if engine.name == "stim" else Method.STATEVECTOR
            circuit = QuantumCircuit(2, 2)
            circuit.h(0)
            circuit.cx(0, 1)
            circuit.measure([0, 1], [0, 1])
            order = self._order(circuit, of_circuit(circuit), method, options)
            engine.run(engine.prepare(order), order)

    @override
    def check(self, facts: CircuitFacts, options: RunOptions) -> None:
        self._choice(_traits(facts, options), options)

    @override
    def readout_errors(self, options: RunOptions) -> Mapping[int, Misread]:
        errors = Errors.of(options.noise)
        every = range(self._limits.stabilizer_qubits)
        if errors is None:
            return dict.fromkeys(every, Misread(0.0, 0.0))
        return {qubit: Misread(*errors.readout(qubit)) for qubit in every}

    @override
    def memory_bytes(self, facts: CircuitFacts, options: RunOptions) -> int:
        traits = _traits(facts, options)
        method = self._choice(traits, options).method
        return predict.memory_bytes(
            method, traits, self._limits, shots=options.shots, memory=options.memory
        )

    @override
    def estimate(self, facts: CircuitFacts, options: RunOptions) -> Estimate | None:
        traits = _traits(facts, options)
        errors = Errors.of(options.noise)
        return predict.estimate(
            self._choice(traits, options).method,
            traits,
            self._limits,
            shots=options.shots,
            noisy=errors is not None and errors.on_gates,
        )

    @override
    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        narrow, traits, _ = _without_idle(circuit, options)
        return dataclasses.replace(self._routed(narrow, traits, options), circuit=circuit)

    def _routed(self, circuit: QuantumCircuit, traits: Traits, options: RunOptions) -> _Routed:
        from quws.targets.simulator.program import Unsupported  # noqa: PLC0415

        started = time.perf_counter()
        choice = self._choice(traits, options)
        order = self._order(circuit, traits, choice.method, options)
        for engine in self._candidates(order, exact=options.exact):
            try:
                prepared = engine.prepare(order)
            except Unsupported:
                continue
            return _Routed(
                circuit,
                engine=engine,
                order=order,
                prepared=prepared,
                choice=choice,
                seconds=time.perf_counter() - started,
            )
        raise AssertionError("Aer takes everything")

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        assert isinstance(compiled, _Routed)
        engine, order, choice = compiled.engine, compiled.order, compiled.choice
        assert engine is not None and order is not None and choice is not None
        started = time.perf_counter()
        measured = engine.run(compiled.prepared, order)
        notes = [_note(engine, choice)]
        if measured.approximate is not None:
            notes.append(f"the result is approximate: {measured.approximate}")
        return CircuitResult(
            counts=measured.counts,
            memory=measured.memory,
            engine=f"{engine.name}/{choice.method}",
            seconds=compiled.seconds + time.perf_counter() - started,
            approximate=measured.approximate,
            notes=notes,
        )

    @override
    def expectations(
        self, circuit: QuantumCircuit, observables: Sequence[Observable], options: RunOptions
    ) -> CircuitResult:
        started = time.perf_counter()
        observed = {
            qubit for item in observables for term in item.terms for qubit, _ in term.paulis
        }
        narrow, traits, place = _without_idle(circuit, options, observed)
        routed = self._routed(narrow, traits, options)
        engine, order, choice = routed.engine, routed.order, routed.choice
        assert engine is not None and order is not None and choice is not None
        values, approximate = engine.expectations(
            routed.prepared, order, [item.on(place) for item in observables]
        )
        notes = [
            f"exact values, with {IN_WORDS[choice.method]} on {engine.name}: {choice.reason}"
            if approximate is None
            else f"the values are approximate: {approximate}"
        ]
        return CircuitResult(
            {},
            engine=f"{engine.name}/{choice.method}",
            seconds=time.perf_counter() - started,
            approximate=approximate,
            notes=notes,
            expectations=[
                Expectation(str(item), value, 0.0, 0)
                for item, value in zip(observables, values, strict=True)
            ],
        )

    @override
    def in_bases(
        self, circuit: QuantumCircuit, bases: Sequence[Basis], options: Sequence[RunOptions]
    ) -> list[CircuitResult] | None:
        from quws.targets.simulator.program import Unsupported  # noqa: PLC0415

        started = time.perf_counter()
        if not bases:
            return None
        observed = {qubit for basis in bases for qubit in basis.paulis}
        circuit, traits, place = _without_idle(circuit, options[0], observed)
        if traits.measurements:
            return None
        bases = [
            Basis({place(qubit): pauli for qubit, pauli in basis.paulis.items()}, basis.terms)
            for basis in bases
        ]
        most = max(len(basis.paulis) for basis in bases)
        measured = dataclasses.replace(
            traits,
            clbits=traits.clbits + most,
            registers=traits.registers + 1,
            gates=traits.gates + 3 * most,  # Turned to the basis, and measured.
            measurements=most,
        )
        choice = self._choice(measured, options[0])
        orders = [self._order(circuit, measured, choice.method, item) for item in options]
        engine = self._candidates(orders[0], exact=False)[0]
        try:
            found = engine.in_bases(engine.prepare(orders[0]), orders, bases)
        except Unsupported:
            return None
        if found is None:
            return None
        seconds = (time.perf_counter() - started) / len(bases)
        notes = [_note(engine, choice)]
        name = f"{engine.name}/{choice.method}"
        return [CircuitResult(item, engine=name, seconds=seconds, notes=notes) for item in found]

    def _choice(self, traits: Traits, options: RunOptions) -> Choice:
        if options.memory and options.shots * traits.width > predict.MOST_BYTES:
            raise InvalidParameter(
                f"MEMORY would hold {options.shots} shots of {traits.width} characters, and"
                f" {predict.MOST_BYTES >> 20} MiB are allowed; ask for fewer SHOTS",
                parameter="MEMORY",
            )
        errors = Errors.of(options.noise)
        if options.exact:
            return choose_exact(traits, options.method, errors, self._limits)
        return choose(traits, options.method, errors, self._limits, shots=options.shots)

    def _order(
        self, circuit: QuantumCircuit, traits: Traits, method: Method, options: RunOptions
    ) -> Order:
        from quws.targets.simulator.engine import Order  # noqa: PLC0415

        return Order(
            circuit=circuit,
            traits=traits,
            method=method,
            shots=options.shots,
            seed=secrets.randbits(63) if options.seed is None else options.seed,
            memory=options.memory,
            errors=Errors.of(options.noise),
            threads=self._threads,
            bond_dimension=self._limits.bond_dimension,
        )

    def _candidates(self, order: Order, *, exact: bool) -> list[Engine]:
        """List the engines that take it, fastest first."""
        from quws.targets.simulator.engines import speed  # noqa: PLC0415

        takers = [
            engine
            for engine in self._engines
            if engine.takes(order) and (engine.exact or not exact)
        ]
        return sorted(takers, key=lambda engine: speed(engine.name, order.traits.qubits))


def _traits(facts: CircuitFacts, options: RunOptions) -> Traits:
    found = of_facts(facts)
    return found if options.noise is not None else found.without_idle()


def _without_idle(
    circuit: QuantumCircuit, options: RunOptions, observed: Collection[int] = ()
) -> tuple[QuantumCircuit, Traits, Callable[[int], int]]:
    """Take the qubits out of a circuit on which nothing happens and that nobody looks at.

    Noise is that of certain qubits, so that with it all are kept.

    Returns
    -------
    QuantumCircuit
    Traits
        What it is.
    callable
        Tells where a qubit that was kept is now.

    """
    from quws.circuits.shape import narrowed  # noqa: PLC0415

    traits = of_circuit(circuit)
    if options.noise is not None or traits.active is None:
        return circuit, traits, int
    kept = sorted({*traits.active, *observed}) or [0]
    if len(kept) == traits.qubits:
        return circuit, traits, int
    narrow = narrowed(circuit, kept, lambda _, __: None)
    places = {qubit: place for place, qubit in enumerate(kept)}
    alone = dataclasses.replace(traits, qubits=len(kept), active=None)
    return narrow, alone, places.__getitem__


def _note(engine: Engine, choice: Choice) -> str:
    return f"run with {IN_WORDS[choice.method]} on {engine.name}: {choice.reason}"
