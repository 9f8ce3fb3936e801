"""What is kept with a job: as it stands in the database, also where an earlier version wrote it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from quws.domain.circuits import CircuitFacts, Language, Register
from quws.domain.kinds import JobKind
from quws.domain.noise import Depolarizing, Device, Noise
from quws.domain.observables import collect
from quws.domain.options import RunOptions
from quws.domain.parameters.values import ResponseFormat
from quws.domain.spec import JobSpec
from quws.domain.targets import Calibration, QubitCalibration

FACTS = [
    CircuitFacts(
        language=Language.OPENQASM_3,
        qubits=2,
        clbits=3,
        operations=4,
        depth=5,
        registers=[Register(name="c", size=3, qubits=[0, None, 1])],
    ),
    CircuitFacts(language=Language.OPENQASM_2, qubits=1, clbits=1, operations=1, depth=1),
]
NOISE = Noise(
    depolarizing=Depolarizing(p=0.1),
    device=Device(
        name="x",
        calibration=Calibration(
            id="1",
            time=datetime(2026, 11, 21, tzinfo=UTC),
            qubits=[QubitCalibration(qubit=0, t1=1e-5)],
        ),
    ),
)
SPEC = JobSpec.of(
    RunOptions(shots=7, seed=2**63 - 1, memory=True, method="statevector", noise=NOISE),
    FACTS,
    language=Language.OPENQASM_3,
    response_format=ResponseFormat.CSV,
    tags=["a", "b c"],
    metadata={"a": [1, None, {"é": 0.5}]},
    origin={"request": "r1", "traceparent": "00-1"},
)
COMMON = {
    "language": "OPENQASM-2",
    "shots": 5,
    "seed": None,
    "memory": False,
    "response_format": "json",
    "tags": [],
    "metadata": {},
    "circuits": [],
    "origin": {},
}
"""What version 0.1 wrote before there were METHOD and NOISE."""


def test_it_comes_back_as_it_was_stored() -> None:
    found = JobSpec.load(json.loads(json.dumps(SPEC.stored())))
    assert found == SPEC
    assert found.options == SPEC.options
    assert found.facts == FACTS


def test_what_circuits_have_in_common_is_stored_once() -> None:
    spec = JobSpec.of(
        RunOptions(shots=1), [FACTS[0], FACTS[0].model_copy(update={"depth": 9}), FACTS[0]]
    )
    stored = JobSpec.load(json.loads(json.dumps(spec.stored())))
    assert len(stored.stored()["circuits"]["kinds"]) == 2
    assert [item.depth for item in stored.facts] == [FACTS[0].depth, 9, FACTS[0].depth]
    # As a release of before has written it, each of them.
    before = spec.stored() | {"circuits": [item.model_dump(mode="json") for item in spec.facts]}
    assert JobSpec.load(before).facts == spec.facts
    assert spec.artifact is None
    assert spec.elsewhere("a/b").artifact == "a/b"
    assert JobSpec.load(spec.elsewhere("a/b").stored()).artifact == "a/b"


def test_what_stands_in_the_database_is_one_flat_object() -> None:
    stored = json.loads(json.dumps(SPEC.stored()))
    assert list(stored) == [
        "language",
        "kind",
        "shots",
        "observable",
        "precision",
        "seed",
        "memory",
        "method",
        "noise",
        "on_error",
        "optimization",
        "initial_layout",
        "mitigation",
        "response_format",
        "tags",
        "metadata",
        "circuits",
        "origin",
    ]
    assert (stored["language"], stored["shots"], stored["method"]) == (
        "OPENQASM-3",
        7,
        "statevector",
    )
    kind = stored["circuits"]["kinds"][0]
    assert kind["registers"] == [{"name": "c", "size": 3, "qubits": [0, None, 1]}]
    # What no model says is left out.
    assert set(stored["noise"]) == {"depolarizing", "device"}
    assert stored["noise"]["depolarizing"] == {"p": 0.1}
    plain = JobSpec.of(RunOptions(shots=1)).stored()
    assert (plain["seed"], plain["method"], plain["noise"]) == (None, None, None)


def test_a_job_of_before_samples() -> None:
    assert JobSpec.load(COMMON).kind is JobKind.SAMPLE
    estimate = RunOptions(kind=JobKind.ESTIMATE, shots=0, observable=collect(["Z0 - X1"]))
    found = JobSpec.load(json.loads(json.dumps(JobSpec.of(estimate).stored())))
    assert (found.kind, found.options) == (JobKind.ESTIMATE, estimate)


def test_a_job_of_before_has_neither_method_nor_noise() -> None:
    found = JobSpec.load(COMMON)
    assert found.options == RunOptions(shots=5)
    assert (found.language, found.response_format) == (Language.OPENQASM_2, ResponseFormat.JSON)


def test_an_option_of_a_later_version_goes_along() -> None:
    found = JobSpec.load(COMMON | {"twist": 3})
    assert found.options.model_dump()["twist"] == 3
    assert found.stored()["twist"] == 3


def test_a_job_can_be_looked_at_of_which_nothing_is_known() -> None:
    found = JobSpec.load({})
    assert (found.tags, found.metadata, found.language, found.facts) == ([], {}, None, [])


@pytest.mark.parametrize("origin", [{}, {"origin": None}, {"origin": "x"}, {"origin": {}}])
def test_jobs_of_before_have_no_origin(origin: dict[str, Any]) -> None:
    found = JobSpec.load(origin)
    assert found.origin == {}
    assert found.request is None


def test_where_nothing_is_said_the_target_decides() -> None:
    assert RunOptions(shots=1).model_dump() == {
        "kind": "sample",
        "shots": 1,
        "observable": None,
        "precision": None,
        "seed": None,
        "memory": False,
        "method": None,
        "noise": None,
        "on_error": "stop",
        "optimization": None,
        "initial_layout": None,
        "mitigation": None,
    }
    assert JobSpec().response_format is ResponseFormat.VOTABLE


def test_the_request_that_made_it_is_known() -> None:
    assert SPEC.request == "r1"


def test_who_looks_at_a_job_does_not_read_what_lies_with_it() -> None:
    bad = COMMON | {"circuits": [{"nothing": "right"}], "shots": "many"}
    found = JobSpec.load(bad)
    assert found.tags == []
    with pytest.raises(ValueError, match="shots"):
        found.options  # noqa: B018
    with pytest.raises(ValueError, match="qubits"):
        found.facts  # noqa: B018
