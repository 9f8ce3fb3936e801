"""What chaos makes of clients that are told what they should not be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import chaos_checks
import httpx
import pytest
import witness
from chaos import Clients
from chaos_checks import Tally
from chaos_load import Load, Plan
from chaos_owners import Owned
from harness import Service, sqlite_with_schema, until
from receiver import Got


class Answering:
    """A service that has one answer for everybody."""

    url = "http://quws.test"

    def __init__(self, answer: Any) -> None:
        self._transport = httpx.MockTransport(lambda _: answer())

    def client(self, **_: Any) -> httpx.Client:
        return httpx.Client(transport=self._transport, base_url=self.url)


def refuses() -> httpx.Response:
    return httpx.Response(403, text="invalid_payload: it is none")


def breaks() -> httpx.Response:
    raise RuntimeError("it broke")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [(refuses, "403, invalid_payload: it is none"), (breaks, "a client broke down")],
)
def test_a_complaint_is_heard_after_what_was_accepted_is_checked(
    monkeypatch: pytest.MonkeyPatch, answer: Any, complaint: str
) -> None:
    service, tally = cast("Service", Answering(answer)), Tally()
    clients = Clients(service, tally, seed=1, rate=100)
    with clients:
        until(lambda: tally.complaints or clients._running[0].done(), 10, "a complaint")
    checked: list[Tally] = []
    monkeypatch.setattr(chaos_checks, "check_jobs", lambda _, told, *__: checked.append(told))
    with pytest.raises(AssertionError, match=complaint):
        chaos_checks.check(service, tally)
    assert checked == [tally]


@pytest.mark.parametrize("status", [429, 503])
def test_an_answer_that_says_to_come_again_is_no_complaint(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    service, tally = cast("Service", Answering(lambda: httpx.Response(status))), Tally()
    with Clients(service, tally, seed=1, rate=100):
        until(lambda: tally.refused[str(status)] > 1, 10, "answers")
    monkeypatch.setattr(chaos_checks, "check_jobs", lambda *_: None)
    chaos_checks.check(service, tally)


COUNTS = b'{"shots": 3, "circuits": [{"counts": {"0": 1, "1": 2}}]}'
COUNTED = {"id": "counts", "size": len(COUNTS)}
DONE: dict[str, Any] = {
    "id": "j1",
    "phase": "COMPLETED",
    "attempt": 2,
    "end_time": "2026-11-27T02:00:00Z",
    "timeline": [{"status": "received", "message": None}, {"status": "completed", "message": None}],
    "results": [COUNTED],
    "circuits": 1,
    "circuits_done": 1,
    "run_id": "bell",
}
TWICE = DONE | {"timeline": [*DONE["timeline"], {"status": "failed", "message": None}]}
DOUBLED = DONE | {"results": [COUNTED, COUNTED]}


def saying(*documents: dict[str, Any] | None) -> Service:
    """A service with one job, which says one thing after the other; None: there is none."""
    left = list(documents)

    def answer(request: httpx.Request) -> httpx.Response:
        match request.url.path.split("/"):
            case [_, "jobs"]:
                return httpx.Response(200, json=[])
            case [*_, "results", "counts"]:
                return httpx.Response(200, content=COUNTS)
        told = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(404, text="gone") if told is None else httpx.Response(200, json=told)

    service = Answering(None)
    service._transport = httpx.MockTransport(answer)
    return cast("Service", service)


@pytest.mark.parametrize(
    ("documents", "complaint"),
    [
        ([None], "is gone"),
        ([TWICE], "failed"),
        ([DOUBLED], "counts"),
        ([DONE | {"phase": "EXECUTING"}], "EXECUTING"),
        ([DONE | {"end_time": None}], "COMPLETED"),
        ([DONE, DONE | {"attempt": 3}], "and now says"),
    ],
)
def test_a_load_complains_of_jobs_that_are_lost_doubled_stranded_or_changed(
    documents: list[dict[str, Any] | None], complaint: str
) -> None:
    service, tally = saying(*documents), Tally()
    load = Load(service, tally, Plan())
    with service.client() as http:
        # Its client has not heard that it was made.
        load.check_one(http, "j1", None)
        load.check_again(http)
    assert [complaint in said for said in tally.complaints] == [True]


def test_a_load_has_nothing_to_say_of_a_job_that_is_as_it_should_be() -> None:
    service, tally = saying(DONE), Tally()
    load = Load(service, tally, Plan())
    with service.client() as http:
        load.check_one(http, "j1", None)
        load.check_again(http)
    assert tally.complaints == []
    assert (tally.checked["COMPLETED"], tally.checked["read again"]) == (1, 1)


def told(place: int, event: str = "job.queued", path: str = "/named") -> Got:
    body = json.dumps({"type": event, "data": {"id": "j1"}}).encode()
    return Got(path, {"webhook-id": f"msg_{place}_w1"}, body)


@pytest.fixture
def owned(tmp_path: Path) -> Owned:
    """A database in which one job of anna names a webhook, and two things have happened to it."""
    file = tmp_path / "quws.db"
    shutil.copy(sqlite_with_schema(), file)
    service = Service("http://quws.test", tmp_path, {})
    witness.install(service.database_url)
    with witness.connected(service.database_url) as connection:
        for statement in (
            "INSERT INTO witness_links VALUES ('j1', 'http://127.0.0.1/named')",
            "INSERT INTO outbox VALUES (1, 5, 'phase', 'j1', 'anna', 'QUEUED')",
            "INSERT INTO outbox VALUES (2, 6, 'phase', 'j1', 'anna', 'COMPLETED')",
            "INSERT INTO timeslots VALUES ('s1', 'simulator', 'anna', 0, 4000000000000, 0)",
        ):
            connection.execute(statement)
    return Owned(service, cast("Any", SimpleNamespace(taken=[])))


@pytest.mark.parametrize(
    ("taken", "complaint"),
    [
        ([told(1)], "the last message"),
        ([told(2, "job.completed"), told(1)], "in another order"),
        ([told(1), told(2)], "COMPLETED"),
        ([told(1), told(2, "job.completed"), told(3)], "/named"),
    ],
)
def test_messages_that_are_missing_wrong_or_out_of_order_are_found(
    owned: Owned, taken: list[Got], complaint: str
) -> None:
    owned.ear.taken[:] = taken
    with pytest.raises(AssertionError, match=complaint):
        owned.check_webhooks(Tally(), seconds=0)
    owned.ear.taken[:] = [told(1), told(2, "job.completed"), told(1)]
    tally = Tally()
    owned.check_webhooks(tally, seconds=0)
    assert (tally.checked["messages"], tally.checked["messages that came again"]) == (2, 1)


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("INSERT INTO quota_use VALUES ('user:anna', 'day_shots', 7, 5, 9)", "counters, and what"),
        ("INSERT INTO witness_queued VALUES ('j1', 'anna', 5)", "more queued than"),
        ("INSERT INTO witness_claims VALUES ('j1', 'anna', 0, 2, 9)", "more running than"),
    ],
)
def test_quotas_that_were_passed_or_counted_wrong_are_found(
    owned: Owned, statement: str, complaint: str
) -> None:
    with witness.connected(owned.service.database_url) as connection:
        connection.execute(statement)
    with pytest.raises(AssertionError, match=complaint):
        owned.check_quotas(Tally())


@pytest.mark.parametrize(
    ("owner", "required", "after_ms", "right"),
    [
        ("anna", 1, 60_000, True),
        ("anna", 0, 60_000, True),
        ("ben", 0, 60_000, False),
        ("ben", 1, 60_000, False),
        ("ben", 0, -60_000, True),
        ("anna", 1, -60_000, False),
    ],
)
def test_claims_in_the_timeslots_of_others_are_found(
    owned: Owned, owner: str, required: int, after_ms: int, right: bool
) -> None:
    url = owned.service.database_url
    ((booked,),) = witness.ask(url, "SELECT at FROM witness_booked")
    with witness.connected(url) as connection:
        at = int(booked) + after_ms
        connection.execute(
            f"INSERT INTO witness_claims VALUES ('j1', '{owner}', {required}, 1, {at})"
        )
    if right:
        owned.check_slots(Tally())
        return
    with pytest.raises(AssertionError, match="was claimed at"):
        owned.check_slots(Tally())
