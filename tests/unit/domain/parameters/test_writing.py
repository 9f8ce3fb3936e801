"""Values written so that they are read as what they were."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from quws.domain.circuits import Language
from quws.domain.noise import Device, Flip, Noise
from quws.domain.options import RunOptions
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.values import ResponseFormat
from quws.domain.parameters.writing import form, forwarded, text

NOISE = Noise(bit_flip=Flip(p=1e-9), device=Device(name="x"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHOTS", 7),
        ("SEED", 0),
        ("MEMORY", True),
        ("MEMORY", False),
        ("METHOD", "statevector"),
        ("NOISE", NOISE),
        ("METADATA", {"é": [1, None, {"a": 0.5}]}),
        ("TAG", "a b"),
        ("LANG", Language.OPENQASM_3),
        ("RESPONSEFORMAT", ResponseFormat.CSV),
        ("DESTRUCTION", datetime(2026, 11, 21, 10, 0, 0, 1000, tzinfo=UTC)),
        ("EXECUTIONDURATION", 0),
    ],
)
def test_what_was_written_is_read_again(name: str, value: Any) -> None:
    assert SPECIFICATIONS[name].read(text(value)) == value


def test_a_form_has_the_names_for_the_keywords() -> None:
    given = {
        "shots": 7,
        "seed": None,
        "memory": False,
        "tag": ("a", "b"),
        "metadata": {"a": [1]},
        "noise": NOISE,
        "run_id": "r",
        "RESPONSEFORMAT": "json",
        "newer": 1,
    }
    assert form(given) == {
        "SHOTS": "7",
        "MEMORY": "false",
        "TAG": ["a", "b"],
        "METADATA": '{"a": [1]}',
        "NOISE": '{"bit_flip":{"p":1e-9},"device":{"name":"x"}}',
        "RUNID": "r",
        "RESPONSEFORMAT": "json",
        "newer": "1",
    }


def test_another_quws_is_told_what_is_not_as_usual() -> None:
    assert forwarded(RunOptions(shots=1000)) == {"SHOTS": "1000"}
    options = RunOptions(shots=1, seed=0, memory=True, method="stabilizer", noise=NOISE)
    assert forwarded(options) == {
        "SHOTS": "1",
        "SEED": "0",
        "METHOD": "stabilizer",
        "NOISE": '{"bit_flip":{"p":1e-9},"device":{"name":"x"}}',
        "MEMORY": "true",
    }
