"""Which method is chosen, which sizes are refused and in which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from quws.domain.circuits import CircuitFacts, Language
from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.noise import read_noise
from quws.domain.options import RunOptions
from quws.targets.simulator import Simulator
from quws.targets.simulator.limits import Limits
from quws.targets.simulator.noise import Errors
from quws.targets.simulator.router import Method, choose
from quws.targets.simulator.traits import Traits

LIMITS = Limits(state_bytes=16 << 28, qubits=28)
GENERAL = Traits(
    qubits=10,
    clbits=10,
    registers=1,
    gates=100,
    wide_gates=40,
    crossing=20,
    measurements=10,
    clifford=False,
    sampled=True,
    control_flow=False,
)
CLIFFORD = replace(GENERAL, clifford=True)


def errors(text: str | None) -> Errors | None:
    noise = None if text is None else read_noise(text)
    return None if noise is None else Errors(noise)


def chosen(
    traits: Traits, noise: str | None = None, method: str | None = None, shots: int = 1000
) -> Method:
    choice = choose(traits, method, errors(noise), LIMITS, shots=shots)
    assert choice.reason
    return choice.method


def test_one_qubit_is_one() -> None:
    one = replace(GENERAL, qubits=1)
    assert (
        choose(one, None, None, LIMITS, shots=1).reason == "the state of 1 qubit fits into memory"
    )


@pytest.mark.parametrize(
    ("traits", "noise", "method"),
    [
        (CLIFFORD, None, Method.STABILIZER),
        (replace(CLIFFORD, qubits=1000), None, Method.STABILIZER),
        (CLIFFORD, "depolarizing:0.1 readout:p=0.1", Method.STABILIZER),
        (CLIFFORD, "thermal:t1=1e-5,t2=1e-5", Method.DENSITY_MATRIX),
        (GENERAL, None, Method.STATEVECTOR),
        (replace(GENERAL, qubits=28), None, Method.STATEVECTOR),
        # Bits that are read wrong do not touch the state.
        (replace(GENERAL, qubits=28), "readout:0.1", Method.STATEVECTOR),
        (replace(GENERAL, qubits=5), "depolarizing:0.1", Method.DENSITY_MATRIX),
        (replace(GENERAL, qubits=16), "depolarizing:0.1", Method.TRAJECTORIES),
        (
            replace(GENERAL, qubits=60, crossing=3),
            None,
            Method.MATRIX_PRODUCT_STATE,
        ),
        (
            replace(GENERAL, qubits=60, crossing=3),
            "depolarizing:0.1",
            Method.MATRIX_PRODUCT_STATE,
        ),
    ],
)
def test_the_method_follows_from_the_circuit(
    traits: Traits, noise: str | None, method: Method
) -> None:
    assert chosen(traits, noise) is method


def test_few_shots_make_trajectories_the_cheaper_ones() -> None:
    traits = replace(GENERAL, qubits=11)
    assert chosen(traits, "depolarizing:0.1", shots=1) is Method.TRAJECTORIES
    assert chosen(traits, "depolarizing:0.1", shots=1_000_000) is Method.DENSITY_MATRIX


def test_a_method_that_is_asked_for_is_taken() -> None:
    for method in Method:
        assert chosen(CLIFFORD, None, method) is method
        assert "METHOD asks for it" in choose(CLIFFORD, method, None, LIMITS, shots=1).reason
    assert chosen(GENERAL, None, "auto") is Method.STATEVECTOR


def refusal(traits: Traits, **given: Any) -> InvalidCircuit | InvalidParameter:
    with pytest.raises((InvalidCircuit, InvalidParameter)) as caught:
        chosen(traits, **given)
    return caught.value


@pytest.mark.parametrize("qubits", [29, 511, 512, 1024, 4096])
@pytest.mark.parametrize(
    "method", [None, *(item for item in Method if item is not Method.MATRIX_PRODUCT_STATE)]
)
def test_what_is_far_too_large_is_refused_before_its_time_is_predicted(
    qubits: int, method: Method | None
) -> None:
    wide = replace(GENERAL, qubits=qubits, crossing=10**6)
    for noise in (None, "depolarizing:0.1"):
        refusal(wide, noise=noise, method=method)
    facts = CircuitFacts(
        language=Language.OPENQASM_2, qubits=qubits, clbits=1, operations=10**6, depth=3
    )
    options = RunOptions(shots=10, method=method, noise=read_noise("depolarizing:0.1"))
    with pytest.raises((InvalidCircuit, InvalidParameter)):
        Simulator("simulator", qubits=28).check(facts, options)


def test_refusals_say_what_would_go() -> None:
    wide = refusal(replace(GENERAL, qubits=100, crossing=900))
    assert "100 qubits" in wide.sentence
    assert "at most 28" in wide.sentence
    assert "Clifford" in wide.sentence
    assert "METHOD=matrix_product_state" in wide.sentence
    noisy = refusal(replace(GENERAL, qubits=100, crossing=900), noise="depolarizing:0.1")
    assert "NOISE" in noisy.sentence
    assert "4096" in refusal(replace(CLIFFORD, qubits=5000), method="stabilizer").sentence
    assert "14" in refusal(replace(GENERAL, qubits=15), method="density_matrix").sentence
    stabilizer = refusal(GENERAL, method="stabilizer")
    assert stabilizer.parameter == "METHOD"
    assert "Clifford" in stabilizer.sentence
    assert "Pauli" in refusal(CLIFFORD, method="stabilizer", noise="thermal:t1=1,t2=1").sentence
    assert "trajectories" in refusal(GENERAL, method="statevector", noise="bit_flip:0.1").sentence
    # A readout error is no reason against a state vector.
    assert chosen(GENERAL, "readout:0.1", "statevector") is Method.STATEVECTOR
    assert (
        "MiB"
        in refusal(
            replace(GENERAL, qubits=1000, crossing=900, wide_gates=10**7),
            method="matrix_product_state",
        ).sentence
    )


def test_facts_that_nobody_knows_count_as_the_worst() -> None:
    target = Simulator("simulator", qubits=20)
    old = CircuitFacts(language=Language.OPENQASM_2, qubits=20, clbits=2, operations=9, depth=3)
    target.check(old, RunOptions(shots=10))
    with pytest.raises(InvalidCircuit, match="21 qubits"):
        target.check(old.model_copy(update={"qubits": 21}), RunOptions(shots=10))


def test_memory_of_all_shots_is_bounded() -> None:
    target = Simulator("simulator")
    facts = CircuitFacts(
        language=Language.OPENQASM_2,
        qubits=2000,
        clbits=4096,
        operations=4096,
        depth=3,
        clifford=True,
        wide_gates=0,
        crossing=0,
    )
    target.check(facts, RunOptions(shots=1_000_000))
    with pytest.raises(InvalidParameter, match="256 MiB") as caught:
        target.check(facts, RunOptions(shots=1_000_000, memory=True))
    assert caught.value.parameter == "MEMORY"


def test_predictions_grow_with_the_work() -> None:
    target = Simulator("simulator", qubits=28)

    def seconds(shots: int = 100, **update: Any) -> float:
        facts = CircuitFacts(
            language=Language.OPENQASM_2,
            qubits=10,
            clbits=2,
            operations=100,
            depth=3,
            wide_gates=30,
            crossing=20,
            measurements=2,
            sampled=True,
        ).model_copy(update=update)
        estimate = target.estimate(facts, RunOptions(shots=shots))
        assert estimate is not None
        assert estimate.low < estimate.seconds < estimate.high
        assert target.memory_bytes(facts, RunOptions(shots=shots)) > 16 << update.get("qubits", 10)
        return estimate.seconds

    assert seconds(qubits=24) > 10 * seconds(qubits=20)
    assert seconds(qubits=20, sampled=False) > 50 * seconds(qubits=20)
    assert seconds(operations=10**6) > 100 * seconds()
