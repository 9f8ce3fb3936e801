"""What PUBs gave, as Qiskit's clients read it: the numbers are held against exact ones."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from primitives import SENT, decoded, in_numpy, in_qpy, text_for, text_of
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from quws.api.doors.ibm.metadata import Ran
from quws.api.doors.ibm.payload import made_of
from quws.api.doors.ibm.results import Writer
from quws.circuits.several import facts_of, read_to_bind
from quws.domain.circuits import CircuitLimits, Language, Register
from quws.domain.observables import collect, read_value
from quws.domain.options import RunOptions
from quws.domain.outcomes import CircuitOutcome, Expectation, UnreadableOutcomes
from quws.domain.packed import unpack
from quws.targets.base import CircuitResult
from quws.targets.simulator import Simulator

LIMITS = CircuitLimits()
RAN = Ran()


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    made = Simulator("simulator", qubits=12, threads=1)
    made.load()
    return made


TARGET = Simulator("simulator", qubits=12).describe()


def quiet(part: float, sentence: str | None) -> None:
    """Tell nobody of any progress."""


def sampled(simulator: Simulator, text: str) -> Iterator[CircuitOutcome]:
    """Run the circuits of a text as a child does."""
    at = read_to_bind(text, Language.PUBS, LIMITS).at
    for index, facts in enumerate(facts_of(text, LIMITS)):
        options = RunOptions(shots=1, memory=True, seed=index).of(facts)
        compiled = simulator.compile(at({"circuit": index}), options)
        found = simulator.run(compiled, options, quiet)
        yield found.of_circuit(index, facts.registers, None, memory=True)


def told(text: str, outcomes: Sequence[CircuitOutcome], pieces: int = 3) -> Any:
    """Write what they gave, some at a time, and read it as the client does."""
    written = []
    with closing(Writer(text, RAN)) as writer:
        for start in range(0, len(outcomes), pieces):
            written += writer.take(outcomes[start : start + pieces])
        return decoded("".join([*written, *writer.rest()]))


def test_bits_are_those_of_the_registers(simulator: Simulator) -> None:
    text = text_of(made_of("sampler", SENT["sampler"], TARGET))
    outcomes = list(sampled(simulator, text))
    found = told(text, outcomes)
    assert found["metadata"]["version"] == 2
    told_of = [item["metadata"]["circuit_metadata"] for item in found["pub_results"]]
    assert told_of == [{"experiment": "bell"}, {}, {}]
    bell, sweep, wide = (item["data"] for item in found["pub_results"])
    assert (bell.meas.shape, bell.meas.num_shots, bell.meas.num_bits) == ((), 256, 2)
    assert bell.meas.get_counts() == outcomes[0].counts
    assert bell.meas.get_bitstrings() == outcomes[0].memory
    assert sweep.shape == (2, 3)
    assert (sweep.alpha.array.shape, sweep.beta.array.shape) == ((2, 3, 100, 1), (2, 3, 100, 1))
    for place, outcome in enumerate(outcomes[1:7]):
        at = np.unravel_index(place, (2, 3))
        both = zip(sweep.beta[at].get_bitstrings(), sweep.alpha[at].get_bitstrings(), strict=True)
        assert [" ".join(pair) for pair in both] == outcome.memory
    # The fifth bit of nine: in the second byte.
    assert wide.c.array.tolist() == [[0, 16]] * 7


@pytest.fixture(params=[5, 1 << 16])
def at_a_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the bits of so many shots put together at a time."""
    monkeypatch.setattr("quws.api.doors.ibm.bits._SHOTS", request.param)


@pytest.mark.usefixtures("at_a_time")
@pytest.mark.parametrize("sizes", [(1,), (8,), (9, 3), (64, 1, 7), (17, 16)])
@pytest.mark.parametrize("kept", [True, False])
def test_bits_of_any_width_are_packed_as_they_stand(sizes: tuple[int, ...], *, kept: bool) -> None:
    draw = random.Random(5)
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    text = text_for("sampler", [[in_qpy(circuit), in_numpy(np.empty((3, 0))), 50]], TARGET)
    registers = [Register(name=f"r{place}", size=size) for place, size in enumerate(sizes)]
    outcomes = []
    for index in range(3):
        shots = [
            " ".join(f"{draw.getrandbits(size):0{size}b}" for size in reversed(sizes))
            for _ in range(50)
        ]
        if not kept:
            shots.sort()
        counts = {shot: shots.count(shot) for shot in shots}
        outcomes.append(
            CircuitOutcome(counts, shots if kept else None, index=index, registers=registers)
        )
    (found,) = told(text, outcomes)["pub_results"]
    for index, outcome in enumerate(outcomes):
        shots = outcome.memory or [bits for bits, n in outcome.counts.items() for _ in range(n)]
        for place, register in enumerate(registers):
            bits = found["data"][register.name]
            assert bits.num_bits == register.size
            own = [shot.split(" ")[-1 - place] for shot in shots]
            assert bits[index].get_bitstrings() == own


