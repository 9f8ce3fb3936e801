"""The target ``simulator``."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from quws.domain.bases import Basis
from quws.domain.circuits import CircuitFacts, CircuitLimits
from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
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
from quws.targets.simulator.router import Method
from quws.targets.simulator.routing import Routed, Routing
from quws.targets.simulator.traits import of_circuit, of_facts, without_idle
from quws.targets.sweep import Sweep

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    from quws.domain.paulis import Observable
    from quws.targets.simulator.engine import Engine, Order


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
        self._routing = Routing(self._limits, threads or len(os.sched_getaffinity(0)))

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

        self._routing.engines = load_installed()

    @override
    def warm(self) -> None:
        from qiskit import QuantumCircuit  # noqa: PLC0415

        options = RunOptions(shots=16, seed=0)
        for engine in self._routing.engines:
            method = Method.STABILIZER if engine.name == "stim" else Method.STATEVECTOR
            circuit = QuantumCircuit(2, 2)
            circuit.h(0)
            circuit.cx(0, 1)
            circuit.measure([0, 1], [0, 1])
            order = self._routing.order(circuit, of_circuit(circuit), method, options)
            engine.run(engine.prepare(order), order)

    @override
    def check(self, facts: CircuitFacts, options: RunOptions) -> None:
        self._routing.choice(of_facts(facts, options), options)

    @override
    def readout_errors(self, options: RunOptions) -> Mapping[int, Misread]:
        errors = Errors.of(options.noise)
        every = range(self._limits.stabilizer_qubits)
        if errors is None:
            return dict.fromkeys(every, Misread(0.0, 0.0))
        return {qubit: Misread(*errors.readout(qubit)) for qubit in every}

    @override
    def memory_bytes(self, facts: CircuitFacts, options: RunOptions) -> int:
        traits = of_facts(facts, options)
        method = self._routing.choice(traits, options).method
        return predict.memory_bytes(
            method, traits, self._limits, shots=options.shots, memory=options.memory
        )

    @override
    def estimate(self, facts: CircuitFacts, options: RunOptions) -> Estimate | None:
        traits = of_facts(facts, options)
        errors = Errors.of(options.noise)
        return predict.estimate(
            self._routing.choice(traits, options).method,
            traits,
            self._limits,
            shots=options.shots,
            noisy=errors is not None and errors.on_gates,
        )

    @override
    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        narrow, traits, _ = without_idle(circuit, options)
        return dataclasses.replace(self._routing.routed(narrow, traits, options), circuit=circuit)

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        assert isinstance(compiled, Routed)
        return self._routing.run(compiled)

    @override
    def expectations(
        self, circuit: QuantumCircuit, observables: Sequence[Observable], options: RunOptions
    ) -> CircuitResult:
        terms = [term for item in observables for term in item.terms]
        observed = {qubit for term in terms for qubit, _ in term.paulis}
        narrow, traits, place = without_idle(circuit, options, observed)
        found = self._routing.expectations(
            self._routing.routed(narrow, traits, options), [item.on(place) for item in observables]
        )
        # By the names that they were given.
        named = zip(found.expectations or (), observables, strict=True)
        return dataclasses.replace(
            found,
            expectations=[dataclasses.replace(one, observable=str(item)) for one, item in named],
        )

    @override
    def in_bases(
        self, circuit: QuantumCircuit, bases: Sequence[Basis], options: Sequence[RunOptions]
    ) -> list[CircuitResult] | None:
        def prepare(engine: Engine, order: Order) -> Any:
            return engine.prepare(order)

        if not bases:
            return None
        observed = {qubit for basis in bases for qubit in basis.paulis}
        narrow, traits, place = without_idle(circuit, options[0], observed)
        moved = [
            Basis({place(qubit): pauli for qubit, pauli in basis.paulis.items()}, basis.terms)
            for basis in bases
        ]
        return self._routing.in_bases(narrow, traits, moved, options, prepare)

    @override
    def sweep(
        self, circuit: QuantumCircuit, parameters: Sequence[Parameter], options: RunOptions
    ) -> Sweep | None:
        narrow, _, _ = without_idle(circuit, options)
        if narrow is not circuit and options.kind is not JobKind.SAMPLE:
            # What is observed is known for each circuit by itself.
            return None
        return self._routing.sweep(narrow, parameters, options)
