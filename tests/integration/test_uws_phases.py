"""UWS 1.1: the phases of a job and the moves between them (P1 to P16)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from circuits import BELL2, ENDLESS, slow
from harness import Service, until
from integration.uws_helpers import (
    A_SECOND_LONG,
    COMMON,
    FINISHED,
    INSTANT,
    PHASES,
    SECONDS_LONG,
    Said,
    archived,
    busy,
    executing,
    held,
    id_of,
    instant,
    is_nil,
    job_in,
    parse,
    phase_of,
    removed,
    results,
    same,
    suspended,
)
from lxml import etree
from uws import HREF, NS, create, document, job_json, listed, text, wait


@contextlib.contextmanager
def in_any(http: httpx.Client, strict_form: Service, phase: str) -> Iterator[str]:
    """Make a job in one of the rare phases, in a strict service that ``http`` talks to."""
    with contextlib.ExitStack() as stack:
        if phase == "HELD":
            yield stack.enter_context(held(http))[0]
        elif phase == "SUSPENDED":
            yield stack.enter_context(suspended(strict_form, http))
        else:
            yield stack.enter_context(archived(http))


def lasting(root: etree._Element) -> list[etree._Element]:
    """What no move may change."""
    names = ("jobId", "runId", "ownerId", "creationTime", "executionDuration", "destruction")
    found = [root.find(f"uws:{name}", NS) for name in (*names, "parameters")]
    return [item for item in found if item is not None]


def test_P1_a_sound_job_passes_the_phases_in_order(http: httpx.Client) -> None:
    job = create(http, A_SECOND_LONG, SHOTS=10)
    seen = [phase_of(http, job)]
    http.post(f"{job}/phase", data={"PHASE": "RUN"})

    def over() -> bool:
        phase = phase_of(http, job)
        if phase != seen[-1]:
            seen.append(phase)
        return phase not in ("PENDING", "QUEUED", "EXECUTING")

    until(over, 60, "the end of the job")
    order = ["PENDING", "QUEUED", "EXECUTING", "COMPLETED"]
    assert seen in (order, [order[0], *order[2:]])


@pytest.mark.parametrize("phase", COMMON)
def test_P1_every_phase_is_spelled_as_it_should_be(said_in: dict[str, Said], phase: str) -> None:
    job = said_in[phase]
    assert phase in PHASES
    assert text(job.root(), "phase") == phase
    assert text(job.ref, "phase") == phase
    assert job.answers["phase"].text == phase


def test_P2_run_leads_to_a_job_that_is_not_pending_any_more(http: httpx.Client) -> None:
    for _ in range(10):
        job = create(http, SHOTS=1)
        answer = http.post(f"{job}/phase", data={"PHASE": "RUN"})
        assert (answer.status_code, answer.headers["Location"]) == (303, job)
        assert text(document(http, job), "phase") in ("QUEUED", "EXECUTING", "COMPLETED")
        assert wait(http, job) == "COMPLETED"


def test_P3_a_held_job_runs_when_run_is_sent_again(strict: httpx.Client) -> None:
    with held(strict) as (job, blocker):
        # There is still no room: it stays.
        answer = strict.post(f"{job}/phase", data={"PHASE": "RUN"})
        assert (answer.status_code, answer.headers["Location"]) == (303, job)
        assert phase_of(strict, job) == "HELD"
        assert "quota" in (job_json(strict, job)["status"] or "")
        strict.delete(blocker)
        answer = strict.post(f"{job}/phase", data={"PHASE": "RUN"})
        assert (answer.status_code, answer.headers["Location"]) == (303, job)
        assert phase_of(strict, job) in ("QUEUED", "EXECUTING", "COMPLETED")
        assert wait(strict, job) == "COMPLETED"


@pytest.mark.parametrize("phase", COMMON[1:])
def test_P4_run_is_forbidden_in_other_phases(http: httpx.Client, phase: str) -> None:
    with job_in(http, phase) as job:
        before = job_json(http, job)
        assert http.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 403
        assert http.post(job, data={"PHASE": "RUN"}).status_code == 403
        after = job_json(http, job)
        for name in ("phase", "attempt", "queued_time", "start_time", "end_time", "timeline"):
            assert after[name] == before[name]


@pytest.mark.parametrize("value", ["RUN", "ABORT"])
def test_P4_P6_of_two_at_once_one_is_forbidden(
    service: Service, http: httpx.Client, value: str
) -> None:
    with ThreadPoolExecutor(4) as threads, service.client() as other:
        for _ in range(5):
            job = create(http, SHOTS=1)
            sent = [
                threads.submit(client.post, f"{job}/phase", data={"PHASE": value})
                for client in (http, other, http, other)
            ]
            answers = sorted(item.result().status_code for item in sent)
            assert answers == [303, 403, 403, 403]
            assert wait(http, job) == ("COMPLETED" if value == "RUN" else "ABORTED")
            assert job_json(http, job)["attempt"] == (1 if value == "RUN" else 0)


def test_P4_P5_a_run_and_an_abort_at_once_leave_one_end(
    service: Service, http: httpx.Client
) -> None:
    with ThreadPoolExecutor(2) as threads, service.client() as other:
        for _ in range(5):
            job = create(http, SHOTS=1)
            run = threads.submit(http.post, f"{job}/phase", data={"PHASE": "RUN"})
            abort = threads.submit(other.post, f"{job}/phase", data={"PHASE": "ABORT"})
            statuses = (run.result().status_code, abort.result().status_code)
            # RUN first, ABORT first, or ABORT only when the job was over already.
            expected = {
                (303, 303): "ABORTED",
                (403, 303): "ABORTED",
                (303, 403): "COMPLETED",
            }[statuses]
            assert wait(http, job) == expected


@pytest.mark.parametrize("phase", ["SUSPENDED", "ARCHIVED"])
def test_P4_run_is_forbidden_in_rare_phases(
    strict_form: Service, strict: httpx.Client, phase: str
) -> None:
    with in_any(strict, strict_form, phase) as job:
        assert strict.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 403
        assert phase_of(strict, job) == phase


@pytest.mark.parametrize("phase", ["PENDING", "QUEUED", "EXECUTING"])
def test_P5_abort_leads_to_an_aborted_job_and_keeps_the_rest(
    http: httpx.Client, phase: str
) -> None:
    with job_in(http, phase, RUNID="to be aborted", SHOTS=10) as job:
        before = document(http, job)
        answer = http.post(f"{job}/phase", data={"PHASE": "ABORT"})
        assert (answer.status_code, answer.headers["Location"]) == (303, job)
        after = document(http, job)
        assert text(after, "phase") == "ABORTED"
        assert INSTANT.fullmatch(text(after, "endTime") or "")
        assert text(after, "startTime") == text(before, "startTime")
        assert len(lasting(before)) == 7
        assert all(same(*pair) for pair in zip(lasting(before), lasting(after), strict=True))
        assert id_of(job) in listed(http, PHASE="ABORTED")


@pytest.mark.parametrize("phase", ["HELD", "SUSPENDED"])
def test_P5_abort_works_in_rare_phases(
    strict_form: Service, strict: httpx.Client, phase: str
) -> None:
    with in_any(strict, strict_form, phase) as job:
        answer = strict.post(f"{job}/phase", data={"PHASE": "ABORT"})
        assert (answer.status_code, answer.headers["Location"]) == (303, job)
        after = document(strict, job)
        assert text(after, "phase") == "ABORTED"
        assert text(after, "endTime") is not None
        if phase == "HELD":
            assert is_nil(after, "startTime")
    assert wait(strict, create(strict, PHASE="RUN"), seconds=60) == "COMPLETED"


def test_P5_abort_makes_room_for_the_next_job(http: httpx.Client) -> None:
    jobs = [create(http, ENDLESS, SHOTS=1, PHASE="RUN") for _ in range(2)]
    with removed(http, *jobs):
        until(lambda: "EXECUTING" in {phase_of(http, job) for job in jobs}, 20, "EXECUTING")
        for job in jobs:
            http.post(f"{job}/phase", data={"PHASE": "ABORT"})
        # The aborted ones would run for most of a minute.
        assert wait(http, create(http, PHASE="RUN"), seconds=15) == "COMPLETED"


@pytest.mark.parametrize("phase", FINISHED)
def test_P6_abort_of_a_finished_job_is_forbidden(http: httpx.Client, phase: str) -> None:
    with job_in(http, phase, SHOTS=10) as job:
        before = http.get(job).content
        for url, form in ((f"{job}/phase", {"PHASE": "ABORT"}), (job, {"PHASE": "ABORT"})):
            assert http.post(url, data=form).status_code == 403
        assert http.get(job).content == before
        for result in results(http, job):
            assert http.get(result.get(HREF) or "").status_code == 200


def test_P6_abort_of_an_archived_job_is_forbidden(strict: httpx.Client) -> None:
    with archived(strict) as job:
        before = strict.get(job).content
        assert strict.post(f"{job}/phase", data={"PHASE": "ABORT"}).status_code == 403
        assert strict.get(job).content == before


@pytest.mark.parametrize("value", ["NONSENSE", "", "COMPLETED", "PENDING", "HELD", "RUN ABORT"])
def test_P7_other_values_are_refused(http: httpx.Client, value: str) -> None:
    job = create(http)
    before = http.get(job).content
    assert http.post(f"{job}/phase", data={"PHASE": value}).status_code == 403
    assert http.post(job, data={"PHASE": value}).status_code == 403
    assert http.get(job).content == before


@pytest.mark.parametrize("body", [b"", b"RUN", b"ACTION=DELETE", b"EXECUTIONDURATION=5"])
def test_P7_a_body_without_a_phase_is_refused(http: httpx.Client, body: bytes) -> None:
    job = create(http)
    before = http.get(job).content
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = http.post(f"{job}/phase", content=body, headers=form)
    assert 400 <= answer.status_code < 500
    assert http.get(job).content == before


@pytest.mark.parametrize(
    "extra", [{"SHOTS": "7"}, {"RUNID": "new"}, {"EXECUTIONDURATION": "7"}, {"DESTRUCTION": "2030"}]
)
def test_P7_a_refused_phase_changes_nothing_else(http: httpx.Client, extra: dict[str, str]) -> None:
    job = create(http, SHOTS=10, DESTRUCTION=instant(3600))
    before = http.get(job).content
    assert http.post(job, data={**extra, "PHASE": "NONSENSE"}).status_code == 403
    assert http.get(job).content == before


@pytest.mark.parametrize("phase", FINISHED)
def test_P8_a_final_phase_is_final(http: httpx.Client, phase: str) -> None:
    with job_in(http, phase) as job:
        before = http.get(job).content
        limit = time.monotonic() + 0.5
        while time.monotonic() < limit:
            assert phase_of(http, job) == phase
        assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"
        assert http.get(job).content == before


def test_P9_the_times_are_nil_until_they_are_known(said_in: dict[str, Said]) -> None:
    for phase, starts, ends in (
        ("PENDING", False, False),
        ("QUEUED", False, False),
        ("EXECUTING", True, False),
        ("COMPLETED", True, True),
        ("ERROR", True, True),
        ("ABORTED", False, True),
    ):
        root = said_in[phase].root()
        assert is_nil(root, "startTime") is not starts, phase
        assert is_nil(root, "endTime") is not ends, phase
        names = ["creationTime", *["startTime"] * starts, *["endTime"] * ends]
        times = [parse(text(root, name)) for name in names]
        assert times == sorted(times), phase


def test_P9_an_aborted_run_has_both_times(http: httpx.Client) -> None:
    with job_in(http, "EXECUTING") as job:
        started = text(document(http, job), "startTime")
        http.post(f"{job}/phase", data={"PHASE": "ABORT"})
        root = document(http, job)
        assert text(root, "startTime") == started
        assert parse(text(root, "creationTime")) <= parse(started) < parse(text(root, "endTime"))


def test_P10_a_held_job_does_not_start_by_itself(strict: httpx.Client) -> None:
    with held(strict) as (job, blocker):
        strict.delete(blocker)
        assert wait(strict, create(strict, PHASE="RUN")) == "COMPLETED"
        limit = time.monotonic() + 1
        while time.monotonic() < limit:
            assert phase_of(strict, job) == "HELD"
        assert is_nil(document(strict, job), "startTime")


def test_P11_a_suspended_job_goes_on_by_itself(strict_form: Service, strict: httpx.Client) -> None:
    with suspended(strict_form, strict, SECONDS_LONG) as job:
        started = text(document(strict, job), "startTime")
        os.kill(strict_form.processes[0].pid, signal.SIGCONT)
        phases = {"SUSPENDED"}
        until(lambda: phases.add(phase_of(strict, job)) or "COMPLETED" in phases, 60, "COMPLETED")
        assert phases <= {"SUSPENDED", "EXECUTING", "COMPLETED"}
        assert text(document(strict, job), "startTime") == started


def test_P13_an_archived_job_keeps_what_is_known_of_it(strict: httpx.Client) -> None:
    job = create(strict, SHOTS=10, RUNID="kept", PHASE="RUN", TAG=["a", "b"])
    with removed(strict, job):
        assert wait(strict, job) == "COMPLETED"
        before = document(strict, job)
        hrefs = [item.get(HREF) or "" for item in results(strict, job)]
        when = instant(0.3)
        assert strict.post(f"{job}/destruction", data={"DESTRUCTION": when}).status_code == 303
        until(lambda: phase_of(strict, job) == "ARCHIVED", 10, "ARCHIVED")
        after = document(strict, job)
        for name in ("jobId", "runId", "ownerId", "creationTime", "startTime", "endTime"):
            assert text(after, name) == text(before, name), name
        assert text(after, "executionDuration") == text(before, "executionDuration")
        assert parse(text(after, "destruction")) == parse(when)
        kept, had = (root.find("uws:parameters", NS) for root in (after, before))
        assert kept is not None
        assert had is not None
        assert same(kept, had)
        assert results(strict, job) == []
        assert [strict.get(href).status_code for href in hrefs] == [404] * len(hrefs)


def test_P13_an_archived_failure_keeps_its_error(strict: httpx.Client) -> None:
    with job_in(strict, "ERROR") as job:
        error = document(strict, job).find("uws:errorSummary", NS)
        strict.post(f"{job}/destruction", data={"DESTRUCTION": instant(0.3)})
        until(lambda: phase_of(strict, job) == "ARCHIVED", 10, "ARCHIVED")
        kept = document(strict, job).find("uws:errorSummary", NS)
        assert error is not None
        assert kept is not None
        assert same(kept, error)
        assert strict.get(f"{job}/error").status_code == 200


def test_P13_what_an_archived_job_links_to_is_there_or_known_to_be_gone(
    strict: httpx.Client,
) -> None:
    job = create(strict, BELL2 + "// long\n" * 1000, SHOTS=10)
    with removed(strict, job):
        strict.post(f"{job}/destruction", data={"DESTRUCTION": instant(0.3)})
        until(lambda: phase_of(strict, job) == "ARCHIVED", 10, "ARCHIVED")
        found = document(strict, job).find("uws:parameters/uws:parameter", NS)
        assert found is not None
        assert found.get("byReference") == "true"
        assert strict.get(found.text or "").status_code in (200, 404, 410)


@pytest.mark.parametrize("phase", ["PENDING", "EXECUTING", "HELD"])
def test_P13_a_job_that_is_not_over_is_archived_at_its_destruction(
    strict: httpx.Client, strict_form: Service, phase: str
) -> None:
    with contextlib.ExitStack() as stack:
        if phase == "HELD":
            job, _ = stack.enter_context(held(strict))
        else:
            job = stack.enter_context(job_in(strict, phase))
        strict.post(f"{job}/destruction", data={"DESTRUCTION": instant(0.5)})
        until(lambda: phase_of(strict, job) == "ARCHIVED", 10, "ARCHIVED")
        root = document(strict, job)
        assert is_nil(root, "startTime") == (phase != "EXECUTING")
        assert not is_nil(root, "endTime")
        assert id_of(job) not in listed(strict)
    assert wait(strict, create(strict, PHASE="RUN"), seconds=15) == "COMPLETED"


def test_P14_there_are_no_results_before_the_start(said_in: dict[str, Said]) -> None:
    for phase in ("PENDING", "QUEUED"):
        assert len(said_in[phase].root("results")) == 0
        assert said_in[phase].root().findall("uws:results/uws:result", NS) == []


def test_P15_results_so_far_stay_after_an_abort(http: httpx.Client) -> None:
    job = create(http, [slow(2, 1), slow(2, 1), ENDLESS], SHOTS=5, PHASE="RUN")
    with removed(http, job):
        until(lambda: len(results(http, job)) == 2, 30, "two results")
        assert phase_of(http, job) == "EXECUTING"
        hrefs = [item.get(HREF) or "" for item in results(http, job)]
        contents = [http.get(href).content for href in hrefs]
        http.post(f"{job}/phase", data={"PHASE": "ABORT"})
        assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"
        assert [item.get(HREF) for item in results(http, job)] == hrefs
        for href, content in zip(hrefs, contents, strict=True):
            answer = http.get(href)
            assert answer.status_code == 200
            assert answer.content == content


def test_P16_a_late_worker_does_not_revive_an_aborted_job(http: httpx.Client) -> None:
    job = create(http, A_SECOND_LONG, SHOTS=10, PHASE="RUN")
    with removed(http, job):
        executing(http, job)
        http.post(f"{job}/phase", data={"PHASE": "ABORT"})
        before = http.get(job).content
        # The same circuit again takes as long as the first would have taken.
        assert wait(http, create(http, A_SECOND_LONG, SHOTS=10, PHASE="RUN")) == "COMPLETED"
        assert http.get(job).content == before


def test_P16_a_late_worker_does_not_recreate_a_deleted_job(http: httpx.Client) -> None:
    job = create(http, A_SECOND_LONG, SHOTS=10, PHASE="RUN")
    with removed(http, job):
        executing(http, job)
        http.delete(job)
        assert wait(http, create(http, A_SECOND_LONG, SHOTS=10, PHASE="RUN")) == "COMPLETED"
        assert http.get(job).status_code == 404
        assert http.get(f"{job}/results").status_code == 404
        assert id_of(job) not in listed(http)


def test_P16_a_late_worker_does_not_revive_an_archived_job(strict: httpx.Client) -> None:
    job = create(strict, A_SECOND_LONG, SHOTS=10, PHASE="RUN")
    with removed(strict, job):
        executing(strict, job)
        strict.post(f"{job}/destruction", data={"DESTRUCTION": instant(0.2)})
        until(lambda: phase_of(strict, job) == "ARCHIVED", 10, "ARCHIVED")
        before = strict.get(job).content
        assert wait(strict, create(strict, A_SECOND_LONG, SHOTS=10, PHASE="RUN")) == "COMPLETED"
        assert strict.get(job).content == before


def test_P16_an_abort_in_the_queue_is_not_run(http: httpx.Client) -> None:
    with busy(http):
        job = create(http, PHASE="RUN")
        assert http.post(f"{job}/phase", data={"PHASE": "ABORT"}).status_code == 303
        before = http.get(job).content
    assert wait(http, create(http, PHASE="RUN")) == "COMPLETED"
    assert http.get(job).content == before


@pytest.mark.parametrize("phase", ["HELD", "SUSPENDED", "ARCHIVED"])
def test_H1_H11_H14_a_job_in_a_rare_phase_answers_like_any_other(
    rare: dict[str, Said], phase: str
) -> None:
    job = rare[phase]
    root = job.root()
    assert text(root, "phase") == phase
    assert job.answers["phase"].content == phase.encode()
    assert text(job.ref, "phase") == phase
    for child in ("executionduration", "destruction", "quote", "owner", "results", "parameters"):
        assert job.answers[child].status_code == 200
    assert job.answers["destruction"].text == text(root, "destruction")
    assert job.answers["quote"].text == (text(root, "quote") or "")
    assert is_nil(root, "startTime") == (phase == "HELD")
    assert is_nil(root, "endTime") == (phase != "ARCHIVED")
