"""Numbers in sentences."""

from __future__ import annotations

import pytest

from quws.domain.words import counted


@pytest.mark.parametrize(
    ("number", "written"), [(0, "0 qubits"), (1, "1 qubit"), (2, "2 qubits"), (21, "21 qubits")]
)
def test_a_number_has_its_noun(number: int, written: str) -> None:
    assert counted(number, "qubit") == written


def test_a_plural_may_be_another() -> None:
    assert counted(2, "job waits", "jobs wait") == "2 jobs wait"
    assert counted(1, "job waits", "jobs wait") == "1 job waits"
