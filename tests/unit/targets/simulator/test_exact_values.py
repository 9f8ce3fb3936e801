"""Expectation values without shots: each engine that computes them, and what has none."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import exact
import pytest

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.kinds import JobKind
from quws.domain.noise import read_noise
from quws.domain.options import RunOptions
from quws.domain.outcomes import Expectation
from quws.domain.paulis import Observable, Term
from quws.targets.simulator import Simulator
from quws.targets.simulator.engine import Engine
from quws.targets.simulator.engines import ENGINES
from quws.targets.simulator.router import Method
from quws.targets.simulator.traits import of_circuit

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
CLIFFORD = ("x", "y", "z", "h", "s", "sdg", "sx", "cx", "cy", "cz", "swap")
GENERAL = (*CLIFFORD, "t", "rx", "ry", "rz")
QUBITS = 4


@cache
def engines() -> list[Engine]:
    made = [make() for make in ENGINES]
    for engine in made:
        engine.load()
    return [engine for engine in made if engine.exact]


def circuit_of(names: tuple[str, ...], seed: int, **noise: Any) -> tuple[str, exact.Exact]:
    random, state = Random(seed), exact.Exact(QUBITS, 0, **noise)
    lines = [HEAD, f"qubit[{QUBITS}] q;"]
    for _ in range(18):
        name = random.choice(names)
        on = random.sample(range(QUBITS), 2 if name in ("cx", "cy", "cz", "swap") else 1)
        angles = [round(random.uniform(0.1, 3), 3)] if name in ("rx", "ry", "rz") else []
        state.gate(name, on, *angles)
        angle = f"({angles[0]})" if angles else ""
        lines.append(f"{name}{angle} {', '.join(f'q[{qubit}]' for qubit in on)};")
    return "\n".join(lines), state


def observables(seed: int) -> Iterator[Observable]:
    random = Random(seed)
    yield Observable((Term(0.75, ()),))
    yield Observable(())
    for _ in range(4):
        strings = {
            tuple((qubit, random.choice("XYZ")) for qubit in range(QUBITS) if random.random() < 0.6)
            for _ in range(4)
        }
        yield Observable(tuple(Term(random.uniform(-2, 2), paulis) for paulis in sorted(strings)))


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    made = Simulator("simulator", qubits=12, threads=1)
    made.load()
    return made


def options(**more: Any) -> RunOptions:
    return RunOptions(**{"kind": JobKind.ESTIMATE, "shots": 0, "seed": 1} | more)


def values(
    simulator: Simulator, text: str, wanted: list[Observable], **more: Any
) -> list[Expectation]:
    circuit, facts = parse(text, None, CircuitLimits())
    simulator.check(facts, options(**more))
    found = simulator.expectations(circuit, wanted, options(**more))
    assert found.expectations is not None
    return found.expectations


@pytest.mark.parametrize("names", [CLIFFORD, GENERAL], ids=["clifford", "general"])
@pytest.mark.parametrize("seed", range(2))
def test_engines_agree_with_an_exact_calculation(
    simulator: Simulator, names: tuple[str, ...], seed: int
) -> None:
    text, state = circuit_of(names, seed)
    wanted = list(observables(seed))
    expected = [
        state.expectation((term.coefficient, dict(term.paulis)) for term in item.terms)
        for item in wanted
    ]
    circuit = parse(text, None, CircuitLimits())[0]
    ran = set()
    for method in Method:
        if method is Method.TRAJECTORIES or (method is Method.STABILIZER and names is GENERAL):
            continue
        order = simulator._routing.order(circuit, of_circuit(circuit), method, options())
        for engine in engines():
            if engine.takes(order):
                for _ in range(2):  # What is asked for again may be found in another way.
                    found, approximate = engine.expectations(engine.prepare(order), order, wanted)
                    assert found == pytest.approx(expected, abs=1e-9), (engine.name, method)
                    assert approximate is None
                ran.add(engine.name)
    assert ran == {"aer", "qulacs"} | ({"stim"} if names is CLIFFORD else set())


def test_noise_takes_a_density_matrix(simulator: Simulator) -> None:
    text, state = circuit_of(GENERAL, 3, after_gate=exact.depolarizing(0.03, 0.08))
    wanted = list(observables(3))
    noise = read_noise("depolarizing:p=0.03,p2=0.08")
    found = values(simulator, text, wanted, noise=noise)
    assert [item.value for item in found] == pytest.approx(
        [
            state.expectation((term.coefficient, dict(term.paulis)) for term in item.terms)
            for item in wanted
        ],
        abs=1e-9,
    )


@pytest.mark.parametrize(
    ("body", "engine"),
    [
        ("qubit[100] q; h q[0]; for int i in [0:98] { cx q[i], q[i + 1]; }", "stim/stabilizer"),
        ("qubit[3] q; t q[0]; h q[2];", "qulacs/statevector"),
        ("qubit[40] q; h q; t q[0]; h q[2]; cx q[2], q[0];", "aer/matrix_product_state"),
    ],
)
def test_the_method_is_chosen_as_for_shots(simulator: Simulator, body: str, engine: str) -> None:
    circuit = parse(HEAD + body, None, CircuitLimits(qubits=100))[0]
    wanted = [Observable((Term(0.5, ((0, "Z"), (2, "Z"))), Term(1.0, ((2, "X"),))))]
    found = simulator.expectations(circuit, wanted, options())
    assert found.engine == engine
    assert found.notes[0].startswith("exact values, with ")


def test_what_was_truncated_is_said() -> None:
    narrow = Simulator("simulator", qubits=4, threads=1, bond_dimension=2)
    narrow.load()
    lines = [HEAD, "qubit[6] q;"]
    for layer in range(4):
        lines += [f"ry({0.3 + layer + 0.7 * qubit}) q[{qubit}];" for qubit in range(6)]
        lines += [f"cx q[{qubit}], q[{qubit + 1}];" for qubit in range(5)]
    circuit = parse("".join(lines), None, CircuitLimits())[0]
    wanted = [Observable((Term(1.0, ((0, "Z"),)),))]
    found = narrow.expectations(circuit, wanted, options(method="matrix_product_state"))
    assert found.approximate is not None
    assert found.approximate.startswith("the bond dimension was held at 2, which discarded")
    assert found.notes == [f"the values are approximate: {found.approximate}"]


@pytest.mark.parametrize(
    ("body", "more", "refusal", "sentence"),
    [
        (
            "bit c; h q[0]; c = measure q[0]; h q[0];",
            {},
            InvalidParameter,
            "SHOTS=0 gives the exact values of circuits without measurements and resets on the way"
            " and without control flow only; give a number of SHOTS for this one",
        ),
        (
            "h q[0];",
            {"method": "trajectories"},
            InvalidParameter,
            "METHOD=trajectories draws each shot, and SHOTS=0 asks for none",
        ),
        (
            "h q[0];",
            {"noise": read_noise("readout:p=0.1")},
            InvalidParameter,
            "SHOTS=0 reads no bits, and NOISE asks for bits that are read wrong; give a number of"
            " SHOTS",
        ),
        (
            "h q[0];",
            {"noise": read_noise("bit_flip:p=0.1"), "method": "statevector"},
            InvalidParameter,
            "METHOD must be density_matrix or auto for SHOTS=0 with NOISE, not statevector",
        ),
        (
            "qubit[9] more; h q[0];",
            {"noise": read_noise("bit_flip:p=0.1")},
            InvalidCircuit,
            "the circuit has 10 qubits, and with NOISE exact values need a density matrix, of at"
            " most 6; give a number of SHOTS",
        ),
    ],
)
def test_what_has_no_exact_values_is_refused(
    simulator: Simulator,
    body: str,
    more: dict[str, Any],
    refusal: type[InvalidParameter | InvalidCircuit],
    sentence: str,
) -> None:
    _, facts = parse(f"{HEAD} qubit[1] q; {body}", None, CircuitLimits())
    with pytest.raises(refusal) as caught:
        simulator.check(facts, options(**more))
    assert caught.value.sentence == sentence
