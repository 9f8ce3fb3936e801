"""PUBs as a client sends them: which circuits they make, and what is refused before it is read."""

from __future__ import annotations

import json
import math
import zlib
from base64 import b64encode
from typing import Any

import numpy as np
import pytest
from formats import probabilities
from primitives import SENT, in_numpy, in_qpy, packed, text_for, text_of
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector

from quws.api.doors.ibm.payload import made_of
from quws.circuits.parse import parse
from quws.circuits.several import facts_of, read_to_bind
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.pubs import Pub, read, write
from quws.targets.simulator import Simulator

LIMITS = CircuitLimits()
TARGET = Simulator("simulator", qubits=20).describe()
THREE = 'OPENQASM 3.0; include "stdgates.inc";'


def turned(count: int = 2) -> QuantumCircuit:
    """One qubit for each parameter, measured."""
    circuit = QuantumCircuit(count, count)
    for qubit, angle in enumerate(ParameterVector("x", count)):
        circuit.ry(angle, qubit)
    circuit.measure(range(count), range(count))
    return circuit


def refusal(text: str) -> str:
    with pytest.raises(InvalidCircuit) as caught:
        facts_of(text, LIMITS)
    return caught.value.sentence


def told(pubs: list[Any], *, rows: int = 1, shots: int = 1) -> str:
    """A text that says of each PUB what is not to be found out."""
    return write("sampler", [Pub(rows=rows, shots=shots)] * len(pubs), {"pubs": pubs})


def test_each_row_of_each_pub_is_a_circuit() -> None:
    text = text_of(made_of("sampler", SENT["sampler"], TARGET))
    found = facts_of(text, LIMITS)
    assert [item.shots for item in found] == [256, *[100] * 6, 7]
    assert {(item.language, tuple(item.parameters)) for item in found} == {
        (Language.PUBS, ("circuit",))
    }
    # What differs in values alone is one object, of which all is asked once.
    assert len({id(item) for item in found}) == 3
    assert [item.name for item in found[1].registers] == ["alpha", "beta"]
    at = read_to_bind(text, Language.PUBS, LIMITS).at
    assert probabilities(at({"circuit": 0})) == pytest.approx({"00": 0.5, "11": 0.5})
    # The columns go by the names of the parameters: a, and then the elements of the vector.
    rows = np.linspace(0, np.pi, 18).reshape(6, 3)
    for index in (6, 1, 4):
        a, first, second = rows[index - 1]
        for outcome, found_there in probabilities(at({"circuit": index})).items():
            beta, alpha = outcome.split(" ")
            wanted = math.prod(
                math.sin(angle / 2) ** 2 if bit == "1" else math.cos(angle / 2) ** 2
                for angle, bit in ((a, beta), (first, alpha[1]), (second, alpha[0]))
            )
            assert found_there == pytest.approx(wanted)
    assert probabilities(at({"circuit": 7})) == {"000010000": 1.0}


def test_the_order_of_parameters_is_qiskits_own() -> None:
    """Beyond the tenth element an order by text would be another one."""
    values = [0.1 * place for place in range(12)]
    text = text_for("sampler", [[in_qpy(turned(12)), in_numpy(values), 5]], TARGET)
    made = read_to_bind(text, Language.PUBS, LIMITS).at({"circuit": 0})
    assert [item.params[0] for item in made.data if item.name == "ry"] == pytest.approx(values)


@pytest.mark.parametrize(
    "values",
    [
        in_numpy([[0.25, 0.5]]),
        in_numpy(np.asfortranarray([[0.25, 0.5]])),
        in_numpy(np.array([[0.25, 0.5]], dtype="<f4")),
        in_numpy(np.array([[0.25, 0.5]], dtype=">f8")),
        {"__type__": "ndarray", "__value__": [[0.25, 0.5]]},
        [[0.25, 0.5]],
        [0.25, 0.5],
        {"b": 0.5, "a": 0.25},
        {"b": [0.5], "a": [0.25]},
    ],
)
def test_values_come_in_several_ways(values: Any) -> None:
    source = (
        f"{THREE} input float b; input float a; qubit q; bit c; rx(a) q; rz(b) q; c = measure q;"
    )
    text = text_for("sampler", [[source, values]], TARGET)
    assert len(facts_of(text, LIMITS)) == 1
    made = read_to_bind(text, Language.PUBS, LIMITS).at({"circuit": 0})
    # As Qiskit counts them, by their names.
    assert {item.name: item.params[0] for item in made.data if item.params} == pytest.approx(
        {"rx": 0.25, "rz": 0.5}
    )


