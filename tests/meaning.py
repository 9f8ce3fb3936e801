"""Runs circuits on every engine and on an emulator, to see whether they do what they mean.

The right outcomes stand in the tests as text or come from ``exact``; nothing of
them is read by what is tested.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import exact
import pytest
from qiskit import QuantumCircuit
from scipy.special import chdtrc

from quws.circuits.parse import parse
from quws.circuits.transcript.building import build
from quws.circuits.transcript.writing import write
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.options import RunOptions
from quws.targets.emulator.target import Emulator
from quws.targets.simulator.engine import Engine, Order
from quws.targets.simulator.engines import ENGINES
from quws.targets.simulator.noise import Errors
from quws.targets.simulator.program import Unsupported
from quws.targets.simulator.router import Method
from quws.targets.simulator.traits import of_circuit

TWO = 'OPENQASM 2.0; include "qelib1.inc"; '
THREE = 'OPENQASM 3.0; include "stdgates.inc"; '
SHOTS = 40
NOISES: tuple[dict[str, Any] | None, ...] = (None, {"depolarizing": {"p": 0.0, "p2": 0.0}})


@cache
def engines() -> list[Engine]:
    found = [make() for make in ENGINES]
    for engine in found:
        engine.load()
    return found


@cache
def emulator() -> Emulator:
    made = Emulator("star", device="bluebell-5", noise="none", speed=1e9)
    made.load()
    return made


def everywhere(
    circuit: QuantumCircuit, *, noisy: bool = True, shots: int = SHOTS
) -> dict[str, dict[str, int]]:
    """Run a circuit in every way that there is."""
    found = {}
    traits = of_circuit(circuit)
    methods = [
        Method.STATEVECTOR,
        Method.DENSITY_MATRIX,
        Method.TRAJECTORIES,
        Method.MATRIX_PRODUCT_STATE,
        *([Method.STABILIZER] if traits.clifford else []),
    ]
    for noise in NOISES[: 2 if noisy else 1]:
        for method in methods:
            if noise is not None and method is Method.STATEVECTOR:
                continue
            order = Order(
                circuit=circuit,
                traits=traits,
                method=method,
                shots=shots,
                seed=11,
                memory=False,
                errors=Errors.of(noise),
                threads=1,
                bond_dimension=64,
            )
            for engine in engines():
                if not engine.takes(order):
                    continue
                try:
                    counts = engine.run(engine.prepare(order), order).counts
                except Unsupported:
                    continue
                found[f"{engine.name}/{method}{'' if noise is None else ' with noise'}"] = counts
    again = handed_on(circuit)
    if circuit.num_qubits <= 5:
        options = RunOptions(shots=shots, seed=11)
        compiled = emulator().compile(again, options)
        found["emulator"] = emulator().run(compiled, options, lambda *_: None).counts
    return found


def handed_on(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit as it comes to a target that must not read its text."""
    limits = CircuitLimits()
    transcript = json.loads(json.dumps(write(circuit, limits), allow_nan=False))
    built = build(transcript, limits)
    assert write(built, limits) == transcript
    return built


def read(text: str) -> QuantumCircuit:
    return parse(text, None, CircuitLimits())[0]


def gives(text: str, outcome: str) -> None:
    """Assert that every shot has this outcome, whatever runs it."""
    for where, counts in everywhere(read(text)).items():
        assert counts == {outcome: SHOTS}, (where, text)


def refused(text: str) -> str:
    with pytest.raises(InvalidCircuit) as caught:
        parse(text, None, CircuitLimits())
    return caught.value.sentence


def gives_often(text: str, expected: dict[str, float], language: Language | None = None) -> None:
    circuit = parse(text, language, CircuitLimits())[0]
    for where, counts in everywhere(circuit, noisy=False, shots=600).items():
        statistic, freedom = exact.chi_square(counts, expected, 600)
        assert chdtrc(freedom, statistic) > 1e-6, (where, text, counts, expected)


def notes(text: str, language: Language | None = None) -> list[str]:
    return parse(text, language, CircuitLimits())[1].notes
