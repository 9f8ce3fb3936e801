"""The Python client, against a service that answers what is written down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import scripted
from harness import free_port
from scripted import HANG_UP, JOB, Answer, Scripted, document, page, problem, see_other

from quws.client import Client, InvalidUrl, JobFailed, NotUnderstood, Refused, Unreachable
from quws.domain.job import ErrorType
from quws.domain.outcome_texts import memory_json as shots_json
from quws.domain.outcome_texts import outcomes_json
from quws.domain.outcomes import CircuitOutcome, JobOutcomes, UnreadableOutcomes
from quws.domain.phases import Phase

BELL = "OPENQASM 2.0;"


@pytest.fixture
def service() -> Iterator[Scripted]:
    yield from scripted.scripted()


@pytest.fixture
def client(service: Scripted) -> Iterator[Client]:
    with Client(service.url, pauses=(0, 0)) as client:
        yield client


# -- what is sent --------------------------------------------------------------------


def test_a_timeslot_begins_at_an_instant_or_at_what_is_written(
    service: Scripted, client: Client
) -> None:
    slot = {
        "id": "s",
        "target": "chip",
        "owner": "anna",
        "mine": True,
        "start": "2026-11-28T12:00:00.000Z",
        "end": "2026-11-28T12:15:00.000Z",
        "url": f"{service.url}/targets/chip/timeslots/s",
    }
    for start in (datetime(2026, 11, 28, 12, tzinfo=UTC), "2026-11-28T12:00"):
        service.will(document(slot))
        assert client.book("chip", start, 15).start == datetime(2026, 11, 28, 12, tzinfo=UTC)
    begins = [asked.form["START"] for asked in service.asked]
    assert begins == [["2026-11-28T12:00:00.000Z"], ["2026-11-28T12:00"]]
    with pytest.raises(ValueError, match="mode must be dedicated or batch, not 'x'"):
        client.session(mode="x")


def test_a_job_is_made_and_started(service: Scripted, client: Client) -> None:
    service.will(see_other(f"{service.url}/jobs/{JOB}"))
    job = client.submit(BELL, BELL, shots=7, seed=0, target="star", TAG=["a", "b"])
    assert (job.id, job.url) == (JOB, f"{service.url}/jobs/{JOB}")
    assert repr(job) == f"Job('{service.url}/jobs/{JOB}')"
    (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/jobs")
    assert asked.form == {
        "CIRCUIT": [BELL, BELL],
        "SHOTS": ["7"],
        "SEED": ["0"],
        "TARGET": ["star"],
        "TAG": ["a", "b"],
        "PHASE": ["RUN"],
    }
    assert asked.headers["accept"] == "application/json"
    assert "authorization" not in asked.headers


def test_a_job_may_wait_to_be_started(service: Scripted, client: Client) -> None:
    service.will(see_other(f"/jobs/{JOB}"), see_other(f"/jobs/{JOB}"))
    job = client.submit(BELL, run=False)
    job.run()
    made, started = service.asked
    assert "PHASE" not in made.form
    assert (started.method, started.path) == ("POST", f"/jobs/{JOB}/phase")
    assert started.form == {"PHASE": ["RUN"]}


def test_who_asks_is_said(service: Scripted) -> None:
    service.will(document("QUEUED"), document("QUEUED"))
    with Client(service.url, token="secret") as client:
        assert client.job(JOB).phase() is Phase.QUEUED
    with Client(service.url, auth=("ann", "pw")) as client:
        client.job(JOB).phase()
    bearer, basic = (item.headers["authorization"] for item in service.asked)
    assert (bearer, basic) == ("Bearer secret", "Basic YW5uOnB3")


def test_a_service_below_a_path_is_asked_there(service: Scripted) -> None:
    service.will(see_other(f"{service.url}/quws/jobs/{JOB}"), document("PENDING"))
    with Client(f"{service.url}/quws/") as client:
        client.submit(BELL).phase()
    assert [item.path for item in service.asked] == ["/quws/jobs", f"/quws/jobs/{JOB}/phase"]


def test_what_stands_in_a_path_is_quoted(service: Scripted, client: Client) -> None:
    service.will(document({}), document("PENDING"))
    client.target("a/b")
    client.job("../x").phase()
    assert [item.path for item in service.asked] == ["/targets/a%2Fb", "/jobs/..%2Fx/phase"]


# -- a connection that breaks ----------------------------------------------------------


def test_what_is_only_read_is_asked_for_again(service: Scripted, client: Client) -> None:
    service.will(HANG_UP, HANG_UP, document("QUEUED"))
    assert client.job(JOB).phase() is Phase.QUEUED
    assert len(service.asked) == 3


def test_a_job_is_made_once_however_often_its_request_is_sent(
    service: Scripted, client: Client
) -> None:
    service.will(HANG_UP, see_other(f"/jobs/{JOB}"), see_other(f"/jobs/{JOB}"))
    client.submit(BELL)
    client.submit(BELL)
    first, again, other = (item.headers["idempotency-key"] for item in service.asked)
    assert first == again != other


def test_one_may_name_the_key(service: Scripted, client: Client) -> None:
    service.will(see_other(f"/jobs/{JOB}"), document([]))
    client.submit(BELL, key="mine")
    assert service.asked[0].headers["idempotency-key"] == "mine"
    assert client.find("mine") is None
    assert service.asked[1].query == {"IDEMPOTENCY-KEY": ["mine"]}


def test_what_changes_something_is_not_sent_twice(service: Scripted, client: Client) -> None:
    job = client.job(JOB)
    for change in (job.run, job.abort, job.delete):
        service.asked.clear()
        service.will(HANG_UP)
        with pytest.raises(Unreachable):
            change()
        assert len(service.asked) == 1


def test_tries_come_to_an_end(service: Scripted, client: Client) -> None:
    service.will(HANG_UP, HANG_UP, HANG_UP)
    with pytest.raises(Unreachable, match=f"{service.url} cannot be reached"):
        client.job(JOB).phase()
    assert service.said_all


def test_nobody_listens() -> None:
    with Client(f"http://127.0.0.1:{free_port()}", pauses=(0,)) as client:
        with pytest.raises(Unreachable, match="cannot be reached"):
            client.submit(BELL)


@pytest.mark.parametrize(
    "url",
    ["quws.example.org", "127.0.0.1:8000", "ftp://host", "http://", "http://h:port", "http://[h"],
)
def test_an_address_that_is_none_is_said_at_once(url: str) -> None:
    with pytest.raises(InvalidUrl, match="begins with http:// or https://") as caught:
        Client(url)
    assert f"'{url}'" in str(caught.value)


@pytest.mark.parametrize("path", ["/jobs", "/jobs/", "/async", "/jobs?LAST=5#top", "/"])
def test_the_url_of_the_job_list_means_the_service(path: str) -> None:
    for below in ("", "/quws"):
        with Client(f"http://127.0.0.1:8000{below}{path}") as client:
            assert client.url == f"http://127.0.0.1:8000{below}"
    with Client("http://127.0.0.1:8000/myjobs") as client:
        assert client.url == "http://127.0.0.1:8000/myjobs"


# -- refusals and strange answers ------------------------------------------------------


def test_a_refusal_has_its_sentence_and_its_code(service: Scripted, client: Client) -> None:
    service.will(problem(403, "invalid_payload", "CIRCUIT: no such gate"))
    with pytest.raises(Refused, match="CIRCUIT: no such gate") as caught:
        client.submit(BELL)
    refused = caught.value
    assert str(refused) == refused.sentence == "CIRCUIT: no such gate"
    assert (refused.status, refused.code, refused.transient) == (403, "invalid_payload", False)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_some_refusals_pass(status: int, service: Scripted, client: Client) -> None:
    service.will(problem(status, "busy", "later"))
    with pytest.raises(Refused) as caught:
        client.submit(BELL)
    assert caught.value.transient


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413])
def test_others_stay(status: int, service: Scripted, client: Client) -> None:
    service.will(page(status))
    with pytest.raises(Refused, match=f"{status} <html>Bad day") as caught:
        client.submit(BELL)
    assert not caught.value.transient
    assert caught.value.code is None


@pytest.mark.parametrize(
    "answer",
    [page(200), Answer(status=204), see_other("/login"), document([1]), Answer(b"{")],
    ids=["page", "empty", "redirect", "another shape", "broken"],
)
def test_what_is_no_job_is_not_taken_for_one(
    answer: Answer, service: Scripted, client: Client
) -> None:
    service.will(answer)
    with pytest.raises(NotUnderstood, match="is not understood"):
        client.job(JOB).read()


def test_a_page_is_no_job_that_was_made(service: Scripted, client: Client) -> None:
    service.will(page(200))
    with pytest.raises(NotUnderstood):
        client.submit(BELL)


# -- a job -----------------------------------------------------------------------------


def test_waiting_ends_when_the_job_is_done(service: Scripted, client: Client) -> None:
    phases = (Phase.QUEUED, Phase.EXECUTING, Phase.COMPLETED)
    service.will(*map(scripted.job, phases))
    job = client.job(JOB)
    assert job.wait() is job
    asked = {"WAIT": ["30"], "OUTCOMES": ["true"]}
    assert [item.query for item in service.asked] == [asked] * 3


def test_waiting_ends_in_time(service: Scripted, client: Client) -> None:
    service.will(*[scripted.job(Phase.EXECUTING)] * 2)
    with pytest.raises(TimeoutError, match="is EXECUTING after 0 seconds"):
        client.job(JOB).wait(0)
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    ("phase", "more", "said"),
    [
        (
            Phase.ERROR,
            {
                "errors": [
                    {
                        "type": ErrorType.FATAL,
                        "code": "invalid_payload",
                        "message": "no such gate",
                        "detail": None,
                    }
                ]
            },
            "is ERROR: no such gate",
        ),
        (Phase.ABORTED, {"status": "by an operator"}, "is ABORTED: by an operator"),
        (Phase.HELD, {}, "is HELD: no reason given"),
    ],
)
def test_a_job_that_will_not_complete_is_not_waited_for(
    phase: Phase, more: dict[str, object], said: str, service: Scripted, client: Client
) -> None:
    service.will(scripted.job(phase, **more))
    with pytest.raises(JobFailed, match=said):
        client.job(JOB).wait()


OUTCOMES = JobOutcomes(
    JOB,
    "star",
    3,
    [
        CircuitOutcome({"0": 3}, ["0"] * 3),
        CircuitOutcome({"1": 2, "0": 1}, ["1", "0", "1"], index=1),
    ],
)


def written(pieces: Iterator[str]) -> Answer:
    return Answer("".join(pieces).encode())


def result(name: str) -> dict[str, object]:
    return {"id": name, "url": "http://x", "size": 1, "mime_type": "application/json"}


def test_counts_are_those_of_the_circuit(service: Scripted, client: Client) -> None:
    service.will(written(outcomes_json(OUTCOMES)))
    assert client.job(JOB).counts(1) == {"1": 2, "0": 1}
    assert service.asked[0].path == f"/jobs/{JOB}/results/counts"


def test_outcomes_have_the_bits_of_each_shot_where_they_are(
    service: Scripted, client: Client
) -> None:
    results = [result("result"), result("counts"), result("memory")]
    service.will(
        scripted.job(Phase.COMPLETED, results=results),
        written(outcomes_json(OUTCOMES)),
        written(shots_json(OUTCOMES)),
        scripted.job(Phase.COMPLETED, results=results[:2]),
        written(outcomes_json(OUTCOMES)),
    )
    assert client.job(JOB).outcomes() == OUTCOMES
    assert [item.memory for item in client.job(JOB).outcomes().circuits] == [None, None]
    assert service.said_all


def test_what_came_with_the_end_is_not_fetched(service: Scripted, client: Client) -> None:
    outcomes = json.loads("".join(outcomes_json(OUTCOMES)))
    results = [result("result"), result("counts")]
    done = scripted.job(Phase.COMPLETED, results=results, outcomes=outcomes)
    service.will(done, written(outcomes_json(OUTCOMES)), done, page(404))
    job = client.job(JOB).wait()
    assert [item.counts for item in job.outcomes().circuits] == [{"0": 3}, {"1": 2, "0": 1}]
    assert len(service.asked) == 1
    # Once: it is not kept for ever.
    assert job.counts(1) == {"1": 2, "0": 1}
    assert len(service.asked) == 2
    # A job has no values because it was waited for.
    with pytest.raises(Refused):
        client.job(JOB).wait().expectations()


@pytest.mark.parametrize(
    ("more", "outcomes"),
    [({}, None), ({}, {"version": 99, "circuits": []}), ({"memory"}, {"version": 1})],
)
def test_what_has_not_all_come_is_fetched(
    more: set[str], outcomes: Any, service: Scripted, client: Client
) -> None:
    results = [result(name) for name in ("result", "counts", *more)]
    service.will(
        scripted.job(Phase.COMPLETED, results=results, outcomes=outcomes),
        written(outcomes_json(OUTCOMES)),
        *[written(shots_json(OUTCOMES))] * len(more),
    )
    assert len(client.job(JOB).wait().outcomes().circuits) == 2
    assert service.said_all


def test_outcomes_of_a_newer_service_are_not_guessed_at(service: Scripted, client: Client) -> None:
    service.will(Answer(json.dumps({"version": 99, "circuits": []}).encode()))
    with pytest.raises(UnreadableOutcomes, match="have format 99"):
        client.job(JOB).counts()


def test_a_result_is_given_as_it_is(service: Scripted, client: Client) -> None:
    service.will(Answer(b"\x00\xff", mime_type="application/x-votable+xml"))
    assert client.job(JOB).result() == b"\x00\xff"
    assert service.asked[0].path == f"/jobs/{JOB}/results/result"
