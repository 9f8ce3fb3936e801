"""UWS 1.1: waiting for a change of phase (W1 to W13)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
from circuits import BELL2
from harness import Service, until
from integration.uws_helpers import (
    AT_ONCE,
    PHASES,
    RARE,
    archived,
    busy,
    held,
    job_in,
    phase_of,
    removed,
    suspended,
    timed,
)
from schemas import validate
from uws import create, text, wait

WAITS = 10
"""Seconds of a wait that should not take as long."""


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(48) as pool:
        yield pool


@pytest.fixture(scope="session")
def endless(service: Service) -> Iterator[dict[str, Future[tuple[httpx.Response, float]]]]:
    """Waits without an end, which go on while other tests run."""
    with service.client() as http, ThreadPoolExecutor() as pool:
        job = create(http)
        try:
            yield {
                seconds: pool.submit(timed, http.get, job, params={"WAIT": seconds})
                for seconds in ("-1", "100000")
            }
        finally:
            http.delete(job)


def blocks(waiting: Future[httpx.Response], seconds: float = 0.3) -> bool:
    """Whether a request is still not answered after a while, in which others are."""
    try:
        waiting.result(seconds)
    except TimeoutError:
        return True
    return False


def answered_phase(answer: httpx.Response) -> str | None:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].split(";")[0] in ("application/xml", "text/xml")
    return text(validate(answer.content), "phase")


@pytest.mark.first
def test_W5_waits_without_an_end_begin(
    endless: dict[str, Future[tuple[httpx.Response, float]]],
) -> None:
    assert not any(waiting.done() for waiting in endless.values())


@pytest.mark.parametrize(
    "child",
    ["phase", "results", "parameters", "executionduration", "destruction", "quote", "owner"],
)
def test_W1_no_child_of_a_job_waits(http: httpx.Client, child: str) -> None:
    answer, seconds = timed(http.get, f"{create(http)}/{child}", params={"WAIT": WAITS})
    assert answer.status_code == 200
    assert seconds < AT_ONCE


def test_W1_the_list_does_not_wait(http: httpx.Client) -> None:
    create(http)
    for query in ({"WAIT": WAITS}, {"WAIT": WAITS, "PHASE": "PENDING"}):
        answer, seconds = timed(http.get, "/jobs", params=query)
        assert answer.status_code == 200
        assert seconds < AT_ONCE


@pytest.mark.parametrize("query", ["WAIT=30", "WAIT=-1", "WAIT=30&PHASE=PENDING", "wait=30"])
@pytest.mark.parametrize("action", ["RUN", "ABORT"])
def test_W2_a_change_from_elsewhere_ends_the_wait(
    http: httpx.Client, threads: ThreadPoolExecutor, query: str, action: str
) -> None:
    job = create(http)
    waiting = threads.submit(http.get, f"{job}?{query}")
    assert blocks(waiting)
    assert http.post(f"{job}/phase", data={"PHASE": action}).status_code == 303
    answer = waiting.result(AT_ONCE)
    expected = ("ABORTED",) if action == "ABORT" else ("QUEUED", "EXECUTING", "COMPLETED")
    assert answered_phase(answer) in expected


def test_W2_changes_by_the_worker_end_the_wait(
    http: httpx.Client, threads: ThreadPoolExecutor
) -> None:
    with busy(http):
        job = create(http, PHASE="RUN")
        waiting = threads.submit(http.get, f"{job}?WAIT=30&PHASE=QUEUED")
        assert blocks(waiting)
    assert answered_phase(waiting.result(5)) in ("EXECUTING", "COMPLETED")
    assert wait(http, job) == "COMPLETED"


def test_W2_the_end_of_a_run_ends_the_wait(http: httpx.Client, threads: ThreadPoolExecutor) -> None:
    with job_in(http, "EXECUTING") as job:
        waiting = threads.submit(http.get, f"{job}?WAIT=-1&PHASE=EXECUTING")
        assert blocks(waiting)
        http.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "1"})
        assert answered_phase(waiting.result(10)) == "ABORTED"


@pytest.mark.parametrize("phase", ["PENDING", "QUEUED", "EXECUTING"])
def test_W3_active_phases_block(
    http: httpx.Client, threads: ThreadPoolExecutor, phase: str
) -> None:
    with job_in(http, phase) as job:
        queries = ("WAIT=1", f"WAIT=1&PHASE={phase}")
        waiting = [threads.submit(timed, http.get, f"{job}?{query}") for query in queries]
        for item in waiting:
            answer, seconds = item.result(30)
            assert answered_phase(answer) == phase
            assert seconds >= 1


@pytest.mark.parametrize("phase", ["COMPLETED", "ERROR", "ABORTED"])
def test_W3_finished_jobs_do_not_block(http: httpx.Client, phase: str) -> None:
    with job_in(http, phase) as job:
        for query in (f"WAIT={WAITS}", "WAIT=-1", f"WAIT=-1&PHASE={phase}"):
            answer, seconds = timed(http.get, f"{job}?{query}")
            assert answered_phase(answer) == phase
            assert seconds < AT_ONCE


@pytest.mark.parametrize("phase", RARE)
def test_W3_rare_phases_do_not_block(strict_form: Service, phase: str) -> None:
    with strict_form.client() as http:
        makers = {
            "HELD": lambda: held(http),
            "SUSPENDED": lambda: suspended(strict_form, http),
            "ARCHIVED": lambda: archived(http),
        }
        with makers[phase]() as made:
            job = made if isinstance(made, str) else made[0]
            for query in (f"WAIT={WAITS}", "WAIT=-1", f"WAIT=-1&PHASE={phase}"):
                answer, seconds = timed(http.get, f"{job}?{query}")
                assert answered_phase(answer) == phase
                assert seconds < AT_ONCE


def test_W4_a_wait_takes_as_long_as_asked_for(
    http: httpx.Client, threads: ThreadPoolExecutor
) -> None:
    waiting = {
        seconds: threads.submit(timed, http.get, create(http), params={"WAIT": seconds})
        for seconds in (1, 2, 3)
    }
    for seconds, item in waiting.items():
        answer, took = item.result(30)
        assert answered_phase(answer) == "PENDING"
        assert seconds <= took < seconds + 2


@pytest.mark.parametrize("phase", PHASES)
def test_W6_another_phase_than_the_present_one_does_not_block(
    http: httpx.Client, phase: str
) -> None:
    job = create(http)
    seconds = 1 if phase == "PENDING" else WAITS
    answer, took = timed(http.get, job, params={"WAIT": seconds, "PHASE": phase})
    assert answered_phase(answer) == "PENDING"
    assert (took >= 1) if phase == "PENDING" else (took < AT_ONCE)


@pytest.mark.parametrize("phase", ["PENDING", "QUEUED", "EXECUTING"])
def test_W6_a_phase_that_has_passed_does_not_block(http: httpx.Client, phase: str) -> None:
    with job_in(http, "COMPLETED") as job:
        answer, took = timed(http.get, job, params={"WAIT": WAITS, "PHASE": phase})
        assert answered_phase(answer) == "COMPLETED"
        assert took < AT_ONCE


@pytest.mark.parametrize("query", ["WAIT=0", "WAIT=0&PHASE=PENDING"])
def test_W7_a_wait_of_zero_does_not_block(http: httpx.Client, query: str) -> None:
    answer, seconds = timed(http.get, f"{create(http)}?{query}")
    assert answered_phase(answer) == "PENDING"
    assert seconds < AT_ONCE


@pytest.mark.parametrize("value", ["abc", "1.5", "", "-2", "1e3", "0x10", " ", "10s"])
def test_W8_a_wait_must_be_a_whole_number(http: httpx.Client, value: str) -> None:
    for job in (create(http), f"{create(http)}/"):
        answer = http.get(job, params={"WAIT": value})
        assert answer.status_code == 400
        assert "WAIT" in answer.text


def test_W8_a_phase_that_does_not_exist_is_refused(http: httpx.Client) -> None:
    assert http.get(create(http), params={"WAIT": WAITS, "PHASE": "DONE"}).status_code == 400


def test_W9_the_answer_is_the_document_of_its_moment(
    http: httpx.Client, threads: ThreadPoolExecutor
) -> None:
    job = create(http, RUNID="one")
    waiting = threads.submit(http.get, f"{job}?WAIT=30")
    assert blocks(waiting)
    http.post(job, data={"RUNID": "two", "EXECUTIONDURATION": "45"})
    http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    answer = waiting.result(AT_ONCE)
    assert answered_phase(answer) == "ABORTED"
    assert text(validate(answer.content), "runId") == "two"
    assert text(validate(answer.content), "executionDuration") == "45"
    assert answer.content == http.get(job).content


def test_W9_the_answer_at_the_end_of_the_time_is_of_its_moment(
    http: httpx.Client, threads: ThreadPoolExecutor
) -> None:
    job = create(http, RUNID="one")
    waiting = threads.submit(http.get, f"{job}?WAIT=2")
    assert blocks(waiting, 0.5)
    http.post(job, data={"RUNID": "two"})
    answer = waiting.result(5)
    assert answered_phase(answer) == "PENDING"
    assert text(validate(answer.content), "runId") == "two"


def test_W10_waiters_do_not_starve_others(
    service: Service, http: httpx.Client, threads: ThreadPoolExecutor
) -> None:
    limits = httpx.Limits(max_connections=60)
    with service.client(limits=limits) as many:
        job = create(http)
        waiting = [threads.submit(many.get, f"{job}?WAIT=-1") for _ in range(40)]
        assert blocks(waiting[-1])
        answer, seconds = timed(http.get, "/jobs")
        assert answer.status_code == 200
        assert seconds < AT_ONCE
        assert wait(http, create(http, PHASE="RUN"), seconds=20) == "COMPLETED"
        assert not any(item.done() for item in waiting)
        http.post(f"{job}/phase", data={"PHASE": "ABORT"})
        for item in waiting:
            assert answered_phase(item.result(5)) == "ABORTED"


@pytest.mark.parametrize("phase", ["PENDING", "EXECUTING"])
def test_W11_a_deletion_ends_the_wait(
    http: httpx.Client, threads: ThreadPoolExecutor, phase: str
) -> None:
    with job_in(http, phase) as job:
        waiting = threads.submit(http.get, f"{job}?WAIT=30")
        assert blocks(waiting, 0.5)
        http.delete(job)
        assert waiting.result(AT_ONCE).status_code == 404


def test_W12_no_change_is_missed(
    service: Service, http: httpx.Client, threads: ThreadPoolExecutor
) -> None:
    with service.client() as other:
        for race in range(12):
            job = create(http, BELL2, SHOTS=1)
            started = time.monotonic()
            calls = {
                "wait": (other.get, f"{job}?WAIT=30&PHASE=PENDING", {}),
                "run": (http.post, f"{job}/phase", {"data": {"PHASE": "RUN"}}),
            }
            futures = {}
            for name in sorted(calls, reverse=bool(race % 2)):
                call, url, options = calls[name]
                futures[name] = threads.submit(call, url, **options)
                # So that the two meet at another point each time.
                until(lambda at=started + race // 2 * 0.002: time.monotonic() > at)  # type: ignore[misc]
            assert futures["run"].result(10).status_code == 303
            assert answered_phase(futures["wait"].result(10)) != "PENDING"
            assert time.monotonic() - started < 5
            assert wait(http, job) == "COMPLETED"


@pytest.mark.parametrize("phase", ["PENDING", "EXECUTING", "COMPLETED", "NONSENSE", ""])
def test_W13_a_phase_without_a_wait_has_no_effect(http: httpx.Client, phase: str) -> None:
    job = create(http)
    answer, seconds = timed(http.get, job, params={"PHASE": phase})
    assert answer.content == http.get(job).content
    assert answered_phase(answer) == "PENDING"
    assert seconds < AT_ONCE


def test_W10_a_waiter_that_goes_away_leaves_the_service_as_it_was(http: httpx.Client) -> None:
    job = create(http)
    with removed(http, job):
        for _ in range(5):
            with pytest.raises(httpx.ReadTimeout):
                http.get(f"{job}?WAIT=30", timeout=0.2)
        assert phase_of(http, job) == "PENDING"


@pytest.mark.last
@pytest.mark.parametrize("seconds", ["-1", "100000"])
def test_W5_K10_any_wait_is_answered_before_proxies_give_up(
    endless: dict[str, Future[tuple[httpx.Response, float]]], seconds: str
) -> None:
    answer, took = endless[seconds].result(60)
    assert answered_phase(answer) == "PENDING"
    assert 15 <= took < 60
