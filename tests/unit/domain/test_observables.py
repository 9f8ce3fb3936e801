"""The observables of a job: lists for all circuits and for each, their limits."""

from __future__ import annotations

import pytest

from quws.domain.circuits import CircuitFacts, Language
from quws.domain.errors import InvalidParameter
from quws.domain.observables import Observables, collect, read_value
from quws.domain.parameters.writing import text


def facts(qubits: int) -> CircuitFacts:
    return CircuitFacts(
        language=Language.OPENQASM_2, qubits=qubits, clbits=0, operations=1, depth=1
    )


def given(*texts: str) -> Observables | None:
    return collect([read_value(text) for text in texts])


@pytest.mark.parametrize(
    ("texts", "lists", "each"),
    [
        (["Z0"], [["Z0"]], False),
        (["Z0", "X0"], [["Z0", "X0"]], False),
        (['["Z0", "XI"]'], [["Z0", "XI"]], False),
        (['[["ZZ", 0.5], ["XI", -1]]'], [["0.5*ZZ - XI"]], False),
        (['["ZZ", 2]'], [["2.0*ZZ"]], False),
        (['[[["ZZ", 0.5]], "XX"]'], [["0.5*ZZ", "XX"]], False),
        (['[["Z0", "X0"], ["Z1"]]'], [["Z0", "X0"], ["Z1"]], True),
        # What is repeated is a list without its brackets.
        (['["Z0", "X0"]', '["Z1"]'], [["Z0", "X0"], ["Z1"]], True),
        (['["ZZ", 0.5]', '["XI", -1]'], [["0.5*ZZ - XI"]], False),
    ],
)
def test_it_is_one_list_for_all_circuits_or_one_for_each(
    texts: list[str], lists: list[list[str]], each: bool
) -> None:
    assert given(*texts) == Observables(lists=lists, each=each)


def test_none_is_none() -> None:
    assert given() is None


@pytest.mark.parametrize("text", ["[1]", "[]", "[[]]", '["Z0", [1]]', '[["Z0", true]]', "[null]"])
def test_other_shapes_are_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match=r"^OBSERVABLE must be a sum of Pauli strings") as no:
        given(text)
    assert no.value.parameter == "OBSERVABLE"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[", "OBSERVABLE begins with '[' and is no JSON list"),
        ("[" * 100_000, "OBSERVABLE begins with '[' and is no JSON list"),
        ("Z0 Z0", "OBSERVABLE 'Z0 Z0' has qubit 0 twice in one term"),
        ('["Z0", "Q1"]', "OBSERVABLE cannot be read at 'Q1'; a term is"),
    ],
)
def test_what_is_wrong_is_said(text: str, sentence: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        given(text)
    assert caught.value.sentence.startswith(sentence)


def test_one_list_has_at_most_a_thousand_terms_and_many_have_fewer() -> None:
    terms = " + ".join(f"Z{number}" for number in range(600))
    with pytest.raises(InvalidParameter, match="at most 1000 terms for one circuit, not 1200"):
        given(terms, terms)
    several = [[" + ".join(f"Z{number}" for number in range(15))]] * 10_000
    with pytest.raises(
        InvalidParameter, match="at most 14 terms for each of 10000 circuits, not 15"
    ):
        collect([several])


def test_each_circuit_is_asked_whether_its_own_fit() -> None:
    found = given('[["Z0"], ["Z1"]]')
    assert found is not None
    found.check([facts(1), facts(2)])
    with pytest.raises(
        InvalidParameter,
        match=r"^OBSERVABLE 'Z1' names qubit 1, and circuit 1 has the qubits 0 to 0",
    ):
        found.check([facts(2), facts(1)])


def test_one_list_must_fit_all_circuits() -> None:
    found = given("Z1")
    assert found is not None
    with pytest.raises(InvalidParameter, match="circuit 2 has"):
        found.check([facts(2), facts(2), facts(1)])


def test_each_circuit_has_a_plan_of_its_own() -> None:
    found = given('[["Z0", "X0"], ["Z0"]]')
    assert found is not None
    assert [len(found.plan(index).bases) for index in range(2)] == [2, 1]
    shared = given("Z0", "X0")
    assert shared is not None
    assert shared.plan(7) is shared.plan(0)


def test_it_is_stored_as_texts() -> None:
    found = given('[["Z0"], ["0.1*XX"]]')
    assert found is not None
    stored = found.model_dump(mode="json")
    assert stored == {"lists": [["Z0"], ["0.1*XX"]], "each": True, "which": None}
    assert Observables.model_validate(stored) == found


def test_circuits_can_share_lists() -> None:
    found = given('{"lists": [["Z0"], ["X0", "Y0", "Z0"]], "which": [0, 1, 1, 0, 1]}')
    assert found is not None
    assert (found.lists, found.which, found.circuits) == (
        [["Z0"], ["X0", "Y0", "Z0"]],
        [0, 1, 1, 0, 1],
        5,
    )
    assert [len(found.plan(circuit).bases) for circuit in range(5)] == [1, 3, 3, 1, 3]
    assert found.mean_bases == 11 / 5
    assert given(text(found)) == found
    assert Observables.model_validate(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    "wrong",
    [
        '{"lists": [["Z0"]]}',
        '{"lists": ["Z0"], "which": [0]}',
        '{"lists": [["Z0"]], "which": []}',
        '{"lists": [["Z0"]], "which": [1]}',
        '{"lists": [["Z0"]], "which": [-1]}',
        '{"lists": [["Z0"]], "which": ["0"]}',
        '{"lists": [["Z0"], ["X0"]], "which": [0, 0]}',
        '{"lists": [["Z0"]], "which": [0], "more": 1}',
    ],
)
def test_an_object_has_lists_and_which_of_them(wrong: str) -> None:
    with pytest.raises(InvalidParameter, match="must have 'lists', a list of lists"):
        given(wrong)
    with pytest.raises(InvalidParameter, match=r"begins with '\{' and is no JSON object"):
        given(wrong[:-1])
