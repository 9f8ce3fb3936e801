"""How the simulator runs a circuit: which method fits, and which engine is fastest for it."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from quws.domain.errors import InvalidParameter
from quws.domain.outcomes import Expectation
from quws.targets.base import CircuitResult, Compiled
from quws.targets.simulator import limits as predict
from quws.targets.simulator.noise import Errors
from quws.targets.simulator.router import IN_WORDS, Choice, Method, choose, choose_exact
from quws.targets.simulator.traits import Traits, of_circuit
from quws.targets.sweep import Sweep

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    from quws.domain.bases import Basis
    from quws.domain.options import RunOptions
    from quws.domain.paulis import Observable
    from quws.targets.simulator.engine import Engine, Order

Prepare = Callable[["Engine", "Order"], Any]
"""Translates the circuit of an order for an engine; see ``Engine.prepare``."""


@dataclass(frozen=True, slots=True)
class Routed(Compiled):
    """A circuit with the engine that will run it, translated."""

    engine: Engine | None = None
    order: Order | None = None
    prepared: Any = None
    choice: Choice | None = None
    seconds: float = 0.0


class Routing:
    """Chooses methods and engines, and has circuits run.

    Parameters
    ----------
    limits
        What the machine has room for.
    threads
        Threads of one run.

    """

    def __init__(self, limits: predict.Limits, threads: int) -> None:
        self._limits = limits
        self._threads = threads
        self.engines: list[Engine] = []
        """Those whose libraries are loaded."""

    def choice(self, traits: Traits, options: RunOptions) -> Choice:
        """Choose how to run a circuit.

        Raises
        ------
        InvalidCircuit, InvalidParameter

        """
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

    def order(
        self, circuit: QuantumCircuit, traits: Traits, method: Method, options: RunOptions
    ) -> Order:
        """Say what an engine is to do."""
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

    def routed(self, circuit: QuantumCircuit, traits: Traits, options: RunOptions) -> Routed:
        """Translate a circuit for the fastest engine that can run it.

        Raises
        ------
        InvalidCircuit, InvalidParameter

        """
        from quws.targets.simulator.program import Unsupported  # noqa: PLC0415

        started = time.perf_counter()
        choice = self.choice(traits, options)
        order = self.order(circuit, traits, choice.method, options)
        for engine in self._candidates(order, exact=options.exact):
            try:
                prepared = engine.prepare(order)
            except Unsupported:
                continue
            return Routed(
                circuit,
                engine=engine,
                order=order,
                prepared=prepared,
                choice=choice,
                seconds=time.perf_counter() - started,
            )
        raise AssertionError("Aer takes everything")

    def run(self, routed: Routed) -> CircuitResult:
        """Run a circuit, and count what was measured."""
        engine, order, choice = routed.engine, routed.order, routed.choice
        assert engine is not None and order is not None and choice is not None
        started = time.perf_counter()
        measured = engine.run(routed.prepared, order)
        notes = [_note(engine, choice)]
        if measured.approximate is not None:
            notes.append(f"the result is approximate: {measured.approximate}")
        return CircuitResult(
            counts=measured.counts,
            memory=measured.memory,
            engine=f"{engine.name}/{choice.method}",
            seconds=routed.seconds + time.perf_counter() - started,
            approximate=measured.approximate,
            notes=notes,
        )

    def expectations(self, routed: Routed, observables: Sequence[Observable]) -> CircuitResult:
        """Compute exact expectation values at the end of a circuit."""
        engine, order, choice = routed.engine, routed.order, routed.choice
        assert engine is not None and order is not None and choice is not None
        started = time.perf_counter()
        values, approximate = engine.expectations(routed.prepared, order, observables)
        notes = [
            f"exact values, with {IN_WORDS[choice.method]} on {engine.name}: {choice.reason}"
            if approximate is None
            else f"the values are approximate: {approximate}"
        ]
        return CircuitResult(
            {},
            engine=f"{engine.name}/{choice.method}",
            seconds=routed.seconds + time.perf_counter() - started,
            approximate=approximate,
            notes=notes,
            expectations=[
                Expectation(str(item), value, 0.0, 0)
                for item, value in zip(observables, values, strict=True)
            ],
        )

    def in_bases(
        self,
        circuit: QuantumCircuit,
        traits: Traits,
        bases: Sequence[Basis],
        options: Sequence[RunOptions],
        prepare: Prepare,
    ) -> list[CircuitResult] | None:
        """Sample the end of a circuit in several bases; see ``Target.in_bases``."""
        from quws.targets.simulator.program import Unsupported  # noqa: PLC0415

        started = time.perf_counter()
        if traits.measurements or not bases:
            return None
        most = max(len(basis.paulis) for basis in bases)
        measured = dataclasses.replace(
            traits,
            clbits=traits.clbits + most,
            registers=traits.registers + 1,
            gates=traits.gates + 3 * most,  # Turned to the basis, and measured.
            measurements=most,
        )
        choice = self.choice(measured, options[0])
        orders = [self.order(circuit, measured, choice.method, item) for item in options]
        engine = self._candidates(orders[0], exact=False)[0]
        try:
            found = engine.in_bases(prepare(engine, orders[0]), orders, bases)
        except Unsupported:
            return None
        if found is None:
            return None
        seconds = (time.perf_counter() - started) / len(bases)
        notes = [_note(engine, choice)]
        name = f"{engine.name}/{choice.method}"
        return [CircuitResult(item, engine=name, seconds=seconds, notes=notes) for item in found]

    def sweep(
        self, circuit: QuantumCircuit, parameters: Sequence[Parameter], options: RunOptions
    ) -> Sweep | None:
        """Translate a circuit with parameters once for all values; see ``Target.sweep``."""
        from quws.targets.simulator.program import Unsupported  # noqa: PLC0415

        traits = of_circuit(circuit)
        choice = self.choice(traits, options)
        order = self.order(circuit, traits, choice.method, options)
        engine = self._candidates(order, exact=options.exact)[0]
        try:
            filled = engine.template(order, parameters)
        except Unsupported:
            return None
        return None if filled is None else _Rows(self, order, engine, choice, filled)

    def _candidates(self, order: Order, *, exact: bool) -> list[Engine]:
        """List the engines that take it, fastest first."""
        from quws.targets.simulator.engines import speed  # noqa: PLC0415

        takers = [
            engine for engine in self.engines if engine.takes(order) and (engine.exact or not exact)
        ]
        return sorted(takers, key=lambda engine: speed(engine.name, order.traits.qubits))


class _Rows(Sweep):
    """One circuit with parameters on one engine."""

    def __init__(
        self,
        routing: Routing,
        order: Order,
        engine: Engine,
        choice: Choice,
        filled: Callable[[Sequence[float]], Any],
    ) -> None:
        self._routing = routing
        self._order = order
        self._engine = engine
        self._choice = choice
        self._filled = filled

    @override
    def run(self, values: Sequence[float], options: RunOptions) -> CircuitResult | None:
        routed = self._routed(values, options)
        return None if routed is None else self._routing.run(routed)

    @override
    def expectations(
        self, values: Sequence[float], observables: Sequence[Observable], options: RunOptions
    ) -> CircuitResult | None:
        routed = self._routed(values, options)
        return None if routed is None else self._routing.expectations(routed, observables)

    @override
    def in_bases(
        self, values: Sequence[float], bases: Sequence[Basis], options: Sequence[RunOptions]
    ) -> list[CircuitResult] | None:
        from quws.targets.simulator.program import Unsupported  # noqa: PLC0415

        def prepare(engine: Engine, order: Order) -> Any:
            if engine is not self._engine:
                raise Unsupported("a template of another engine")
            return self._filled(values)

        order = self._order
        return self._routing.in_bases(order.circuit, order.traits, bases, options, prepare)

    def _routed(self, values: Sequence[float], options: RunOptions) -> Routed | None:
        from quws.targets.simulator.program import Unsupported  # noqa: PLC0415

        started = time.perf_counter()
        circuit, traits = self._order.circuit, self._order.traits
        try:
            prepared = self._filled(values)
        except Unsupported:
            return None
        return Routed(
            circuit,
            engine=self._engine,
            order=self._routing.order(circuit, traits, self._choice.method, options),
            prepared=prepared,
            choice=self._choice,
            seconds=time.perf_counter() - started,
        )


def _note(engine: Engine, choice: Choice) -> str:
    return f"run with {IN_WORDS[choice.method]} on {engine.name}: {choice.reason}"
