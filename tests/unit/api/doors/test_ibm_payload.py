"""What a client of Qiskit's primitives asks for, as parameters of a job."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import numpy as np
import pytest
from primitives import SENT, in_numpy, in_qpy, text_of, values_of
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparseObservable, SparsePauliOp

from quws.api.doors.ibm.observables import Broadcast, read_array
from quws.api.doors.ibm.payload import Made, asked_again, made_of
from quws.domain.errors import InvalidParameter
from quws.domain.pubs import Pub, read
from quws.domain.targets import Feature, TargetKind
from quws.targets.simulator import Simulator

TARGET = Simulator("simulator", qubits=20).describe()
DEVICE = TARGET.model_copy(update={"name": "device", "kind": TargetKind.EMULATOR})
PLAIN = DEVICE.model_copy(update={"features": []})
BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; c = measure q;'


def sampler(*pubs: Any, options: Any = None, **more: Any) -> Made:
    params = {"pubs": list(pubs) or [[BELL]], "options": options or {}, "version": 2} | more
    return made_of("sampler", params, TARGET)


def estimator(*pubs: Any, target: Any = TARGET, options: Any = None, **more: Any) -> Made:
    given = list(pubs) or [[in_qpy(QuantumCircuit(1)), "Z"]]
    params = {"pubs": given, "options": options or {}, "version": 2} | more
    return made_of("estimator", params, target)


def refusal(call: Any, *given: Any, **more: Any) -> str:
    with pytest.raises(InvalidParameter) as caught:
        call(*given, **more)
    return caught.value.sentence


def test_a_sampler_keeps_the_bits_of_each_shot() -> None:
    made = made_of("sampler", SENT["sampler"], TARGET)
    assert values_of(made) == {
        "LANG": "PUBS",
        "BINDINGS": '{"circuit": [0, 1, 2, 3, 4, 5, 6, 7]}',
        "MEMORY": "true",
        "SHOTS": "256",
        "SEED": "3",
    }
    assert read(text_of(made)).pubs == [
        Pub(rows=1, shots=256),
        Pub(rows=6, shots=100),
        Pub(rows=1, shots=7),
    ]
    assert not made.notes
    without = made_of("sampler", SENT["sampler"], PLAIN)
    assert values_of(without).keys() == {"LANG", "BINDINGS", "SHOTS"}
    assert without.notes == ["options.simulator.seed_simulator has no effect: device takes no seed"]


def test_shots_are_those_of_the_pub_or_of_the_options_or_4096() -> None:
    assert [item.shots for item in read(text_of(sampler([BELL, [], 5], [BELL]))).pubs] == [5, 4096]
    made = sampler([BELL, [], 5], [BELL, [], None], options={"default_shots": 10})
    assert [item.shots for item in read(text_of(made)).pubs] == [5, 10]
    assert values_of(made)["SHOTS"] == "10"
    made = sampler([BELL, [], 5], [BELL], options={"default_shots": 10}, shots=50)
    assert [item.shots for item in read(text_of(made)).pubs] == [5, 50]
    assert not made.notes


def test_precision_is_that_of_the_pub_or_of_the_request_or_of_the_options() -> None:
    circuit = in_qpy(QuantumCircuit(1))
    pubs = [circuit, "Z", [], 0.05], [circuit, "Z"]
    made = estimator(*pubs, options={"default_precision": 0.2}, precision=0.1)
    found = read(text_of(made))
    assert [item.shots for item in found.pubs] == [401, 101]
    assert [item.precision for item in asked_again(found)] == [0.05, 0.1]
    assert not made.notes


def test_shots_of_an_estimator_are_those_of_each_basis() -> None:
    """They count for more than its default precision, and for less than one that is asked for."""
    circuit = in_qpy(QuantumCircuit(1))
    given = {"default_shots": 400, "default_precision": 0.2}
    found = read(text_of(estimator([circuit, ["Z", "X"]], [circuit, "Z", [], 0.1], options=given)))
    assert [item.shots for item in found.pubs] == [400, 101]
    assert [item.precision for item in asked_again(found)] == [0.05, 0.1]
    asked = read(text_of(estimator(options=given, precision=0.1)))
    assert [item.shots for item in asked.pubs] == [101]
    told = refusal(estimator, options={"default_shots": 10**9})
    assert told == ("params.pubs.0 asks for 1000000000 shots, and simulator runs at most 1000000")


def test_shots_of_what_is_randomized_are_those_of_all_its_circuits() -> None:
    twirling = {"enable_gates": True, "num_randomizations": 30, "shots_per_randomization": 100}
    made = sampler([BELL], [BELL, [], 7], options={"twirling": twirling, "default_shots": 10})
    assert [item.shots for item in read(text_of(made)).pubs] == [3000, 7]
    assert made.notes == [
        "options.twirling.enable_gates has no effect: gates and measurements are run as they are"
    ]
    for other in ({"enable_gates": False}, {"num_randomizations": "auto"}):
        made = sampler(options={"twirling": twirling | other, "default_shots": 10})
        assert [item.shots for item in read(text_of(made)).pubs] == [10]
        assert "options.twirling.shots_per_randomization has no effect" in " ".join(made.notes)


def test_metadata_that_will_not_be_told_again_are_said() -> None:
    long = QuantumCircuit(1, 1, metadata={"a": "x" * 70_000})
    assert sampler([BELL], [in_qpy(long)]).notes == [
        "the metadata of the circuit of params.pubs.1 have more than 65536 bytes, and are not told"
        " again"
    ]


def test_what_else_stands_beside_the_pubs_makes_no_difference() -> None:
    made = sampler(precision=0.1, something={"new": 1}, nothing=None)
    assert made.notes == ["precision has no effect", "something has no effect"]
    assert estimator(shots=50).notes == ["shots has no effect"]


def test_an_estimator_measures_as_often_as_its_precision_takes() -> None:
    made = made_of("estimator", SENT["estimator"], TARGET)
    found = read(text_of(made))
    # One shot more than 1/p² for a single Pauli string.
    assert found.pubs[1] == Pub(rows=1, shots=401, qubits=1)
    assert [(item.rows, item.qubits) for item in found.pubs] == [(4, 2), (1, 1), (3, 2)]
    told = json.loads(values_of(made)["OBSERVABLE"])
    assert told["which"] == [0, 0, 0, 0, 1, 2, 2, 2]
    assert told["lists"][0][:2] == ["0.5*Z0 Z1 - X0 X1", "Z1"]
    assert told["lists"][1:] == [["Z0"], ["Z0 Z1", "X0", "Y0 Y1"]]
    assert values_of(made)["KIND"] == "estimate"
    assert values_of(made)["SHOTS"] == str(max(item.shots for item in found.pubs))
    assert "MEMORY" not in values_of(made) and "MITIGATION" not in values_of(made)
    # What all circuits have in common is said once.
    assert values_of(estimator())["OBSERVABLE"] == '["Z0"]'
    assert read(text_of(estimator())).pubs == [Pub(rows=1, shots=4097, qubits=1)]


def test_exact_letters_are_sums_of_paulis() -> None:
    """All ten letters, as Qiskit itself sums them up."""
    for first, second in product("IXYZ01+-rl", repeat=2):
        found = read_array({first + second: 2.0}, "here").items[0]
        pairs = [
            (
                "".join(dict(term.paulis).get(qubit, "I") for qubit in (1, 0)),
                term.coefficient,
            )
            for term in found.terms
        ]
        wanted = SparsePauliOp.from_sparse_observable(
            SparseObservable.from_list([(first + second, 2.0)])
        )
        assert SparsePauliOp.from_list(pairs, num_qubits=2).to_matrix() == pytest.approx(
            wanted.to_matrix()
        )


@pytest.mark.parametrize(
    ("values", "observables"),
    [
        ((), ()),
        ((4,), ()),
        ((), (3,)),
        ((4,), (3, 1)),
        ((3, 1), (3, 5)),
        ((2, 1, 4), (3, 1)),
        ((1,), (1, 1)),
        ((0, 3), (2, 1, 1)),
        ((10**9, 0), ()),
    ],
)
def test_shapes_are_broadcast_as_numpy_does(
    values: tuple[int, ...], observables: tuple[int, ...]
) -> None:
    found = Broadcast.of(values, observables, "here")
    # What has a size of 0 has no items, however large it is said to be elsewhere.
    one = np.arange(np.prod(values, dtype=int)).reshape(values)
    other = np.arange(np.prod(observables, dtype=int)).reshape(observables)
    a, b = np.broadcast_arrays(one, other)
    assert found.shape == a.shape
    assert found.rows == a.ravel().tolist()
    assert found.items == b.ravel().tolist()
    for row, items in enumerate(found.of_rows(one.size)):
        assert list(items) == sorted(set(b[a == row].tolist()))


@pytest.mark.parametrize(
    ("observables", "sentence"),
    [
        ([], "lists of observables that all are as long"),
        ([["Z"], ["Z", "Z"]], "lists of observables that all are as long"),
        ([["Z"], "Z"], "lists of observables that all are as long"),
        (["Z", "ZZ"], "a letter for each qubit in all of its Pauli strings"),
        ({"Z": 1.0, "ZZ": 1.0}, "a letter for each qubit"),
        ({}, "a letter for each qubit"),
        (7, "objects of a Pauli string and its coefficient"),
        ({"Q": 1.0}, "have 'Q', and letters are I, X, Y, Z, 0, 1, +, -, r and l"),
        ({"Z": "x"}, "real numbers as its coefficients"),
        ({"Z": True}, "real numbers as its coefficients"),
        ({"Z": {"__type__": "complex", "__value__": [1, 2]}}, "real numbers"),
        ({"Z": 1e200}, "coefficients from -1e100 to 1e100"),
        ({"0" * 10: 1.0}, "more than 1000 terms in '0000000000'"),
        ({"Z": 10**400}, "real numbers as its coefficients"),
        ({"Z": {"__type__": "complex", "__value__": [10**400, 0]}}, "real numbers"),
        ({"Z": float("nan")}, "coefficients from -1e100 to 1e100"),
        # Before 2 ** 100,000 terms are counted, or terms as long are written out.
        ("0" * 100_000, "have a Pauli string of 100000 letters, and there are 4096 qubits"),
    ],
)
def test_what_is_no_observable_is_refused(observables: Any, sentence: str) -> None:
    told = refusal(estimator, [in_qpy(QuantumCircuit(1)), observables])
    assert told.startswith("params.pubs.0: its observables ")
    assert sentence in told


def test_all_observables_of_a_pub_have_so_many_terms_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("quws.api.doors.ibm.observables._MOST_WRITTEN", 16)
    one = {"00": 1.0}
    assert len(read_array([one] * 9 + [{"00": 2.0}, {"00": 3.0}, {"11": 1.0}], "it").items) == 12
    told = refusal(read_array, [{"00": float(at)} for at in range(1, 6)], "it")
    assert told == "it: its observables may have at most 16 terms in all"


def test_a_coefficient_may_be_written_as_a_complex_number() -> None:
    real = {"Z": {"__type__": "complex", "__value__": [2, 0]}}
    assert values_of(estimator([in_qpy(QuantumCircuit(1)), real]))["OBSERVABLE"] == '["2.0*Z0"]'


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"pubs": []}, "params.pubs must be a list with one PUB at least"),
        ({"pubs": [[]]}, "params.pubs.0 must be a list [circuit, values, shots]"),
        ({"pubs": [[BELL, [], 0]]}, "params.pubs.0.2 must be a whole number of shots"),
        ({"pubs": [[BELL, [], True]]}, "params.pubs.0.2 must be a whole number of shots"),
        ({"pubs": [[BELL, [], 10**9]]}, "params.pubs.0 asks for 1000000000 shots, and simulator"),
        ({"pubs": [[BELL, in_numpy(np.empty((0, 2)))]]}, "params.pubs have no values"),
        ({"pubs": [[BELL, in_numpy(np.empty((10_001, 0)))]]}, "takes at most 10000"),
        ({"pubs": [[BELL, "text"]]}, "params.pubs.0 must have its values in a list or an array"),
        ({"pubs": [[BELL, {"a": [1], "b": [1, 2]}]]}, "arrays of one shape"),
        ({"pubs": [[BELL, {"data": "", "shape": [2**30] * 33, "dtype": "f64"}]]}, "1 to 32 of"),
        ({"version": 1}, "params.version must be 2"),
        ({"support_qiskit": False}, "params.support_qiskit must be true"),
        ({"options": 7}, "params.options must be an object"),
        ({"shots": 0}, "params.shots must be a whole number of shots"),
        ({"shots": "50"}, "params.shots must be a whole number of shots"),
        ({"options": {"default_shots": "x"}}, "params.options.default_shots must be"),
        ({"options": {"execution": 7}}, "params.options.execution must be an object"),
        (
            {"options": {"execution": {"meas_type": "kerneled"}}},
            "params.options.execution.meas_type must be 'classified'",
        ),
        (
            {"options": {"execution": {"init_qubits": False}}},
            "params.options.execution.init_qubits must be true",
        ),
        (
            {"options": {"simulator": {"noise_model": {"__type__": "NoiseModel"}}}},
            "params.options.simulator.noise_model is not taken",
        ),
        ({"resilience_level": 1}, "params.resilience_level is of the estimator: a sampler gives"),
        ({"options": {"resilience_level": 2}}, "params.options.resilience_level is of the"),
        (
            {"options": {"resilience": {"zne": {"noise_factors": [1, 2]}}}},
            "params.options.resilience.zne.noise_factors is of the estimator",
        ),
        (
            {"options": {"twirling": {"enable_measure": 1, "num_randomizations": 0}}},
            "params.options.twirling.num_randomizations must be a whole number",
        ),
        (
            {"options": {"simulator": {"seed_simulator": -1}}},
            "params.options.simulator.seed_simulator must be a whole number from 0",
        ),
    ],
)
def test_what_would_give_other_numbers_is_refused_by_name(
    given: dict[str, Any], sentence: str
) -> None:
    params = {"pubs": [[BELL]], "options": {}, "version": 2, "support_qiskit": True}
    assert sentence in refusal(made_of, "sampler", params | given, TARGET)


@pytest.mark.parametrize(
    ("pub", "more", "sentence"),
    [
        (["Z", [], -0.1], {}, "params.pubs.0.3 must be a standard error above 0"),
        (["Z", [], 1e-5], {}, "params.pubs.0 asks for a precision of 1e-05, which takes"),
        (["Z"], {"options": {"default_precision": 0}}, "params.options.default_precision must be"),
        (["Z"], {"precision": "x"}, "params.precision must be a standard error above 0"),
        (["Z"], {"resilience_level": 3}, "params.resilience_level must be 0, 1 or 2"),
        (["Z"], {"resilience_level": [1]}, "params.resilience_level must be 0, 1 or 2"),
        (["Z", in_numpy(np.empty((0, 2**20, 1)))], {}, "params.pubs have no values"),
        (
            [["Z", "X", "Y"], [[0.1], [0.2]]],
            {},
            "params.pubs.0: observables of the shape (3,) do not fit values of the shape (2,)",
        ),
        (
            [["Z"] * 2000, in_numpy(np.empty((1000, 1, 1)))],
            {},
            "params.pubs.0 asks for 2000000 expectation values, and may ask for 1000000",
        ),
    ],
)
def test_what_no_estimator_does_is_refused(
    pub: list[Any], more: dict[str, Any], sentence: str
) -> None:
    told = refusal(estimator, [in_qpy(QuantumCircuit(1)), *pub], **more)
    assert sentence in told, told


def test_what_makes_no_difference_is_told() -> None:
    made = sampler(
        options={
            "dynamical_decoupling": {"enable": True, "sequence_type": "XX"},
            "twirling": {"enable_gates": False, "strategy": "auto"},
            "execution": {"rep_delay": 1e-4, "meas_type": "classified", "init_qubits": True},
            "simulator": {"basis_gates": ["cx"], "coupling_map": [[0, 1]]},
            "resilience_level": 0,
            "resilience": {"measure_mitigation": False},
            "seed_estimator": 7,
            "default_precision": 0.1,
            "experimental": {},
            "something": {"new": 1},
        }
    )
    assert made.notes == [
        "options.dynamical_decoupling.enable has no effect: no pulses are put between the gates",
        "options.dynamical_decoupling.sequence_type has no effect: no pulses are put between the"
        " gates",
        "options.execution.rep_delay has no effect: the target has one rate of its own",
        "options.simulator.basis_gates has no effect",
        "options.simulator.coupling_map has no effect",
        "options.seed_estimator has no effect",
        "options.default_precision has no effect",
        "options.something.new has no effect",
    ]
    many = sampler(options={"more": {str(place): 1 for place in range(100)}})
    assert len(many.notes) == 20


@pytest.mark.parametrize(
    ("more", "mitigation"),
    [
        ({}, None),
        ({"resilience_level": 0}, None),
        ({"resilience_level": 1}, "readout"),
        ({"resilience_level": 2}, "readout,zne"),
        ({"options": {"resilience_level": 1}}, "readout"),
        ({"options": {"resilience": {"zne_mitigation": True}}}, "zne"),
        (
            {"resilience_level": 2, "options": {"resilience": {"measure_mitigation": False}}},
            "zne",
        ),
    ],
)
def test_resilience_is_what_mitigation_has(more: dict[str, Any], mitigation: str | None) -> None:
    assert values_of(estimator(target=DEVICE, **more)).get("MITIGATION") == mitigation
    simulated, plain = estimator(**more), estimator(target=PLAIN, **more)
    assert "MITIGATION" not in values_of(simulated) | values_of(plain)
    assert bool(simulated.notes) is bool(plain.notes) is bool(mitigation)


def test_a_target_with_features_of_its_own_is_asked_for_them() -> None:
    assert Feature.MITIGATION in DEVICE.features
    assert estimator(options={"seed_estimator": 7}).posted[-1].value == b"7"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"schema_version": "v1.1"}, "params.schema_version must be 'v2.0', not 'v1.1'"),
        ({"quantum_program": 7}, "params.quantum_program must be an object"),
        ({"quantum_program": {"items": []}}, "params.quantum_program.items must be a list"),
        (
            {"quantum_program": {"items": [{"item_type": "samplex"}]}},
            "params.quantum_program.items.0 must be a circuit, not 'samplex': circuits are not"
            " randomized here, so turn twirling off",
        ),
        (
            {
                "quantum_program": {
                    "items": [{"item_type": "samplex"}],
                    "semantic_role": "estimator_v2",
                }
            },
            "circuits are not randomized here, so use the program estimator",
        ),
        (
            {"quantum_program": {"items": [{"item_type": "circuit", "shape": [2]}]}},
            "quantum_program.items.0.shape must be left out, or be that of its arguments, []",
        ),
        (
            {"quantum_program": {"meas_level": "kerneled"}},
            "params.quantum_program.meas_level must be 'classified', not 'kerneled'",
        ),
        ({"options": {"init_qubits": False}}, "init_qubits must be true"),
        (
            {
                "quantum_program": {
                    "items": [{"item_type": "circuit", "circuit_arguments": {}}],
                    "shots": 0,
                }
            },
            "params.quantum_program.shots must be a whole number of shots",
        ),
    ],
)
def test_the_executor_runs_circuits_alone(given: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(made_of, "executor", SENT["executor"] | given, TARGET)


def test_how_an_executor_divides_its_work_makes_no_difference() -> None:
    program = SENT["executor"]["quantum_program"]
    items = [item | {"chunk_size": 2} for item in program["items"]]
    options = {"init_qubits": True, "rep_delay": None, "scheduler_timing": True}
    params = {"quantum_program": program | {"items": items}, "options": options}
    made = made_of("executor", SENT["executor"] | params, TARGET)
    assert made.notes == [
        "quantum_program.items.0.chunk_size has no effect",
        "quantum_program.items.1.chunk_size has no effect",
        "options.scheduler_timing has no effect",
    ]
