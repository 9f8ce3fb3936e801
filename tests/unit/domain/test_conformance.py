"""What a report of conformance says in one sentence, and when it is good."""

from datetime import UTC, datetime

import pytest

from quws.domain.conformance import ConformanceCheck, ConformanceReport, ConformanceRule, Verdict

P, F, S = Verdict.PASSED, Verdict.FAILED, Verdict.SKIPPED


def report(*outcomes: Verdict) -> ConformanceReport:
    return ConformanceReport(
        target="device",
        time=datetime(2026, 11, 21, tzinfo=UTC),
        fingerprint="0" * 32,
        quick=False,
        seconds=1.5,
        checks=[
            ConformanceCheck(
                name=f"c{number}", title=f"Check {number}", outcome=outcome, message="it is wrong"
            )
            for number, outcome in enumerate(outcomes)
        ],
    )


@pytest.mark.parametrize(
    ("outcomes", "passed", "summary"),
    [
        ((), True, "0 of 0 checks passed, the others do not apply"),
        ((P, P), True, "2 of 2 checks passed, the others do not apply"),
        ((P, S, P), True, "2 of 3 checks passed, the others do not apply"),
        ((S,), True, "0 of 1 checks passed, the others do not apply"),
        ((P, F, F), False, "Check 1: it is wrong"),
        ((S, S, F), False, "Check 2: it is wrong"),
    ],
)
def test_a_target_passes_if_nothing_failed(
    outcomes: tuple[Verdict, ...], passed: bool, summary: str
) -> None:
    found = report(*outcomes)
    assert found.passed is passed
    assert found.summary == summary


def test_a_report_is_kept_as_json() -> None:
    found = report(P, F, S)
    content = found.model_dump(mode="json")
    assert [item["outcome"] for item in content["checks"]] == ["passed", "failed", "skipped"]
    assert ConformanceReport.model_validate(content) == found


def test_the_rules_by_the_names_that_a_list_of_targets_holds() -> None:
    assert set(ConformanceRule) == {"automatic", "required", "none"}
