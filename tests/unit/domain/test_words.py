"""Numbers in sentences."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from quws.domain.words import counted, first_fault


@pytest.mark.parametrize(
    ("number", "written"), [(0, "0 qubits"), (1, "1 qubit"), (2, "2 qubits"), (21, "21 qubits")]
)
def test_a_number_has_its_noun(number: int, written: str) -> None:
    assert counted(number, "qubit") == written


def test_a_plural_may_be_another() -> None:
    assert counted(2, "job waits", "jobs wait") == "2 jobs wait"
    assert counted(1, "job waits", "jobs wait") == "1 job waits"


class Inner(BaseModel):
    number: int


class Outer(BaseModel):
    inner: list[Inner]


@pytest.mark.parametrize(
    ("content", "place", "why"),
    [
        ([], "", "Input should be an object"),
        ({"inner": [3]}, "inner.0", "Input should be an object"),
        ({"inner": [{"number": "x"}]}, "inner.0.number", "Input should be a valid integer"),
    ],
)
def test_what_is_wrong_with_a_document_names_nothing_of_ours(
    content: object, place: str, why: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(content)
    where, said = first_fault(caught.value)
    assert where == place
    assert said.startswith(why)
    assert "Inner" not in said
    assert "Outer" not in said
