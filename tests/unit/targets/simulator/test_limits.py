"""Memory and sizes, against what the states really hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quws.domain.circuits import CircuitFacts, Language
from quws.domain.options import RunOptions
from quws.targets.simulator import Simulator
from quws.targets.simulator.limits import Limits, bond, default_limits, memory_bytes, state_bytes
from quws.targets.simulator.traits import Traits

LIMITS = Limits(state_bytes=1 << 34, qubits=30)
TRAITS = Traits(
    qubits=10,
    clbits=10,
    registers=1,
    gates=100,
    wide_gates=40,
    crossing=3,
    measurements=10,
    clifford=False,
    sampled=True,
    control_flow=False,
)
COMPLEX = 16
"""Bytes of a complex number in double precision."""


@pytest.mark.parametrize("qubits", [1, 8, 15, 28])
def test_a_state_has_room_for_all_its_numbers(qubits: int) -> None:
    traits = replace(TRAITS, qubits=qubits)
    vector, matrix = COMPLEX * 2**qubits, COMPLEX * 4**qubits
    for method in ("statevector", "trajectories"):
        assert vector <= state_bytes(method, traits, LIMITS) <= 2 * vector
    assert matrix <= state_bytes("density_matrix", traits, LIMITS) <= 2 * matrix


def test_the_target_asks_for_the_room_of_a_density_matrix() -> None:
    facts = CircuitFacts(
        language=Language.OPENQASM_2, qubits=13, clbits=1, operations=9, depth=3, sampled=True
    )
    target = Simulator("simulator", qubits=28)
    options = RunOptions(shots=1, method="density_matrix")
    assert target.memory_bytes(facts, options) >= COMPLEX * 4**13
    assert LIMITS.density_qubits == 15
    assert COMPLEX * 4**LIMITS.density_qubits <= LIMITS.state_bytes


def test_a_matrix_product_state_has_room_for_its_tensors() -> None:
    # Three gates across a cut make bonds of 2^3 at most.
    assert bond(TRAITS, LIMITS) == 8
    assert state_bytes("matrix_product_state", TRAITS, LIMITS) >= 2 * 10 * 8 * 8 * COMPLEX
    wide = replace(TRAITS, qubits=200, crossing=90)
    assert bond(wide, LIMITS) == LIMITS.bond_dimension == 256
    assert state_bytes("matrix_product_state", wide, LIMITS) >= 2 * 200 * 256**2 * COMPLEX


def test_results_have_room_too() -> None:
    few = memory_bytes("statevector", TRAITS, LIMITS, shots=1000, memory=False)
    kept = memory_bytes("statevector", TRAITS, LIMITS, shots=1000, memory=True)
    assert kept - few >= 1000 * TRAITS.width
    # There are no more outcomes than bits can make.
    many = memory_bytes("statevector", TRAITS, LIMITS, shots=10**9, memory=False)
    assert many - few <= 2**TRAITS.clbits * (TRAITS.width + 500)


@pytest.mark.parametrize(("dimension", "gates"), [(256, 8), (255, 7), (1, 0)])
def test_a_bond_holds_as_many_gates_as_its_dimension_has_doublings(
    dimension: int, gates: int
) -> None:
    assert Limits(state_bytes=1, qubits=1, bond_dimension=dimension).bond_qubits == gates


def test_the_operator_may_name_the_largest_state_vector() -> None:
    assert default_limits(33).qubits == 33
    assert default_limits(33).state_bytes >= COMPLEX * 2**33
    own = default_limits(None)
    assert COMPLEX * 2**own.qubits <= own.state_bytes