@pytest.mark.parametrize("none", [in_numpy(np.empty((0,))), [], {}, None])
def test_a_circuit_without_parameters_needs_no_values(none: Any) -> None:
    source = f"{THREE} qubit q; bit c; x q; c = measure q;"
    text = text_for("sampler", [[source, none], [source], source], TARGET)
    assert len(facts_of(text, LIMITS)) == 3
    # An array says how often it is wanted.
    text = text_for("sampler", [[source, in_numpy(np.empty((2, 3, 0)))]], TARGET)
    assert len(facts_of(text, LIMITS)) == 6


def test_a_text_alone_is_read_as_its_first_circuit() -> None:
    text = text_of(made_of("sampler", SENT["sampler"], TARGET))
    circuit, found = parse(text, None, LIMITS)
    assert (circuit.num_qubits, found.measurements) == (2, 2)


def bomb(size: int) -> str:
    return b64encode(zlib.compress(b"QISKIT" + bytes(size))).decode()


def array(head: str, data: bytes = b"") -> dict[str, str]:
    raw = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + data
    return {"__type__": "ndarray", "__value__": packed(raw)}


def of_shape(shape: str, dtype: str = "<f8") -> dict[str, str]:
    return array(f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n", bytes(16))


def qpy_of(value: str) -> dict[str, str]:
    return {"__type__": "QuantumCircuit", "__value__": value}


OLD = packed(b"QISKIT" + bytes([12]) + bytes(40))


@pytest.mark.parametrize(
    ("pub", "sentence"),
    [
        ([qpy_of(bomb(LIMITS.bytes_qpy))], "has more than 8388608 bytes when it is unpacked"),
        ([qpy_of("no base64")], "PUB 0: its circuit is not in base64"),
        ([qpy_of("AAAA")], "PUB 0: its circuit is not compressed by zlib"),
        ([qpy_of(bomb(10)[:-8] + "AAAAAAAA")], "PUB 0: its circuit"),
        ([qpy_of(packed(b"GIF89a"))], "PUB 0: its circuit is not in QPY"),
        ([qpy_of(OLD)], "version 12 of QPY; allowed are 13"),
        ([{"__type__": "Instruction", "__value__": OLD}], "its circuit must be text in base64"),
        ([7], "its circuit must be text in base64"),
        (["OPENQASM 2.0; qreg q[1];"], "PUB 0: the parameter LANG says OPENQASM-3"),
        (["nonsense"], "PUB 0: "),
        (
            [in_qpy(turned()), in_numpy([0.1])],
            "it has values for 1 parameters, and its circuit has 2",
        ),
        ([in_qpy(turned()), {}], "it has values for 0 parameters, and its circuit has 2"),
        ([in_qpy(turned()), {"x[0]": 1, "y": 2}], "must have values of the parameters x[0], x[1]"),
        ([in_qpy(turned()), in_numpy([[0.1, 0.2]] * 3)], "it has 3 rows of values, not 1"),
        ([in_qpy(turned()), in_numpy([0.1, math.nan])], "its values must be finite numbers"),
        ([in_qpy(turned()), in_numpy([0.1, 1e16])], "its values must be finite numbers"),
        ([in_qpy(turned()), [[0.1, 0.2], [0.3]]], "its values are no array of numbers"),
        ([in_qpy(turned()), [0.1, "x"]], "its values are no array of numbers"),
        ([in_qpy(turned()), in_numpy(np.array([{}, 1], dtype=object))], "is no array of numbers"),
        ([in_qpy(turned()), in_numpy([1j, 0j])], "must have real numbers as its values"),
        ([in_qpy(turned()), of_shape("(100000000, 2)")], "has 1600000078 bytes, and may have"),
        ([in_qpy(turned()), of_shape("(5, 2)")], "and its shape takes"),
        ([in_qpy(turned()), of_shape("(2**9, 2)")], "is no array of numbers"),
        ([in_qpy(turned()), packed(b"")], "must have its values in a list or an array"),
    ],
)
def test_what_is_malformed_is_refused_by_its_pub(pub: list[Any], sentence: str) -> None:
    assert sentence in refusal(told([pub])), refusal(told([pub]))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"pubs": [], "program": "sampler", "params": {}}', "the PUBs cannot be read at pubs"),
        ('{"pubs": 7}', "the PUBs cannot be read at pubs"),
        ('{"pubs": ' + "[" * 10_000, "the PUBs cannot be read"),
        (write("sampler", [Pub(rows=1, shots=1)], {}), "params.pubs must be a list"),
        (
            write("sampler", [Pub(rows=1, shots=1)], {"pubs": [[]]}),
            "must be a list [circuit, values",
        ),
        (
            write("sampler", [Pub(rows=1, shots=1)] * 2, {"pubs": ["x"]}),
            "tells of 2 PUBs and has 1",
        ),
    ],
)
def test_a_text_that_has_no_pubs_is_refused(text: str, sentence: str) -> None:
    assert sentence in refusal(text)


