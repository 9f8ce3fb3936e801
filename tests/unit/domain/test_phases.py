"""The table of legal moves, held against the standard rather than against itself."""

import pytest

from quws.domain.phases import ACTIVE, FINAL, INITIAL, MOVES, Move, Phase, sources, target

NOT_OVER = frozenset(
    {Phase.PENDING, Phase.HELD, Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED},
)


def test_the_ten_phases_of_the_standard() -> None:
    assert {str(phase) for phase in Phase} == {
        "PENDING",
        "QUEUED",
        "EXECUTING",
        "COMPLETED",
        "ERROR",
        "ABORTED",
        "UNKNOWN",
        "HELD",
        "SUSPENDED",
        "ARCHIVED",
    }


@pytest.mark.parametrize(
    ("move", "before", "after"),
    [
        (Move.QUEUE, {Phase.PENDING, Phase.HELD}, Phase.QUEUED),
        (Move.HOLD, {Phase.PENDING, Phase.HELD}, Phase.HELD),
        (Move.CLAIM, {Phase.QUEUED, Phase.SUSPENDED}, Phase.EXECUTING),
        (Move.COMPLETE, {Phase.EXECUTING}, Phase.COMPLETED),
        (Move.FAIL, NOT_OVER, Phase.ERROR),
        (Move.ABORT, NOT_OVER, Phase.ABORTED),
        (Move.SUSPEND, {Phase.EXECUTING}, Phase.SUSPENDED),
        (Move.REQUEUE, {Phase.EXECUTING}, Phase.QUEUED),
        (Move.ARCHIVE, {Phase.COMPLETED, Phase.ERROR, Phase.ABORTED}, Phase.ARCHIVED),
    ],
)
def test_a_move_goes_from_here_to_there(move: Move, before: set[Phase], after: Phase) -> None:
    assert sources(move) == before
    assert target(move) is after


def test_every_move_is_in_the_table() -> None:
    assert set(MOVES) == set(Move)


def test_wait_blocks_in_the_phases_that_the_standard_names() -> None:
    assert {Phase.PENDING, Phase.QUEUED, Phase.EXECUTING} == ACTIVE
    assert not ACTIVE & FINAL


def test_a_final_phase_is_left_for_archived_only() -> None:
    left = {(move, phase) for move in Move for phase in sources(move) & FINAL}
    assert {move for move, _ in left} == {Move.ARCHIVE}
    assert Phase.ARCHIVED not in {phase for _, phase in left}


def test_every_job_that_is_not_over_can_be_aborted_and_can_end() -> None:
    reachable = {Phase.PENDING}
    while True:
        further = {target(move) for move in Move if sources(move) & reachable} - reachable
        if not further:
            break
        reachable |= further
    assert reachable == set(Phase) - {Phase.UNKNOWN}
    assert sources(Move.ABORT) == reachable - FINAL


def test_a_job_begins_pending_or_in_the_queue() -> None:
    assert {Phase.PENDING, Phase.QUEUED} == INITIAL


def test_a_job_that_is_over_is_in_one_of_four_phases() -> None:
    assert {Phase.COMPLETED, Phase.ERROR, Phase.ABORTED, Phase.ARCHIVED} == FINAL


def test_the_moves_by_the_names_that_logs_and_tests_have() -> None:
    assert set(Move) == {
        "queue",
        "hold",
        "claim",
        "complete",
        "fail",
        "abort",
        "suspend",
        "requeue",
        "archive",
    }
