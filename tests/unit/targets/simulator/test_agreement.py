"""Every engine gives what an exact calculation says, by a chi-square test with fixed seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any, NamedTuple

import exact
import pytest
from qiskit import QuantumCircuit
from scipy.special import chdtrc

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitLimits
from quws.domain.options import RunOptions
from quws.targets.simulator.engine import Engine, Order
from quws.targets.simulator.engines import ENGINES
from quws.targets.simulator.noise import Errors
from quws.targets.simulator.program import Unsupported
from quws.targets.simulator.router import Method
from quws.targets.simulator.traits import of_circuit

SHOTS = 3000
UNLIKELY = 1e-5
"""Of some 300 comparisons with fixed seeds none may be less likely than this."""

CLIFFORD = ("x", "y", "z", "h", "s", "sdg", "sx", "cx", "cy", "cz", "swap")
GENERAL = (*CLIFFORD, "t", "rx", "ry", "rz", "cu1", "rzz")
_WIDE = ("cx", "cy", "cz", "swap", "cu1", "rzz")
_TURNS = ("rx", "ry", "rz", "cu1", "rzz")


class Case(NamedTuple):
    """A circuit as text, and how likely its outcomes are."""

    text: str
    expected: dict[str, float]
    noise: dict[str, Any] | None = None


class Builder:
    """Writes a random circuit and follows it exactly at the same time."""

    def __init__(self, seed: int, qubits: int, registers: tuple[int, ...], **more: Any) -> None:
        self.random = Random(seed)
        self.qubits, self.registers = qubits, registers
        self.exact = exact.Exact(qubits, sum(registers), **more)
        self.lines = ['OPENQASM 3.0; include "stdgates.inc";', f"qubit[{qubits}] q;"]
        self.lines += [f"bit[{size}] c{number};" for number, size in enumerate(registers)]
        self.lines.append("gate cu1(a) x, y { cp(a) x, y; }")
        self.lines.append("gate rzz(a) x, y { cx x, y; rz(a) y; cx x, y; }")

    def bit(self, clbit: int) -> str:
        for number, size in enumerate(self.registers):
            if clbit < size:
                return f"c{number}[{clbit}]"
            clbit -= size
        raise AssertionError

    def gates(self, names: tuple[str, ...], count: int) -> None:
        for _ in range(count):
            self.gate(self.random.choice(names))

    def gate(self, name: str, condition: tuple[int, bool] | None = None) -> None:
        on = self.random.sample(range(self.qubits), 2 if name in _WIDE else 1)
        angles = [round(self.random.uniform(0.1, 3), 3)] if name in _TURNS else []
        use = f"{name}{f'({angles[0]})' if angles else ''} {', '.join(f'q[{k}]' for k in on)};"
        if condition is None:
            self.lines.append(use)
            self.exact.gate(name, on, *angles)
            return
        clbit, value = condition
        test = self.bit(clbit) if value else f"!{self.bit(clbit)}"
        self.lines.append(f"if ({test}) {{ {use} }}")
        self.exact.gate(name, on, *angles, when=lambda bits: bits[clbit] == value)

    def either(self, name: str, other: str, clbit: int) -> None:
        """Do one thing where a bit is 1, and another where it is 0."""
        qubit = self.random.randrange(self.qubits)
        self.lines.append(
            f"if ({self.bit(clbit)}) {{ {name} q[{qubit}]; }} else {{ {other} q[{qubit}]; }}"
        )
        self.exact.gate(name, [qubit], when=lambda bits: bits[clbit] == 1)
        self.exact.gate(other, [qubit], when=lambda bits: bits[clbit] == 0)

    def measure(self, qubit: int, clbit: int) -> None:
        self.lines.append(f"{self.bit(clbit)} = measure q[{qubit}];")
        self.exact.measure(qubit, clbit)

    def reset(self, qubit: int) -> None:
        self.lines.append(f"reset q[{qubit}];")
        self.exact.reset(qubit)

    def case(self, noise: dict[str, Any] | None = None) -> Case:
        return Case("\n".join(self.lines), self.exact.probabilities(self.registers), noise)


def _ends(names: tuple[str, ...], seed: int, **more: Any) -> Builder:
    """All at the end: two registers, a bit that is never written, a qubit that is not measured."""
    made = Builder(seed, 4, (2, 3), **more)
    made.gates(names, 18)
    for qubit, clbit in ((3, 0), (0, 4), (2, 1), (1, 1), (3, 2)):
        made.measure(qubit, clbit)
    return made


def _on_the_way(names: tuple[str, ...], seed: int, **more: Any) -> Builder:
    """Measured, reset and measured again on the way, a bit written twice."""
    made = Builder(seed, 3, (2, 2), **more)
    made.gates(names, 8)
    made.measure(1, 0)
    made.gates(names, 4)
    made.reset(0)
    made.gates(names, 4)
    made.measure(0, 3)
    made.measure(1, 1)
    made.gates(names, 3)
    made.measure(1, 3)
    return made


def _controlled(
    names: tuple[str, ...], conditional: tuple[str, ...], seed: int, **more: Any
) -> Builder:
    made = Builder(seed, 3, (1, 2), **more)
    made.gates(names, 6)
    made.measure(0, 1)
    for name in conditional:
        made.gate(name, (1, made.random.random() < 0.5))
    made.gates(names, 3)
    made.measure(2, 2)
    made.gate(conditional[0], (2, True))
    made.gate(conditional[0], (0, False))
    made.measure(1, 0)
    made.measure(0, 1)
    return made


def _either(names: tuple[str, ...], seed: int) -> Builder:
    made = Builder(seed, 3, (1, 2))
    made.gates(names, 6)
    made.measure(0, 1)
    for name, other in (("x", "y"), ("z", "x"), ("y", "z")):
        made.either(name, other, 1)
    made.gates(names, 3)
    made.measure(2, 2)
    made.either("z", "x", 2)
    made.measure(1, 0)
    made.measure(0, 1)
    return made


_DEPOLARIZING = {"depolarizing": {"p": 0.03, "p2": 0.08}}
_READOUT = {"readout": {"p01": 0.05, "p10": 0.15}}
_THERMAL = {"thermal": {"t1": 2e-6, "t2": 1.5e-6, "time": 5e-8, "time2": 3e-7}}
_PAULI = exact.depolarizing(0.03, 0.08)
_COLD = exact.relaxation(2e-6, 1.5e-6, (5e-8, 3e-7))

FAMILIES: dict[str, Callable[[int], Case]] = {
    "clifford": lambda seed: _ends(CLIFFORD, seed).case(),
    "clifford-on-the-way": lambda seed: _on_the_way(CLIFFORD, seed).case(),
    "clifford-controlled": lambda seed: _controlled(CLIFFORD, ("x", "y", "z"), seed).case(),
    "clifford-controlled-by-gates": lambda seed: _controlled(CLIFFORD, ("h", "s"), seed).case(),
    "clifford-either": lambda seed: _either(CLIFFORD, seed).case(),
    "clifford-noisy": lambda seed: _ends(CLIFFORD, seed, after_gate=_PAULI, flip=(0.05, 0.15)).case(
        _DEPOLARIZING | _READOUT
    ),
    "clifford-noisy-on-the-way": lambda seed: _on_the_way(CLIFFORD, seed, after_gate=_PAULI).case(
        _DEPOLARIZING
    ),
    "general": lambda seed: _ends(GENERAL, seed).case(),
    "general-on-the-way": lambda seed: _on_the_way(GENERAL, seed).case(),
    "general-controlled": lambda seed: _controlled(GENERAL, ("t", "rx", "x"), seed).case(),
    "general-either": lambda seed: _either(GENERAL, seed).case(),
    "general-read-wrong": lambda seed: _ends(GENERAL, seed, flip=(0.05, 0.15)).case(_READOUT),
    "general-controlled-read-wrong": lambda seed: _controlled(
        GENERAL, ("t", "rx", "x"), seed, flip=(0.05, 0.15)
    ).case(_READOUT),
    "general-noisy": lambda seed: _ends(
        tuple(name for name in GENERAL if name != "rzz"), seed, after_gate=_PAULI
    ).case(_DEPOLARIZING),
    "general-relaxing": lambda seed: _ends(
        tuple(name for name in GENERAL if name != "rzz"), seed, after_gate=_COLD
    ).case(_THERMAL),
    "general-noisy-on-the-way": lambda seed: _on_the_way(
        tuple(name for name in GENERAL if name != "rzz"), seed, after_gate=_PAULI
    ).case(_DEPOLARIZING),
}
SEEDS = range(2)


@cache
def read(text: str) -> QuantumCircuit:
    """Read a circuit once for all engines: nobody may change it."""
    return parse(text, None, CircuitLimits())[0]


@cache
def engines() -> dict[str, Engine]:
    found = {}
    for make in ENGINES:
        engine = make()
        # What the router would use must be there to be tested.
        assert engine.installed(), engine.name
        engine.load()
        found[engine.name] = engine
    return found


def takers(case: Case) -> list[tuple[str, Method]]:
    """Every engine with every method that can run it."""
    circuit = read(case.text)
    traits = of_circuit(circuit)
    errors = Errors.of(case.noise)
    methods = [Method.DENSITY_MATRIX, Method.TRAJECTORIES, Method.MATRIX_PRODUCT_STATE]
    if errors is None or not errors.on_gates:
        methods.append(Method.STATEVECTOR)
    if traits.clifford and (errors is None or errors.pauli):
        methods.append(Method.STABILIZER)
    return [
        (name, method)
        for method in methods
        for name, engine in engines().items()
        if engine.takes(order_of(case, method))
    ]


def order_of(case: Case, method: Method, **options: Any) -> Order:
    circuit = read(case.text)
    given = RunOptions(**({"shots": SHOTS, "seed": 2**62 + 11} | options))
    assert given.seed is not None
    return Order(
        circuit=circuit,
        traits=of_circuit(circuit),
        method=method,
        shots=given.shots,
        seed=given.seed,
        memory=given.memory,
        errors=Errors.of(case.noise),
        threads=1,
        bond_dimension=64,
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_engines_agree_with_an_exact_calculation(family: str) -> None:
    ran: set[tuple[str, Method]] = set()
    for seed in SEEDS:
        case = FAMILIES[family](seed)
        assert math.isclose(sum(case.expected.values()), 1, abs_tol=1e-9)
        for name, method in takers(case):
            order = order_of(case, method)
            engine = engines()[name]
            try:
                prepared = engine.prepare(order)
            except Unsupported:
                continue
            counts = engine.run(prepared, order).counts
            assert sum(counts.values()) == SHOTS
            statistic, freedom = exact.chi_square(counts, case.expected, SHOTS)
            likely = chdtrc(freedom, statistic)
            assert likely > UNLIKELY, (name, method, seed, statistic, freedom, case.text)
            ran.add((name, method))
    assert expected_engines(family) <= {name for name, _ in ran}


def expected_engines(family: str) -> set[str]:
    """Tell which engines must take a family, so that none is left out unseen."""
    if family in ("clifford", "general", "general-read-wrong"):
        return {"aer", "qsim", "qulacs"} | ({"stim"} if family == "clifford" else set())
    if family.startswith("clifford") and family != "clifford-controlled-by-gates":
        return {"aer", "stim"}
    return {"aer"}


@pytest.mark.parametrize("family", ["clifford", "clifford-noisy", "general", "general-noisy"])
def test_the_same_seed_gives_the_same_and_memory_agrees_with_counts(family: str) -> None:
    case = FAMILIES[family](7)
    for name, method in takers(case):
        engine = engines()[name]
        results = []
        for seed, memory in ((5, True), (5, True), (6 + 2**40, True)):
            order = order_of(case, method, shots=300, seed=seed, memory=memory)
            results.append(engine.run(engine.prepare(order), order))
        first, again, other = results
        assert first == again, (name, method)
        assert first.memory is not None and len(first.memory) == 300
        assert {key: first.memory.count(key) for key in set(first.memory)} == first.counts
        assert first.memory != other.memory, (name, method)