def test_a_text_has_a_largest_size() -> None:
    small = CircuitLimits(bytes_pubs=100)
    with pytest.raises(InvalidCircuit, match=r"the PUBs have .* bytes, and PUBS may have 100"):
        facts_of(told([["x" * 100]]), small)
    with pytest.raises(InvalidCircuit, match="PUBS may have 100"):
        parse(told([["x" * 100]]), Language.PUBS, small)


def test_observables_are_for_as_many_qubits_as_the_circuit_has() -> None:
    pub = [in_qpy(QuantumCircuit(2)), {"ZZZ": 1.0}, []]
    assert "its observables are for 3 qubits, and its circuit has 2" in refusal(
        text_for("estimator", [pub], TARGET)
    )


def test_a_circuit_that_stands_twice_is_looked_at_once() -> None:
    pub = [in_qpy(turned()), in_numpy([0.1, 0.2])]
    looked: list[CircuitFacts] = []

    def look(_: QuantumCircuit, found: CircuitFacts, __: str) -> None:
        looked.append(found)

    facts_of(told([pub, pub]), LIMITS, look)
    assert [item.language for item in looked] == [Language.QPY]


def test_what_was_sent_comes_back_as_it_was() -> None:
    for program, sent in SENT.items():
        text = text_of(made_of(program, sent, TARGET))
        assert read(text).params == json.loads(json.dumps(sent)) == sent


def of_executor(**more: Any) -> str:
    program = SENT["executor"]["quantum_program"] | more
    pubs = [Pub(rows=3, shots=1), Pub(rows=1, shots=1)]
    return write("executor", pubs, {"quantum_program": program})


def test_a_program_of_the_executor_has_all_circuits_in_one_file() -> None:
    found = facts_of(of_executor(), LIMITS)
    assert [[item.name for item in facts.registers] for facts in found] == [["a", "b"]] * 3 + [
        ["c"]
    ]
    at = read_to_bind(of_executor(), Language.PUBS, LIMITS).at
    assert probabilities(at({"circuit": 1})) == pytest.approx({"1 10": 1.0})
    assert probabilities(at({"circuit": 2})) == pytest.approx({"1 00": 1.0})


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"circuits": 7}, "the file of circuits must be text in base64"),
        ({"circuits": {"b64_data": bomb(LIMITS.bytes_qpy)}}, "has more than 8388608 bytes"),
        ({"circuits": {"b64_data": OLD}}, "the circuits are in version 12 of QPY"),
        ({"circuits": {"b64_data": in_qpy(turned())["__value__"]}}, "has 1 circuits for 2 items"),
        ({"items": [{"item_type": "samplex"}] * 2}, "must be a circuit, not 'samplex'"),
    ],
)
def test_what_no_executor_sends_is_refused(more: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal(of_executor(**more))


@pytest.mark.parametrize(
    ("tensor", "sentence"),
    [
        (
            {"data": packed(bytes(24)), "shape": [3, 1], "dtype": "c128"},
            "must have values of the type",
        ),
        (
            {"data": packed(bytes(20)), "shape": [3, 1], "dtype": "f64"},
            "has 20 bytes, and its shape",
        ),
        ({"data": packed(b""), "shape": [3, 2**27], "dtype": "f64"}, "and may have 67108864"),
        ({"data": packed(b""), "shape": [-1], "dtype": "f64"}, "a list of numbers as the shape"),
        ({"data": packed(b""), "shape": [], "dtype": "f64"}, "a list of numbers as the shape"),
    ],
)
def test_values_of_the_executor_are_bounded(tensor: dict[str, Any], sentence: str) -> None:
    items = SENT["executor"]["quantum_program"]["items"]
    wrong = [items[0] | {"circuit_arguments": tensor}, items[1]]
    assert sentence in refusal(of_executor(items=wrong))


def test_the_circuits_of_one_pub_are_one_but_for_their_values() -> None:
    pub = [in_qpy(turned()), in_numpy([[0.1, 0.2], [0.3, 0.4]])]
    one = read_to_bind(text_for("sampler", [pub], TARGET), Language.PUBS, LIMITS).one()
    assert one is not None
    assert [item.name for item in one.parameters] == ["x[0]", "x[1]"]
    assert one.circuit.parameters
    assert [one.row({"circuit": index}) for index in (1, 0)] == [[0.3, 0.4], [0.1, 0.2]]
    assert (
        read_to_bind(text_for("sampler", [pub, pub], TARGET), Language.PUBS, LIMITS).one() is None
    )
