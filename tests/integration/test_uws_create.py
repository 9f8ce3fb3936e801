"""UWS 1.1: creating a job (C1 to C10)."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from circuits import BELL2, flip
from harness import Service
from integration.uws_helpers import id_of, instant, parameters, parse, phase_of
from uws import create, document, listed, text, wait

LARGE = BELL2 + "// 0123456789 0123456789 0123456789 0123456789 0123456789\n" * 40_000
"""Two megabytes."""


def test_C1_a_post_leads_to_the_new_job(http: httpx.Client, service: Service) -> None:
    answer = http.post("/jobs", data={"CIRCUIT": BELL2})
    assert answer.status_code == 303
    job = answer.headers["Location"]
    assert job.rsplit("/", 1)[0] == service.jobs
    assert text(document(http, job), "jobId") == id_of(job)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"CIRCUIT": ""},
        {"CIRCUIT": "rubbish"},
        {"CIRCUIT": BELL2, "SHOTS": "some"},
        {"CIRCUIT": BELL2, "UNKNOWN": "1"},
        {"CIRCUIT": BELL2, "EXECUTIONDURATION": "soon"},
        {"CIRCUIT": BELL2, "DESTRUCTION": "soon"},
        {"CIRCUIT": "rubbish", "PHASE": "RUN"},
    ],
)
@pytest.mark.parametrize("multipart", [False, True])
def test_C2_a_refused_job_is_forbidden_and_leaves_nothing(
    http: httpx.Client, form: dict[str, str], multipart: bool
) -> None:
    before = listed(http)
    if multipart and form:
        answer = http.post("/jobs", files={name: (None, value) for name, value in form.items()})
    else:
        answer = http.post("/jobs", data=form)
    assert answer.status_code == 403
    assert "Location" not in answer.headers
    assert listed(http) == before


def test_C3_a_new_job_is_pending_until_it_is_run(http: httpx.Client) -> None:
    job = create(http)
    before = document(http, job)
    assert text(before, "phase") == "PENDING"
    assert text(document(http, f"{job}?WAIT=1"), "phase") == "PENDING"
    assert phase_of(http, job) == "PENDING"
    http.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert wait(http, job) == "COMPLETED"


@pytest.mark.parametrize("place", ["body", "query", "multipart"])
def test_C4_phase_run_starts_the_new_job(http: httpx.Client, place: str) -> None:
    if place == "body":
        answer = http.post("/jobs", data={"CIRCUIT": BELL2, "PHASE": "RUN"})
    elif place == "query":
        answer = http.post("/jobs?PHASE=RUN", data={"CIRCUIT": BELL2})
    else:
        answer = http.post("/jobs", files={"CIRCUIT": (None, BELL2), "PHASE": (None, "RUN")})
    assert answer.status_code == 303
    job = answer.headers["Location"]
    assert phase_of(http, job) in ("QUEUED", "EXECUTING", "COMPLETED")
    assert wait(http, job) == "COMPLETED"


@pytest.mark.parametrize("spelling", [str.upper, str.lower, str.title])
def test_C5_a_new_job_can_be_controlled(http: httpx.Client, spelling: Callable[[str], str]) -> None:
    destruction = instant(7200)
    control = {"DESTRUCTION": destruction, "EXECUTIONDURATION": "45", "RUNID": "mine"}
    job = create(http, **{spelling(name): value for name, value in control.items()})
    root = document(http, job)
    assert parse(text(root, "destruction")) == parse(destruction)
    assert text(root, "executionDuration") == "45"
    assert text(root, "runId") == "mine"
    # Names with a meaning for the job are not parameters of what it does.
    assert parameters(http, job) == [("CIRCUIT", BELL2)]


def test_C5_uws_client_spells_it_in_its_own_way(http: httpx.Client) -> None:
    job = create(http, executionDuration="45")
    assert text(document(http, job), "executionDuration") == "45"


@pytest.mark.parametrize("named", [False, True])
def test_C6_a_multipart_form_makes_a_job(http: httpx.Client, named: bool) -> None:
    circuit = ("bell.qasm" if named else None, BELL2)
    answer = http.post("/jobs", files={"CIRCUIT": circuit, "SHOTS": (None, "7")})
    assert answer.status_code == 303
    job = answer.headers["Location"]
    assert http.get(f"{job}/parameters/CIRCUIT").content == BELL2.encode()
    assert http.get(f"{job}/parameters/SHOTS").content == b"7"
    http.post(f"{job}/phase", data={"PHASE": "RUN"})
    assert wait(http, job) == "COMPLETED"


@pytest.mark.parametrize("multipart", [False, True])
def test_C6_values_may_be_large_and_many(http: httpx.Client, multipart: bool) -> None:
    circuits = [LARGE, *[flip(number % 2, 2) for number in range(200)]]
    tags = [f"t{number}" for number in range(100)]
    fields = [("CIRCUIT", value) for value in circuits] + [("TAG", value) for value in tags]
    if multipart:
        answer = http.post("/jobs", files=[(name, (None, value)) for name, value in fields])
    else:
        answer = http.post("/jobs", data={"CIRCUIT": circuits, "TAG": tags})
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    assert http.get(f"{job}/parameters/CIRCUIT").content == LARGE.encode()
    assert parameters(http, job)[1:] == fields[1:]
    http.delete(job)


def test_C7_every_post_makes_a_job(http: httpx.Client) -> None:
    jobs = [create(http, RUNID="same") for _ in range(3)]
    assert len(set(jobs)) == 3
    assert {id_of(job) for job in jobs} <= set(listed(http))


def test_C9_the_job_is_listed_when_the_answer_is_out(http: httpx.Client) -> None:
    for _ in range(10):
        assert id_of(create(http)) == listed(http, LAST="1")[0]


@pytest.mark.parametrize("phase", ["NONSENSE", "ABORT", "PENDING", "COMPLETED", ""])
@pytest.mark.parametrize("place", ["body", "query"])
def test_C10_only_run_is_a_phase_for_a_new_job(http: httpx.Client, phase: str, place: str) -> None:
    before = listed(http)
    if place == "body":
        answer = http.post("/jobs", data={"CIRCUIT": BELL2, "PHASE": phase})
    else:
        answer = http.post("/jobs", params={"PHASE": phase}, data={"CIRCUIT": BELL2})
    assert answer.status_code == 403
    assert "PHASE" in answer.text
    assert listed(http) == before
