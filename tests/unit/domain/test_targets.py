"""What a target refuses, when it takes work, and when it is offered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.conformance import ConformanceCheck, ConformanceReport, ConformanceRule, Verdict
from quws.domain.errors import InvalidCircuit
from quws.domain.kinds import JobKind
from quws.domain.targets import (
    Feature,
    TargetDescription,
    TargetKind,
    TargetRecord,
    TargetState,
    TargetStatus,
)

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def description(**changes: Any) -> TargetDescription:
    return TargetDescription.model_validate(
        {"name": "device", "kind": TargetKind.HARDWARE, "title": "A device", "qubits": 5} | changes
    )


def facts(**changes: Any) -> CircuitFacts:
    return CircuitFacts.model_validate(
        {"language": Language.OPENQASM_2, "qubits": 2, "clbits": 2, "operations": 4, "depth": 3}
        | changes
    )


# -- what it refuses --------------------------------------------------------------


def test_a_plain_circuit_needs_no_feature() -> None:
    description().check([facts(), facts()])
    description().check([])


@pytest.mark.parametrize(
    ("needs", "feature"),
    [
        ("mid_circuit", Feature.MID_CIRCUIT),
        ("resets", Feature.RESET),
        ("control_flow", Feature.CONTROL_FLOW),
        ("delays", Feature.DELAY),
    ],
)
def test_what_a_circuit_needs_must_be_claimed(needs: str, feature: Feature) -> None:
    circuit = facts(**{needs: True})
    description(features=[feature]).check([circuit])
    others = [item for item in Feature if item is not feature]
    with pytest.raises(InvalidCircuit) as caught:
        description(features=others).check([circuit])
    assert caught.value.sentence == (f"the circuit has {feature}, which target device does not do")
    assert caught.value.circuit == 0


def test_of_several_circuits_the_one_is_named() -> None:
    with pytest.raises(InvalidCircuit, match=r"^circuit 2 has reset, ") as caught:
        description().check([facts(), facts(), facts(resets=True)])
    assert caught.value.circuit == 2


def test_what_is_assumed_of_a_target_that_says_little() -> None:
    said = description()
    assert said.languages == [
        language for language in Language if language is not Language.OPENQASM_3_QISKIT
    ]
    assert (said.max_shots, said.max_circuits) == (1_000_000, 300)
    assert (said.exclusive, said.remote, said.coupling) == (False, False, None)
    assert said.circuit_limits == CircuitLimits()
    assert said.features == said.methods == said.native_gates == []
    assert said.conformance_rule is ConformanceRule.AUTOMATIC


# -- its state --------------------------------------------------------------------


@pytest.mark.parametrize("status", list(TargetStatus))
def test_work_is_taken_online_only(status: TargetStatus) -> None:
    state = TargetState(status=status)
    online = status is TargetStatus.ONLINE
    assert state.takes_work is online
    assert (state.sentence("device") is None) is online


def test_a_target_is_online_until_somebody_says_otherwise() -> None:
    assert TargetState().takes_work


@pytest.mark.parametrize(
    ("message", "until", "sentence"),
    [
        (None, None, "target device is in maintenance"),
        ("a new pump", None, "target device is in maintenance: a new pump"),
        (
            None,
            NOW,
            "target device is in maintenance; expected back at 2026-11-21T10:00:00.000Z",
        ),
        (
            "a new pump",
            NOW,
            "target device is in maintenance: a new pump; expected back at"
            " 2026-11-21T10:00:00.000Z",
        ),
    ],
)
def test_why_jobs_wait(message: str | None, until: datetime | None, sentence: str) -> None:
    state = TargetState(status=TargetStatus.MAINTENANCE, message=message, until=until)
    assert state.sentence("device") == sentence


# -- whether it is offered --------------------------------------------------------


def record(
    rule: ConformanceRule, found: Verdict | None = None, fingerprint: str | None = None
) -> TargetRecord:
    what = description(conformance_rule=rule)
    report = None
    if found is not None:
        report = ConformanceReport(
            target="device",
            time=NOW,
            fingerprint=fingerprint or what.fingerprint,
            quick=True,
            seconds=2.0,
            checks=[ConformanceCheck(name="bits", title="Bits", outcome=found, message="swapped")],
        ).model_dump(mode="json")
    return TargetRecord(description=what, state=TargetState(), conformance=report)


AUTOMATIC, REQUIRED, NONE = ConformanceRule
ADVICE = "the operator must run 'quws targets check device'"
FAILED = (
    f"target device has failed its conformance check (Bits: swapped); once that is mended, {ADVICE}"
)
MISSING = f"target device has not passed its conformance check yet; {ADVICE}"


@pytest.mark.parametrize(
    ("rule", "found", "objection"),
    [
        (AUTOMATIC, None, None),
        (AUTOMATIC, Verdict.PASSED, None),
        (AUTOMATIC, Verdict.FAILED, FAILED),
        (REQUIRED, None, MISSING),
        (REQUIRED, Verdict.PASSED, None),
        (REQUIRED, Verdict.SKIPPED, None),
        (REQUIRED, Verdict.FAILED, FAILED),
        (NONE, None, None),
        (NONE, Verdict.FAILED, None),
    ],
)
def test_whether_a_target_is_offered(
    rule: ConformanceRule, found: Verdict | None, objection: str | None
) -> None:
    assert record(rule, found).objection == objection


@pytest.mark.parametrize("found", [Verdict.PASSED, Verdict.FAILED])
def test_a_report_on_what_the_target_was_before_does_not_count(found: Verdict) -> None:
    old = record(REQUIRED, found, fingerprint="f" * 32)
    assert old.report is None
    assert old.objection == MISSING
    assert record(AUTOMATIC, found, fingerprint="f" * 32).objection is None


def test_a_fingerprint_is_of_what_the_circuits_were_run_against() -> None:
    one = description()
    assert one.fingerprint == description().fingerprint
    assert len(one.fingerprint) == 32
    # Who has to run the circuits does not change what they found.
    assert one.fingerprint == description(conformance_rule=NONE).fingerprint
    for change in ({"qubits": 6}, {"native_gates": ["cz"]}, {"features": [Feature.RESET]}):
        assert one.fingerprint != description(**change).fingerprint


def test_another_release_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = description().fingerprint
    monkeypatch.setattr("quws.domain.targets.__version__", "99.0")
    assert description().fingerprint != before


def test_a_record_has_the_name_of_its_target() -> None:
    assert record(NONE).name == "device"


def test_what_stands_in_documents_and_in_the_list_of_targets() -> None:
    assert set(TargetStatus) == {"online", "offline", "maintenance", "calibrating", "retired"}
    assert set(TargetKind) == {"simulator", "emulator", "hardware", "remote"}
    assert set(Feature) == {
        "memory",
        "seed",
        "mid-circuit measurement",
        "reset",
        "classical control",
        "delay",
        "noise models",
        "choice of method",
        "exact expectation values",
        "choice of compilation",
        "error mitigation",
    }
    assert list(JobKind) == ["sample", "estimate", "compile"]
