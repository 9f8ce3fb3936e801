"""UWS 1.1: execution duration, destruction, quote and times (E, D, Q, T)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any

import httpx
import pytest
from circuits import slow
from harness import Service, until
from integration.uws_helpers import (
    AT_ONCE,
    CHILDREN,
    COMMON,
    FINISHED,
    INSTANT,
    Said,
    busy,
    held,
    id_of,
    instant,
    is_nil,
    job_in,
    parameters,
    parse,
    phase_of,
    removed,
    results,
    text_in,
    timed,
)
from uws import HREF, create, document, job_json, listed, text, wait

LARGEST = 2**31 - 1


def duration(http: httpx.Client, job: str) -> str:
    """The execution duration, which document and child must agree on."""
    printed = http.get(f"{job}/executionduration").text
    assert text(document(http, job), "executionDuration") == printed
    return printed


def destruction(http: httpx.Client, job: str) -> datetime:
    """The destruction time, which document and child must agree on."""
    printed = http.get(f"{job}/destruction").text
    assert text(document(http, job), "destruction") == printed
    return parse(printed)


# -- execution duration ---------------------------------------------------------------


@pytest.mark.parametrize("phase", COMMON)
def test_E1_the_execution_duration_is_always_there(said_in: dict[str, Said], phase: str) -> None:
    printed = text_in(said_in[phase], "executionDuration")
    assert printed.isdigit()
    assert 0 <= int(printed) <= LARGEST
    assert not is_nil(said_in[phase].root(), "executionDuration")


def test_E1_the_service_sets_the_first_execution_duration(http: httpx.Client) -> None:
    assert duration(http, create(http)) == "600"


@pytest.mark.parametrize("seconds", ["45", "1", "86400"])
def test_E2_the_execution_duration_can_be_set(http: httpx.Client, seconds: str) -> None:
    job = create(http)
    answer = http.post(f"{job}/executionduration", data={"EXECUTIONDURATION": seconds})
    assert (answer.status_code, answer.headers["Location"]) == (303, job)
    assert duration(http, job) == seconds


def test_E3_a_duration_beyond_a_day_is_cut_to_it(http: httpx.Client) -> None:
    job = create(http)
    answer = http.post(f"{job}/executionduration", data={"EXECUTIONDURATION": str(LARGEST)})
    assert (answer.status_code, answer.headers["Location"]) == (303, job)
    assert duration(http, job) == "86400"


def test_E3_a_duration_beyond_the_limit_is_cut_to_it(strict: httpx.Client) -> None:
    job = create(strict, EXECUTIONDURATION=5000)
    assert duration(strict, job) == "1000"
    strict.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "45"})
    assert duration(strict, job) == "45"
    answer = strict.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "1001"})
    assert (answer.status_code, answer.headers["Location"]) == (303, job)
    assert duration(strict, job) == "1000"


def test_E3_a_finished_job_refuses_another_duration(http: httpx.Client) -> None:
    with job_in(http, "COMPLETED") as job:
        before = duration(http, job)
        answer = http.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "45"})
        assert answer.status_code == 403
        assert duration(http, job) == before


def test_E4_zero_is_the_longest_that_is_allowed(http: httpx.Client) -> None:
    job = create(http, EXECUTIONDURATION=1)
    assert http.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "0"}).status_code == 303
    assert duration(http, job) == "86400"
    http.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert wait(http, job) == "COMPLETED"


def test_E4_zero_is_the_limit_where_there_is_one(strict: httpx.Client) -> None:
    job = create(strict)
    assert (
        strict.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "0"}).status_code == 303
    )
    assert duration(strict, job) == "1000"


def test_E5_an_overrun_aborts_and_keeps_the_results_so_far(http: httpx.Client) -> None:
    job = create(http, [slow(2, 1), slow(24, 200)], SHOTS=5, EXECUTIONDURATION=3, PHASE="RUN")
    with removed(http, job):
        assert wait(http, job) == "ABORTED"
        root = document(http, job)
        ran = parse(text(root, "endTime")) - parse(text(root, "startTime"))
        assert timedelta(seconds=3) <= ran < timedelta(seconds=8)
        assert root.find("{*}errorSummary") is None
        kept = results(http, job)
        assert len(kept) == 1
        assert http.get(kept[0].get(HREF) or "").status_code == 200


def test_E5_time_in_the_queue_does_not_count(http: httpx.Client) -> None:
    with busy(http):
        job = create(http, EXECUTIONDURATION=3, PHASE="RUN")
        for _ in range(4):
            assert text(document(http, f"{job}?WAIT=1"), "phase") == "QUEUED"
    assert wait(http, job) == "COMPLETED"


@pytest.mark.parametrize("value", ["abc", "-5", "1.5", "", " ", "1e3", "0x10", "45s", "inf"])
def test_E6_a_malformed_duration_is_refused(http: httpx.Client, value: str) -> None:
    job = create(http)
    for url in (f"{job}/executionduration", job):
        answer = http.post(url, data={"EXECUTIONDURATION": value})
        assert answer.status_code == 403
        assert "EXECUTIONDURATION" in answer.text
    assert duration(http, job) == "600"


@pytest.mark.parametrize("value", [2**31, 2**32, 2**63, 2**64, 10**30])
def test_E7_a_duration_fits_32_bits(http: httpx.Client, value: int) -> None:
    job = create(http)
    answer = http.post(f"{job}/executionduration", data={"EXECUTIONDURATION": str(value)})
    assert answer.status_code in (303, 403)
    assert int(duration(http, job)) <= LARGEST
    answer = http.post("/jobs", data={"CIRCUIT": slow(2, 1), "EXECUTIONDURATION": str(value)})
    assert answer.status_code in (303, 403)


# -- destruction ------------------------------------------------------------------------


def test_D1_the_service_sets_the_first_destruction_time(http: httpx.Client) -> None:
    job = create(http)
    life = destruction(http, job) - parse(text(document(http, job), "creationTime"))
    assert life == timedelta(days=7)


@pytest.mark.parametrize("phase", COMMON)
def test_D2_the_destruction_time_can_be_set(http: httpx.Client, phase: str) -> None:
    with job_in(http, phase) as job:
        when = instant(3600)
        answer = http.post(f"{job}/destruction", data={"DESTRUCTION": when})
        assert (answer.status_code, answer.headers["Location"]) == (303, job)
        assert destruction(http, job) == parse(when)
        assert phase_of(http, job) == phase


def test_D3_a_far_destruction_time_is_cut_to_the_limit(http: httpx.Client) -> None:
    job = create(http)
    for far in ("2999-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"):
        answer = http.post(f"{job}/destruction", data={"DESTRUCTION": far})
        assert (answer.status_code, answer.headers["Location"]) == (303, job)
        life = destruction(http, job) - datetime.now(UTC)
        assert timedelta(days=29) < life <= timedelta(days=30)


@pytest.mark.parametrize("past", ["2001-01-01T00:00:00Z", "1970-01-01", "0001-01-01T00:00:00Z"])
def test_D3_a_destruction_time_that_has_passed_is_refused(http: httpx.Client, past: str) -> None:
    job = create(http)
    before = destruction(http, job)
    assert http.post(f"{job}/destruction", data={"DESTRUCTION": past}).status_code == 403
    assert destruction(http, job) == before


@pytest.mark.parametrize("phase", COMMON)
def test_D5_every_job_has_a_destruction_time(said_in: dict[str, Said], phase: str) -> None:
    # A job without one would be nil in the document; quws always sets one.
    assert INSTANT.fullmatch(text_in(said_in[phase], "destruction"))
    assert INSTANT.fullmatch(said_in[phase].answers["destruction"].text)


@pytest.mark.parametrize(
    "value",
    [
        "soon",
        "",
        " ",
        "2031-26-10",
        "2031-10-26T25:00:00Z",
        "+45",
        "1e9",
        "2031-10-26T09:00:00 02:00",
    ],
)
def test_D6_a_malformed_destruction_time_is_refused(http: httpx.Client, value: str) -> None:
    job = create(http)
    before = destruction(http, job)
    for url in (f"{job}/destruction", job):
        answer = http.post(url, data={"DESTRUCTION": value})
        assert answer.status_code == 403
        assert "DESTRUCTION" in answer.text
    assert destruction(http, job) == before


@pytest.mark.parametrize("hours", [2, -8, 5.5])
def test_D6_another_zone_is_converted(http: httpx.Client, hours: float) -> None:
    when = parse(instant(86_400))
    zone = timezone(timedelta(hours=hours))
    job = create(http)
    answer = http.post(
        f"{job}/destruction", data={"DESTRUCTION": when.astimezone(zone).isoformat()}
    )
    assert answer.status_code == 303
    assert destruction(http, job) == when


@pytest.mark.parametrize("phase", ["PENDING", "QUEUED", "EXECUTING", "COMPLETED", "ERROR"])
def test_D7_the_job_is_forgotten_at_its_destruction_time(
    http: httpx.Client, service: Service, phase: str
) -> None:
    with job_in(http, phase) as job:
        parts = [job, f"{job}/phase", f"{job}/results", f"{job}/parameters/CIRCUIT"]
        parts += [item.get(HREF) or "" for item in results(http, job)]
        when = instant(1)
        http.post(f"{job}/destruction", data={"DESTRUCTION": when})
        until(lambda: http.get(job).status_code == 404, 20, "the end of the job")
        assert datetime.now(UTC) >= parse(when)
        assert {http.get(part).status_code for part in parts} == {404}
        assert id_of(job) not in listed(http)
        files = service.artifacts / id_of(job)
        until(lambda: not files.exists(), 5, "the end of the files")
    assert wait(http, create(http, PHASE="RUN"), seconds=15) == "COMPLETED"


def test_D7_or_the_job_is_archived_where_history_is_kept(strict: httpx.Client) -> None:
    with job_in(strict, "COMPLETED", SHOTS=10) as job:
        assert len(results(strict, job)) == 2
        strict.post(f"{job}/destruction", data={"DESTRUCTION": instant(0.5)})
        until(lambda: phase_of(strict, job) == "ARCHIVED", 20, "ARCHIVED")
        assert results(strict, job) == []
        assert strict.get(f"{job}/results/result").status_code == 404


@pytest.mark.parametrize("phase", COMMON)
def test_D8_delete_destroys_a_job_in_any_phase(
    http: httpx.Client, service: Service, phase: str
) -> None:
    with job_in(http, phase) as job:
        parts = [job, f"{job}/phase", *[item.get(HREF) or "" for item in results(http, job)]]
        answer = http.delete(job)
        assert answer.status_code == 303
        assert answer.headers["Location"].split("?")[0] == service.jobs
        assert {http.get(part).status_code for part in parts} == {404}
        assert id_of(job) not in listed(http)
        files = service.artifacts / id_of(job)
        until(lambda: not files.exists(), 5, "the end of the files")
    assert wait(http, create(http, PHASE="RUN"), seconds=15) == "COMPLETED"


@pytest.mark.parametrize("phase", ["PENDING", "EXECUTING", "COMPLETED"])
@pytest.mark.parametrize("place", ["body", "query"])
def test_D9_the_action_delete_destroys_a_job(
    http: httpx.Client, service: Service, phase: str, place: str
) -> None:
    with job_in(http, phase) as job:
        sent = {"data" if place == "body" else "params": {"ACTION": "DELETE"}}
        answer = http.post(job, **sent)
        assert answer.status_code == 303
        assert answer.headers["Location"].split("?")[0] == service.jobs
        assert http.get(job).status_code == 404
        assert id_of(job) not in listed(http)


@pytest.mark.parametrize(
    "form",
    [
        {"ACTION": "NONSENSE"},
        {"ACTION": ""},
        {"ACTION": ["NONSENSE", "DELETE"]},
        {"NONSENSE": "DELETE"},
        {"DELETE": ""},
        {},
    ],
)
def test_D9_nothing_else_deletes(http: httpx.Client, form: dict[str, str]) -> None:
    job = create(http)
    before = http.get(job).content
    assert 400 <= http.post(job, data=form).status_code < 500
    assert http.get(job).content == before


def test_D9_no_other_post_to_the_job_deletes(http: httpx.Client) -> None:
    job = create(http, SHOTS=10)
    for form in ({"SHOTS": "5"}, {"RUNID": "x"}, {"EXECUTIONDURATION": "45"}, {"PHASE": "ABORT"}):
        answer = http.post(job, data=form)
        assert (answer.status_code, answer.headers["Location"]) == (303, job)
        assert http.get(job).status_code == 200


def test_D12_nothing_is_left_of_a_deleted_job(http: httpx.Client) -> None:
    with job_in(http, "COMPLETED", SHOTS=10) as job:
        assert http.delete(job).status_code == 303
        assert http.delete(job).status_code == 404
        assert http.post(job, data={"ACTION": "DELETE"}).status_code == 404
        for child in (*CHILDREN, "results/result", "results/counts", "parameters/CIRCUIT"):
            assert http.get(f"{job}/{child}").status_code == 404, child
        for child, name in (("phase", "PHASE"), ("executionduration", "EXECUTIONDURATION")):
            assert http.post(f"{job}/{child}", data={name: "1"}).status_code == 404, child
        answer, seconds = timed(http.get, f"{job}?WAIT=10")
        assert answer.status_code == 404
        assert seconds < AT_ONCE


def test_D12_of_two_deletions_at_once_one_finds_nothing(
    service: Service, http: httpx.Client
) -> None:
    with ThreadPoolExecutor(2) as threads, service.client() as other:
        for _ in range(5):
            job = create(http)
            sent = [threads.submit(client.delete, job) for client in (http, other)]
            assert sorted(item.result().status_code for item in sent) == [303, 404]


# -- quote --------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", COMMON)
def test_Q1_the_quote_is_an_instant_or_nothing(said_in: dict[str, Said], phase: str) -> None:
    job = said_in[phase]
    answer = job.answers["quote"]
    assert answer.status_code == 200
    if answer.text:
        assert INSTANT.fullmatch(answer.text)
        assert text_in(job, "quote") == answer.text
    else:
        assert is_nil(job.root(), "quote")


def test_Q1_a_queued_job_is_quoted_after_the_present(http: httpx.Client) -> None:
    # From a job of some size it learns how long those may take that keep it busy.
    assert wait(http, create(http, slow(14, 20), SHOTS=1, PHASE="RUN")) == "COMPLETED"
    with busy(http):
        job = create(http, PHASE="RUN")
        quote = parse(until(lambda: http.get(f"{job}/quote").text, 10, "a quote"))
        assert quote > parse(text(document(http, job), "creationTime"))


# -- times --------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", COMMON)
def test_T1_every_instant_is_written_in_utc(said_in: dict[str, Said], phase: str) -> None:
    job = said_in[phase]
    found = [text_in(job, name) for name in ("creationTime", "destruction")]
    for name in ("startTime", "endTime", "quote"):
        if not is_nil(job.root(), name):
            found.append(text_in(job, name))
    found += [text(ref, "creationTime") or "" for ref in job.root("list")]
    found += [job.answers[name].text for name in ("destruction", "quote") if job.answers[name].text]
    found += [str(item) for item in job.root().xpath(".//@*[local-name() = 'time']")]
    assert len(found) >= 5
    for printed in found:
        assert INSTANT.fullmatch(printed), printed


def test_T1_instants_in_json_are_written_alike(http: httpx.Client) -> None:
    with job_in(http, "COMPLETED") as job:
        told = job_json(http, job)
        for name in ("creation", "queued", "start", "end", "destruction"):
            assert INSTANT.fullmatch(told[f"{name}_time"])


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M"])
def test_T3_an_instant_without_a_zone_is_utc(http: httpx.Client, form: str) -> None:
    when = (datetime.now(UTC) + timedelta(days=1)).replace(second=0, microsecond=0)
    job = create(http)
    answer = http.post(f"{job}/destruction", data={"DESTRUCTION": when.strftime(form)})
    assert answer.status_code == 303
    assert destruction(http, job) == when


@pytest.mark.parametrize("name", ["creationTime", "startTime", "endTime", "jobId", "runId"])
def test_T4_times_and_ids_are_no_resources(http: httpx.Client, name: str) -> None:
    job = create(http)
    for child in (name, name.lower()):
        assert http.get(f"{job}/{child}").status_code == 404
        assert http.post(f"{job}/{child}", data={name: instant(0)}).status_code in (404, 405)


@pytest.mark.parametrize("child", ["quote", "owner", "error"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_T4_what_the_service_sets_cannot_be_changed(
    http: httpx.Client, child: str, method: str
) -> None:
    job = create(http)
    before = http.get(job).content
    answer = http.request(method, f"{job}/{child}", data={child.upper(): instant(60)})
    assert 400 <= answer.status_code < 500
    assert http.get(job).content == before


@pytest.mark.parametrize(
    "name", ["CREATIONTIME", "STARTTIME", "ENDTIME", "QUOTE", "OWNER", "OWNERID", "JOBID"]
)
def test_T4_a_client_cannot_set_what_the_service_sets(http: httpx.Client, name: str) -> None:
    job = create(http)
    before = http.get(job).content
    for url in (job, f"{job}/parameters"):
        assert http.post(url, data={name: "2020-01-01T00:00:00Z"}).status_code == 403
    assert http.get(job).content == before
    answer = http.post("/jobs", data={"CIRCUIT": slow(2, 1), name: "2020-01-01T00:00:00Z"})
    assert answer.status_code == 403


@pytest.mark.parametrize("phase", FINISHED)
def test_K18_a_deleted_job_is_gone_where_history_is_kept(strict: httpx.Client, phase: str) -> None:
    with job_in(strict, phase) as job:
        assert strict.delete(job).status_code == 303
        limit = time.monotonic() + 0.5
        while time.monotonic() < limit:
            assert strict.get(job).status_code == 404
        assert id_of(job) not in listed(strict, PHASE="ARCHIVED")


def test_K18_an_archived_job_can_be_deleted(strict: httpx.Client) -> None:
    with held(strict) as (job, _):
        strict.post(f"{job}/destruction", data={"DESTRUCTION": instant(0.3)})
        until(lambda: phase_of(strict, job) == "ARCHIVED", 10, "ARCHIVED")
        assert strict.delete(job).status_code == 303
        assert strict.get(job).status_code == 404
        assert listed(strict, PHASE="ARCHIVED") == []


# -- all or nothing ----------------------------------------------------------------


def all_of(http: httpx.Client, job: str) -> dict[str, Any]:
    """What is known of a job, its timeline too, save what changes by itself."""
    return {key: value for key, value in job_json(http, job).items() if key != "quote"}


@pytest.mark.parametrize(
    ("phase", "good", "bad"),
    [
        (
            "ABORTED",
            [{"RUNID": "new"}, {"DESTRUCTION": instant(7200)}],
            [{"EXECUTIONDURATION": "7"}, {"PHASE": "RUN"}, {"PHASE": "ABORT"}, {"SHOTS": "7"}],
        ),
        (
            "PENDING",
            [
                {"RUNID": "new"},
                {"EXECUTIONDURATION": "7"},
                {"SHOTS": "7"},
                {"PHASE": "RUN"},
                {"PHASE": "ABORT"},
            ],
            [{"DESTRUCTION": instant(-60)}, {"SEED": "7"}],
        ),
        ("PENDING", [{"RUNID": "new"}, {"DESTRUCTION": instant(7200)}], [{"SHOTS": "0"}]),
    ],
)
def test_a_request_of_which_a_part_is_refused_changes_nothing(
    http: httpx.Client, phase: str, good: list[dict[str, str]], bad: list[dict[str, str]]
) -> None:
    with job_in(http, phase, SHOTS=10, RUNID="old") as job:
        before = all_of(http, job)
        for wanted, refused in product(good, bad):
            for form in ({**wanted, **refused}, {**refused, **wanted}):
                answer = http.post(job, data=form)
                assert 400 <= answer.status_code < 500, form
                assert all_of(http, job) == before, form


def test_a_request_may_want_all_of_it_at_once(http: httpx.Client) -> None:
    job = create(http, SHOTS=10, RUNID="old")
    destruction = instant(7200)
    wanted = {"SHOTS": "7", "RUNID": "new", "EXECUTIONDURATION": "77", "PHASE": "RUN"}
    assert http.post(job, data={**wanted, "DESTRUCTION": destruction}).status_code == 303
    assert wait(http, job) == "COMPLETED"
    found = job_json(http, job)
    assert (found["run_id"], found["execution_duration"]) == ("new", 77)
    assert found["destruction_time"] == destruction
    assert dict(parameters(http, job))["SHOTS"] == "7"
