"""What owners may have, alone and with their groups, and what they are told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quws.domain.errors import QuotaExceeded
from quws.domain.policy import Policy
from quws.domain.quotas import (
    MEANINGS,
    Bound,
    Entitlements,
    Group,
    Limit,
    Limits,
    QuotaRules,
    check_shots,
    shown,
)

NOW = datetime(2026, 11, 30, 23, 59, 58, 500_000, tzinfo=UTC)
MIDNIGHT = datetime(2026, 12, 1, tzinfo=UTC)
RULES = QuotaRules(
    user={"anna": Limits(running=7, jobs=0)},
    group={
        "physics": Group(members=("anna", "bert"), running=8, day_shots=1000),
        "all": Group(members=("bert", "carl"), running=9),
    },
)


def most(entitlements: Entitlements, owner: str | None, limit: Limit) -> list[tuple[str, int]]:
    return [(bound.subject, bound.most) for bound in entitlements.of(owner, limit)]


def test_ones_own_limits_go_before_the_policys_and_those_of_groups_hold_beside() -> None:
    found = Entitlements(Policy(max_running=2, max_jobs=5), RULES)
    assert most(found, "anna", Limit.RUNNING) == [("user:anna", 7), ("group:physics", 8)]
    assert most(found, "bert", Limit.RUNNING) == [
        ("user:bert", 2),
        ("group:physics", 8),
        ("group:all", 9),
    ]
    assert most(found, None, Limit.RUNNING) == [("user:", 2)]
    assert most(found, "anna", Limit.JOBS) == [], "0 lifts what the policy says"
    assert most(found, "bert", Limit.JOBS) == [("user:bert", 5)]
    assert most(found, "carl", Limit.DAY_SHOTS) == []
    limits = {bound.limit for bound in found.of("dora")}
    assert limits == {Limit.RUNNING, Limit.JOBS, Limit.STORED_BYTES}


def test_who_may_run_no_more() -> None:
    found = Entitlements(Policy(max_running=2), RULES)
    assert found.limits_running
    assert found.full({}) == set()
    assert found.full({"dora": 1}) == set()
    assert found.full({"dora": 2, "": 3}) == {"dora", ""}
    assert found.full({"anna": 6, "bert": 1}) == set()
    assert found.full({"anna": 7, "bert": 0}) == {"anna"}
    assert found.full({"anna": 6, "bert": 2}) == {"anna", "bert"}, "the group has eight"
    assert not Entitlements(Policy()).limits_running
    assert not Entitlements(Policy(), QuotaRules(user={"a": Limits(jobs=3)})).limits_running
    assert Entitlements(Policy(), QuotaRules(user={"a": Limits(running=3)})).limits_running


def test_a_day_and_a_month_end_at_midnight_in_utc() -> None:
    assert Limit.DAY_SHOTS.ends(NOW) == MIDNIGHT
    assert Limit.MONTH_SECONDS.ends(NOW) == MIDNIGHT
    assert Limit.MONTH_SECONDS.ends(MIDNIGHT) == datetime(2027, 1, 1, tzinfo=UTC)
    assert Limit.DAY_SHOTS.ends(MIDNIGHT) == datetime(2026, 12, 2, tzinfo=UTC)
    for month in range(1, 13):
        end = Limit.MONTH_SECONDS.ends(datetime(2028, month, 28, 12, tzinfo=UTC))
        assert end is not None
        assert (end.day, end.month) == (1, month % 12 + 1)
    assert Limit.JOBS.ends(NOW) is None


def test_what_is_free_again_by_itself_says_when() -> None:
    refusal = Bound(Limit.DAY_SHOTS, 1000, ("anna", "bert"), "physics").exceeded(900, 101, NOW)
    assert refusal.sentence == (
        "900 of the 1000 shots that group physics may have in a day (UTC) are used, too many for"
        " 101 more; all of them are free again at 2026-12-01T00:00:00.000Z"
    )
    assert (refusal.limit, refusal.group) == ("day_shots", "physics")
    assert (refusal.most, refusal.used) == (1000, 900)
    assert (refusal.frees, refusal.seconds) == (MIDNIGHT, 2)
    never = Bound(Limit.DAY_SHOTS, 1000, ("anna",)).exceeded(0, 1001, NOW, possible=False)
    assert (never.frees, never.seconds) == (None, None)
    assert never.sentence.endswith("too many for 1001 more; ask for less")
    seconds = Bound(Limit.MONTH_SECONDS, 10, ("anna",)).exceeded(9001, 1000, NOW)
    assert seconds.used == 10
    assert seconds.sentence.startswith("10 of the 10 seconds that this owner may run in a month")


@pytest.mark.parametrize("limit", Limit)
def test_every_limit_has_its_sentence_and_its_meaning(limit: Limit) -> None:
    sentence = Bound(limit, 5, ("anna",)).exceeded(5, 1, NOW).sentence
    assert "5" in sentence
    assert "{" not in sentence
    assert MEANINGS[limit]


def test_seconds_are_counted_by_the_thousand_and_told_whole() -> None:
    assert [shown(Limit.MONTH_SECONDS, ms) for ms in (0, 1, 1000, 1001)] == [0, 1, 1, 2]
    assert shown(Limit.DAY_SHOTS, 1001) == 1001


def test_the_shots_of_one_job() -> None:
    bounds = Entitlements(Policy(max_job_shots=100)).of("anna", Limit.JOB_SHOTS)
    check_shots(bounds, 100, NOW)
    with pytest.raises(QuotaExceeded, match="the job has 101 shots in all its circuits, and 100"):
        check_shots(bounds, 101, NOW)