def estimated(simulator: Simulator, program: dict[str, Any]) -> tuple[str, list[CircuitOutcome]]:
    """Find the exact values of what an estimator was asked for."""
    made = made_of("estimator", program, TARGET)
    text = text_of(made)
    (given,) = (item.value.decode() for item in made.posted if item.name == "OBSERVABLE")
    observables = collect([read_value(given)])
    assert observables is not None
    at = read_to_bind(text, Language.PUBS, LIMITS).at
    found = []
    for index, _ in enumerate(facts_of(text, LIMITS)):
        options = RunOptions(kind="estimate", shots=0, observable=observables)
        plan = observables.plan(index)
        result: CircuitResult = simulator.expectations(
            at({"circuit": index}), plan.observables, options
        )
        found.append(result.of_circuit(index, [], None, memory=False))
    return text, found


def test_expectation_values_have_the_shape_of_the_broadcast(simulator: Simulator) -> None:
    text, outcomes = estimated(simulator, SENT["estimator"])
    found = told(text, outcomes, 1)
    first, second, third = (item["data"] for item in found["pub_results"])
    assert (first.shape, second.shape, third.shape) == ((3, 4), (), (3, 3))
    assert second.evs.dtype == np.float64 and second.evs.shape == ()
    assert float(second.evs) == pytest.approx(1.0)
    rows = np.linspace(0, 3, 8).reshape(4, 2)
    wanted = np.array(
        [
            [
                exact(SparsePauliOp(["ZZ", "XX"], [0.5, -1.0]), row),
                exact(SparsePauliOp(["ZI"]), row),
                # |0⟩⟨0| ⊗ |+⟩⟨+| and 2 |r⟩⟨r| ⊗ |l⟩⟨l|.
                exact(projector("0+") + 2 * projector("rl"), row),
            ]
            for row in rows
        ]
    ).T
    assert first.evs == pytest.approx(wanted, abs=1e-9)
    rows = np.linspace(0, 1, 6).reshape(3, 2)
    wanted = np.array(
        [[exact(SparsePauliOp([label]), row) for label in ("ZZ", "IX", "YY")] for row in rows]
    )
    assert third.evs == pytest.approx(wanted, abs=1e-9)
    assert np.all(first.stds == 0) and first.stds.shape == (3, 4)
    assert [item["metadata"]["target_precision"] for item in found["pub_results"]] == [
        0.02,
        0.05,
        0.05,
    ]
    assert [item["metadata"]["shots"] for item in found["pub_results"]] == [
        math.ceil(pub) for pub in (6095, 401, 401)
    ]


def projector(letters: str) -> SparsePauliOp:
    one = {"0": ("Z", 1), "+": ("X", 1), "r": ("Y", 1), "l": ("Y", -1)}
    made = SparsePauliOp([""], [1.0])
    for letter in letters:
        pauli, sign = one[letter]
        made = made.tensor(SparsePauliOp(["I", pauli], [0.5, 0.5 * sign]))
    return made


def exact(operator: SparsePauliOp, row: np.ndarray) -> float:
    circuit = QuantumCircuit(2)
    circuit.ry(row[0], 0)
    circuit.cx(0, 1)
    circuit.rz(row[1], 1)
    return float(Statevector(circuit).expectation_value(operator).real)


def values(index: int, *found: float | None) -> CircuitOutcome:
    items = [Expectation("Z0", 0.5, error, 10) for error in found]
    return CircuitOutcome({}, index=index, expectations=items)


def test_what_one_shot_tells_nothing_of_is_no_number() -> None:
    text = text_for("estimator", [[in_qpy(QuantumCircuit(1)), "Z"]], TARGET)
    (found,) = told(text, [values(0, None)])["pub_results"]
    assert math.isnan(found["data"].stds)


