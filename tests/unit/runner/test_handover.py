"""A job that is handed over to a device: sent once, looked after, and whatever went wrong told."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from runner_bench import RESULT, Device, Line, a_line, known, work

from quws.domain.errors import InvalidCircuit
from quws.domain.failures import Failure
from quws.domain.job import ErrorType, JobError
from quws.domain.options import RunOptions
from quws.domain.targets import Calibration
from quws.runner import handover
from quws.runner.handover import RemoteRun, Sent, cancel
from quws.runner.remote import run_elsewhere
from quws.runner.work import Failed
from quws.sandbox.messages import (
    Calibrated,
    CancelAnswer,
    Cancellation,
    InDoubt,
    KnownHandover,
    MessageFault,
    Note,
    NotSubmitted,
    Progress,
    Submitted,
    Submitting,
    Waiting,
)
from quws.targets.base import Busy, Compiled, Doubt, Gone, RemoteState, RemoteStatus

QUEUED, RUNNING, DONE, FAILED, CANCELLED = (
    RemoteState(RemoteStatus.QUEUED, position=3),
    RemoteState(RemoteStatus.RUNNING, done=1),
    RemoteState(RemoteStatus.DONE),
    RemoteState(RemoteStatus.FAILED, "it broke", transient=False),
    RemoteState(RemoteStatus.CANCELLED),
)
CALIBRATION = Calibration(id="c1", time=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def line() -> Iterator[Line]:
    with a_line() as made:
        yield made


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "_LONGEST_PAUSE", 0.0)


def run(device: Device, line: Line, found: KnownHandover | None = None) -> RemoteRun:
    return RemoteRun(
        device,
        found or known(),
        lambda: Sent([Compiled(None)]),
        RunOptions(shots=10),
        line.connection,
        runs=[1],
    )


def failure(running: RemoteRun) -> JobError:
    with pytest.raises(Failed) as failed:
        running.results()
    return failed.value.error


def test_nothing_is_sent_before_the_worker_knows(device: Device, line: Line) -> None:
    said: list[object] = []
    device.before_submit = lambda: said.extend(line.heard())
    line.go(2)
    assert run(device, line).results() == [(0, [RESULT])]
    assert said == [Submitting(key="k")]
    assert line.heard() == [
        Submitted(key="k", handle="theirs"),
        Progress(sentence="fetching the results"),
    ]
    assert device.asked == ["submit 1 k", "poll theirs", "fetch theirs"]


def test_a_worker_that_is_gone_has_nothing_sent(device: Device, line: Line) -> None:
    line.hang_up()
    with pytest.raises(SystemExit):
        run(device, line).results()
    assert device.asked == []


def test_a_leave_to_submit_that_is_old_is_asked_for_again(
    device: Device, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By then the job may be somebody else's.
    times = iter([0.0, 0.0, 11.0, 11.0, 12.0])
    monkeypatch.setattr(handover.time, "monotonic", lambda: next(times))
    line.go(3)
    assert run(device, line).results() == [(0, [RESULT])]
    assert line.heard()[:3] == [
        Submitting(key="k"),
        Submitting(key="k"),
        Submitted(key="k", handle="theirs"),
    ]
    assert device.submissions == 1


def test_anything_but_a_go_is_nonsense(device: Device, line: Line) -> None:
    line.send(b'{"kind": "inspect"}\n')
    with pytest.raises(MessageFault):
        run(device, line).results()
    assert device.asked == []


def test_a_handle_that_is_known_is_only_looked_after(device: Device, line: Line) -> None:
    running = run(device, line, known(begun=True, handle="theirs"))
    assert running.results() == [(0, [RESULT])]
    assert device.asked == ["poll theirs", "fetch theirs"]


def test_what_may_have_been_sent_is_looked_for(device: Device, line: Line) -> None:
    device.on_find = ["theirs"]
    line.go()
    assert run(device, line, known(begun=True)).results() == [(0, [RESULT])]
    assert device.submissions == 0
    assert line.heard()[0] == Submitted(key="k", handle="theirs")


def test_what_is_not_there_yet_is_looked_for_until_it_must_be(device: Device, line: Line) -> None:
    device.settle_seconds = 3600.0
    device.on_find = [None, None, "theirs"]
    line.go()
    assert run(device, line, known(begun=True, age=1.0)).results() == [(0, [RESULT])]
    assert device.asked[:3] == ["find k"] * 3
    assert device.submissions == 0
    assert line.heard()[0] == Progress(sentence="looking whether the other side has got the job")


def test_what_surely_is_not_there_is_sent_again(device: Device, line: Line) -> None:
    device.settle_seconds = 60.0
    line.go(2)
    assert run(device, line, known(begun=True, age=61.0)).results() == [(0, [RESULT])]
    assert device.asked[:2] == ["find k", "submit 1 k"]


def test_a_device_that_knows_keys_is_not_waited_for(device: Device, line: Line) -> None:
    device.settle_seconds = 3600.0
    device.idempotent = True
    line.go(2)
    assert run(device, line, known(begun=True)).results() == [(0, [RESULT])]
    assert device.asked[:2] == ["find k", "submit 1 k"]


def test_where_nobody_can_tell_it_is_not_sent_again(device: Device, line: Line) -> None:
    device.on_find = [Doubt("no search")]
    line.go()
    error = failure(run(device, line, known(begun=True)))
    assert error == Failure.SUBMISSION_IN_DOUBT.error(why="no search")
    assert line.heard() == [InDoubt(key="k", sentence=error.message)]
    assert device.submissions == 0


def test_a_submission_in_doubt_is_looked_for(device: Device, line: Line) -> None:
    device.on_submit = [Doubt("cut off")]
    device.on_find = ["theirs"]
    line.go(2)
    assert run(device, line).results() == [(0, [RESULT])]
    assert device.submissions == 1
    assert line.heard()[:3] == [
        Submitting(key="k"),
        NotSubmitted(),
        Submitted(key="k", handle="theirs"),
    ]


def test_a_submission_that_did_not_arrive_is_sent_again(device: Device, line: Line) -> None:
    device.on_submit = [ConnectionError("busy"), Doubt("cut off"), "theirs"]
    line.go(4)
    assert run(device, line).results() == [(0, [RESULT])]
    assert device.submissions == 3
    said = line.heard()
    assert [type(item) for item in said].count(Submitting) == 3
    assert Progress(sentence="the other side does not answer, and is asked again: busy") in said


def test_a_refusal_is_final(device: Device, line: Line) -> None:
    device.on_submit = [InvalidCircuit("too wide")]
    line.go()
    with pytest.raises(InvalidCircuit):
        run(device, line).results()
    assert device.submissions == 1


def test_a_fault_of_an_adapter_is_looked_behind(device: Device, line: Line) -> None:
    device.on_submit = [KeyError("id")]
    device.on_find = ["theirs"]
    line.go(2)
    assert run(device, line).results() == [(0, [RESULT])]
    device.on_find = [None]
    line.go()
    with pytest.raises(KeyError):
        run(device, line).results()


def test_waiting_is_told_when_it_begins_and_when_it_ends(device: Device, line: Line) -> None:
    device.on_poll = [QUEUED, QUEUED, RUNNING, RUNNING, DONE]
    device.on_calibration = [CALIBRATION]
    run(device, line, known(begun=True, handle="theirs")).results()
    assert line.heard() == [
        Waiting(waiting=True),
        Progress(sentence="queued at the other side, 3 before it"),
        Waiting(waiting=False),
        Calibrated(calibration=CALIBRATION),
        Progress(sentence="running at the other side, 1 circuit done"),
        Progress(sentence="fetching the results"),
    ]


def test_what_is_not_known_when_it_begins_is_asked_when_it_is_done(
    device: Device, line: Line
) -> None:
    device.on_poll = [RUNNING, RUNNING, DONE]
    device.on_calibration = [None, CALIBRATION]
    run(device, line, known(begun=True, handle="theirs")).results()
    assert line.heard()[1:] == [
        Calibrated(calibration=CALIBRATION),
        Progress(sentence="fetching the results"),
    ]


def test_what_happened_there_is_told_once_when_it_is_over(device: Device, line: Line) -> None:
    device.on_poll = [
        dataclasses.replace(RUNNING, notes=["sent"]),
        dataclasses.replace(DONE, notes=["sent", "x" * 1000]),
    ]
    run(device, line, known(begun=True, handle="theirs")).results()
    told = [item.sentence for item in line.heard() if isinstance(item, Note)]
    assert told == ["sent", "x" * 500]


def test_what_compiling_needs_is_asked_for_until_it_is_told(device: Device, line: Line) -> None:
    device.on_prepare = [ConnectionError("away"), ConnectionError("away"), None]
    line.go(2)
    assert run(device, line).results() == [(0, [RESULT])]
    assert "away" in str(line.heard()[0])
    assert device.submissions == 1


@pytest.mark.parametrize("error", [ConnectionError("away"), Gone("no such thing")])
def test_results_are_worth_more_than_a_calibration(
    device: Device, line: Line, error: Exception
) -> None:
    device.on_calibration = [error]
    assert run(device, line, known(begun=True, handle="theirs")).results() == [(0, [RESULT])]


def test_a_device_that_is_away_is_asked_again(device: Device, line: Line) -> None:
    device.on_poll = [ConnectionError("away"), ConnectionError("away"), DONE]
    device.on_fetch = [ConnectionError("away"), [RESULT]]
    assert run(device, line, known(begun=True, handle="theirs")).results() == [(0, [RESULT])]
    away = Progress(sentence="the other side does not answer, and is asked again: away")
    assert line.heard().count(away) == 2  # Once for each row of them.


def test_who_says_when_to_ask_again_is_not_asked_before(
    device: Device, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(handover.time, "sleep", waited.append)
    device.on_submit = [Busy("too many", 7.0), "theirs"]
    device.on_poll = [Busy("too many", 30.0), ConnectionError("away"), DONE]
    line.go(3)
    assert run(device, line).results() == [(0, [RESULT])]
    assert waited[:2] == [7.0, 30.0] and waited[2] < 7


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (FAILED, Failure.REMOTE_FAILED.error(why="it broke", transient=False)),
        (
            RemoteState(RemoteStatus.FAILED),
            Failure.REMOTE_FAILED.error(why="no reason given", transient=True),
        ),
        (CANCELLED, Failure.REMOTE_CANCELLED.error(why="no reason given")),
        (
            RemoteState(RemoteStatus.CANCELLED, "by hand"),
            Failure.REMOTE_CANCELLED.error(why="by hand"),
        ),
    ],
)
def test_how_it_ended_there_is_how_it_ends_here(
    device: Device, line: Line, state: RemoteState, error: JobError
) -> None:
    device.on_poll = [state]
    assert failure(run(device, line, known(begun=True, handle="theirs"))) == error
    assert "fetch theirs" not in device.asked


def test_what_is_lost_there_is_told(device: Device, line: Line) -> None:
    device.on_fetch = [Gone("it is too old")]
    error = failure(run(device, line, known(begun=True, handle="theirs")))
    assert error == Failure.SUBMISSION_GONE.error(why="it is too old")


def test_results_of_too_few_circuits_are_no_results(device: Device, line: Line) -> None:
    device.on_fetch = [[]]
    error = failure(run(device, line, known(begun=True, handle="theirs")))
    assert (error.code, error.type) == ("remote_failed", ErrorType.FATAL)
    assert error.message.endswith("there are results of 0 circuits, not of 1")


def test_all_circuits_are_sent_and_those_without_a_result_given(device: Device, line: Line) -> None:
    device.on_fetch = [[RESULT, RESULT, RESULT]]
    line.go(2)
    given = work(line, 3, done={1: "done-1.json"})
    found = list(run_elsewhere(device, known(), given))
    assert device.asked[0] == "submit 3 k"
    assert [index for index, _, _ in found] == [0, 2]
    assert found[1][1].source == "circuit 2"


def test_what_was_sent_by_another_attempt_has_no_circuits_here(device: Device, line: Line) -> None:
    ((_, compiled, _),) = run_elsewhere(device, known(begun=True, handle="theirs"), work(line))
    assert compiled == Compiled(None)


@pytest.mark.parametrize(
    ("raised", "code", "again"),
    [
        (InvalidCircuit("too wide"), "invalid_payload", ErrorType.FATAL),
        (KeyError("id"), "execution_failed", ErrorType.TRANSIENT),
    ],
)
def test_what_a_device_refuses_or_breaks_ends_the_job(
    device: Device, line: Line, raised: Exception, code: str, again: ErrorType
) -> None:
    device.on_submit = [raised]
    line.go()
    device.on_find = [raised]
    with pytest.raises(Failed) as failed:
        list(run_elsewhere(device, known(), work(line)))
    assert (failed.value.error.code, failed.value.error.type) == (code, again)


DONE_, MISSING, AGAIN = Cancellation


@pytest.mark.parametrize(
    ("handle", "found", "cancelled", "polled", "outcome"),
    [
        ("theirs", None, None, CANCELLED, DONE_),
        ("theirs", None, None, DONE, DONE_),
        (None, "theirs", None, CANCELLED, DONE_),
        (None, None, None, CANCELLED, MISSING),
        (None, Doubt("no search"), None, CANCELLED, MISSING),
        (None, ConnectionError("away"), None, CANCELLED, AGAIN),
        ("theirs", None, Gone("too old"), CANCELLED, DONE_),
        ("theirs", None, ConnectionError("away"), CANCELLED, AGAIN),
        ("theirs", None, None, RUNNING, AGAIN),
        ("theirs", None, None, QUEUED, AGAIN),
    ],
)
def test_how_far_a_cancellation_comes(
    device: Device,
    handle: str | None,
    found: object,
    cancelled: object,
    polled: RemoteState,
    outcome: Cancellation,
) -> None:
    device.on_find, device.on_cancel, device.on_poll = [found], [cancelled], [polled]
    answer = cancel(device, "k", handle)
    assert isinstance(answer, CancelAnswer)
    assert answer.outcome is outcome
    assert answer.sentence
    if outcome is DONE_ and cancelled is None:
        assert "cancel theirs" in device.asked
