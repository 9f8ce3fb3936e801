"""Tables of values: how they are written, and what is said of those that do not fit."""

from __future__ import annotations

import pytest

from quws.domain.bindings import Bindings, check, of_each, read, written
from quws.domain.circuits import CircuitFacts, Language
from quws.domain.errors import InvalidParameter

TABLE = Bindings(names=["theta", "phi"], rows=[[0.1, 1.0], [0.2, -2.0]])


def facts(*parameters: str) -> CircuitFacts:
    return CircuitFacts(
        language=Language.OPENQASM_3,
        qubits=1,
        clbits=1,
        operations=1,
        depth=1,
        parameters=list(parameters),
    )


def refused(text: str) -> str:
    with pytest.raises(InvalidParameter) as caught:
        read(text)
    assert caught.value.parameter == "BINDINGS"
    return caught.value.sentence


@pytest.mark.parametrize(
    "text",
    [
        '{"theta": [0.1, 0.2], "phi": [1, -2]}',
        ' [{"theta": 0.1, "phi": 1}, {"phi": -2, "theta": 0.2}]\n',
        "theta,phi\n0.1,1\n0.2,-2\n",
        "\ufefftheta, phi\r\n\r\n0.1, 1\r\n2e-1,-2.0",
        written([TABLE.of(0), TABLE.of(1)]),
    ],
)
def test_one_table_in_all_its_spellings(text: str) -> None:
    assert read(text) == TABLE


def test_an_object_of_numbers_is_one_row() -> None:
    assert read('{"θ[0]": 3}') == Bindings(names=["θ[0]"], rows=[[3.0]])


def test_what_is_one_circuits() -> None:
    assert TABLE.count == 2
    assert TABLE.of(1) == {"theta": 0.2, "phi": -2.0}
    assert TABLE.some([1]).rows == [[0.2, -2.0]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no values"),
        ("{}", "has no values"),
        ("[]", "has no values"),
        ('{"a": []}', "has no values"),
        ("a,b", "has no values"),
        ("[1, 2]", "must be a JSON object with a list of values for each name"),
        ('{"a": [1], "b": 2}', "must be a JSON object with a list of values for each name"),
        ('{"a": [1}', "must be a JSON object with a list of values for each name"),
        ("[" * 100_000, "must be a JSON object with a list of values for each name"),
        ('a,"b\n1,2', "must be a JSON object with a list of values for each name"),
        ('{"a": [1, 2], "b": [1]}', "'a' has 2 and 'b' has 1"),
        ('[{"a": 1}, {"a": 1, "b": 2}]', "'b' is in row 1 and not in row 0"),
        ('[{"a": 1, "b": 2}, {"a": 1}]', "'b' is in row 0 and not in row 1"),
        ("a,b\n1,2\n1", "has 2 names in its first line and 1 value in row 1"),
        ('{"a": [1], "a": [2]}', "names a parameter twice"),
        ("a,a\n1,2", "names a parameter twice"),
        ("a,\n1,2", "has a value without a name"),
        ('{"a": [1, "x"]}', "has 'x' for a in row 1, which must be a finite number"),
        ('{"a": [true]}', "has 'True' for a in row 0, which must be a finite number"),
        ('{"a": [NaN]}', "has 'nan' for a in row 0, which must be a finite number"),
        ('{"a": [-1e16]}', "has '-1e+16' for a in row 0, which must be a finite number"),
        ("a\ninf", "has 'inf' for a in row 0, which must be a finite number of at most 1e+15"),
        ("a\nx", "has 'x' for a in row 0, which must be a finite number of at most 1e+15"),
    ],
)
def test_what_is_no_table_is_refused(text: str, sentence: str) -> None:
    assert sentence in refused(text)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ((), "BINDINGS is given, and the circuit has no parameters"),
        (("theta",), "BINDINGS names phi, and the circuit has the parameters theta"),
        (("theta", "phi", "x"), "BINDINGS must have values of all parameters; it lacks x"),
    ],
)
def test_names_are_those_of_the_circuit(parameters: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check(TABLE, [facts(*parameters)])
    assert caught.value.sentence == sentence


def test_parameters_need_values() -> None:
    check(TABLE, [facts("phi", "theta")])
    check(None, [facts()])
    for given, which in (([], "the circuit"), ([facts()], "circuit 1")):
        with pytest.raises(InvalidParameter) as caught:
            check(None, [*given, facts(*"abcdef")])
        assert caught.value.sentence == (
            f"BINDINGS is missing; {which} has the parameters a, b, c, d, e, …, which get their"
            " values by it"
        )


def test_values_of_a_text_of_several_circuits_say_which_of_them() -> None:
    of_pubs = [
        facts("circuit").model_copy(update={"language": Language.PUBS, "shots": shots})
        for shots in (5, 7)
    ]
    which = Bindings(names=["circuit"], rows=[[1.0], [0.0], [1.0]])
    assert [item.shots for item in of_each(which, of_pubs)] == [7, 5, 7]
    assert of_each(TABLE, [facts("theta", "phi")]) == [facts("theta", "phi")] * 2
    for value in (2.0, 0.5, -1.0):
        with pytest.raises(InvalidParameter) as caught:
            of_each(Bindings(names=["circuit"], rows=[[value]]), of_pubs)
        assert caught.value.sentence == (
            f"BINDINGS names the circuit {value:g}, and the PUBs have the circuits 0 to 1"
        )