def test_an_array_without_values_has_a_result_without_any() -> None:
    measured = QuantumCircuit(1, 1)
    measured.measure(0, 0)
    none = [in_qpy(measured), in_numpy(np.empty((2, 0, 0))), 5]
    text = text_for("sampler", [none, [in_qpy(measured), [], 2], none], TARGET)
    registers = [Register(name="c", size=1)]
    outcome = CircuitOutcome({"0": 2}, ["0", "0"], index=0, registers=registers)
    found = told(text, [outcome])["pub_results"]
    assert [item["data"].shape for item in found] == [(2, 0), (), (2, 0)]


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [
        ([], "it has not the outcomes of all of its circuits"),
        ([values(0, 0.1), values(1, 0.1)], "it has more outcomes than circuits"),
        ([values(0, 0.1, 0.1)], "circuit 0 has 2 expectation values, not 1"),
    ],
)
def test_what_does_not_fit_the_pubs_is_not_written(
    outcomes: list[CircuitOutcome], sentence: str
) -> None:
    text = text_for("estimator", [[in_qpy(QuantumCircuit(1)), "Z"]], TARGET)
    with pytest.raises(UnreadableOutcomes, match=sentence):
        told(text, outcomes)


def test_all_circuits_of_a_pub_have_as_many_shots() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    text = text_for("sampler", [[in_qpy(circuit), in_numpy(np.empty((2, 0)))]], TARGET)
    registers = [Register(name="c", size=1)]
    outcomes = [
        CircuitOutcome({"0": shots}, ["0"] * shots, index=shots - 1, registers=registers)
        for shots in (1, 2)
    ]
    with pytest.raises(UnreadableOutcomes, match="circuit 1 has 2 shots, and the one before 1"):
        told(text, outcomes)


def bits_of(tensor: dict[str, Any]) -> np.ndarray:
    """Read bits as the executor's client does: all in one row, the first the lowest of its byte."""
    assert tensor["dtype"] == "bool"
    data = np.frombuffer(unpack(tensor["data"], 1 << 20), np.uint8)
    count = math.prod(tensor["shape"])
    assert len(data) == (count + 7) // 8
    return np.unpackbits(data, count=count, bitorder="little").reshape(tensor["shape"])


def test_the_executor_gives_bits_in_one_row(simulator: Simulator) -> None:
    made = made_of("executor", SENT["executor"], TARGET)
    assert {item.name: item.value for item in made.posted}["SHOTS"] == b"20"
    text = text_of(made)
    found = told(text, list(sampled(simulator, text)))
    assert found["schema_version"] == "v2.0"
    assert (found["passthrough_data"], found["semantic_role"]) == (None, None)
    first, second = (item["results"] for item in found["data"])
    assert found["metadata"] == {"chunk_timing": []}
    assert (first["a"]["shape"], first["b"]["shape"]) == ([3, 20, 2], [3, 20, 1])
    # Bit 1 of a is turned by the value of each row, and that of b always is.
    assert bits_of(first["a"])[..., 1].tolist() == [[0] * 20, [1] * 20, [0] * 20]
    assert not bits_of(first["a"])[..., 0].any() and bits_of(first["b"]).all()
    assert bits_of(second["c"]).tolist() == [[0] * 8 + [1]] * 20


@pytest.mark.usefixtures("at_a_time")
@pytest.mark.parametrize("size", [1, 3, 8, 9])
def test_bits_in_one_row_go_on_in_the_middle_of_a_byte(size: int) -> None:
    draw = random.Random(size)
    text = text_of(made_of("executor", SENT["executor"], TARGET))
    registers = [Register(name="c", size=size)]
    outcomes = []
    for index in range(4):
        shots = [f"{draw.getrandbits(size):0{size}b}" for _ in range(7)]
        outcomes.append(CircuitOutcome({}, shots, index=index, registers=registers))
    first, second = (item["results"]["c"] for item in told(text, outcomes, 1)["data"])
    for tensor, some in ((first, outcomes[:3]), (second, outcomes[3:])):
        wanted = [[[int(bit) for bit in shot[::-1]] for shot in item.memory or ()] for item in some]
        assert bits_of(tensor).reshape(len(some), 7, size).tolist() == wanted
