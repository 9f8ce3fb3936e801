"""Values written so that they are read as what they were."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from quws.domain.bindings import Bindings
from quws.domain.circuits import Language
from quws.domain.kinds import JobKind
from quws.domain.noise import Device, Flip, Noise
from quws.domain.observables import collect, read_value
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


@pytest.mark.parametrize("name", ["bindings", "BINDINGS"])
@pytest.mark.parametrize(
    "value",
    [
        {"a": [0.5, 1.0]},
        [{"a": 0.5}, {"a": 1}],
        {"a": np.array([0.5, 1.0])},
        "a\n0.5\n1",
    ],
)
def test_a_table_is_one_value(name: str, value: Any) -> None:
    (written,) = form({name: value}).values()
    assert isinstance(written, str)
    assert SPECIFICATIONS["BINDINGS"].read(written) == Bindings(names=["a"], rows=[[0.5], [1.0]])


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


def test_observables_are_written_as_the_lists_that_they_are() -> None:
    for given in ("Z0", ["Z0", "0.5*X1 - Y0"], [["Z0"], ["X0"]], [["ZZ", 0.5], ["XI", -1]]):
        found = collect([given])
        assert collect([read_value(text(found))]) == found
    # As a client sends them, item by item.
    sent = form({"observable": [("ZZ", 0.5 + 0j), ("XI", -1)]})["OBSERVABLE"]
    assert sent == ['["ZZ", 0.5]', '["XI", -1]']
    assert collect([read_value(item) for item in sent]) == collect(["0.5*ZZ - XI"])
    with pytest.raises(TypeError, match="1j"):
        form({"observable": [("ZZ", 1j)]})


def test_another_quws_plans_the_shots_by_itself() -> None:
    options = RunOptions(
        kind=JobKind.ESTIMATE, shots=10_001, precision=0.01, observable=collect(["Z0"])
    )
    assert forwarded(options) == {
        "KIND": "estimate",
        "OBSERVABLE": '["Z0"]',
        "PRECISION": "0.01",
    }
    exact = RunOptions(kind=JobKind.ESTIMATE, shots=0, observable=collect([[["Z0"]]]))
    assert forwarded(exact) == {"KIND": "estimate", "OBSERVABLE": '[["Z0"]]', "SHOTS": "0"}
