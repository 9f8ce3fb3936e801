"""The header Idempotency-Key: one job, however often its request is sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from circuits import BELL2
from harness import NO_TLS, Service
from uws import wait


def send(url: str, key: str, **form: Any) -> httpx.Response:
    return httpx.post(
        f"{url}/jobs",
        data={"CIRCUIT": BELL2, **form},
        headers={"Idempotency-Key": key},
        timeout=30,
        **NO_TLS,
    )


def test_the_same_request_makes_one_job_however_often_it_is_sent(service: Service) -> None:
    with ThreadPoolExecutor(8) as threads, service.client() as http:
        answers = list(threads.map(lambda _: send(service.url, "again", PHASE="RUN"), range(12)))
        assert {answer.status_code for answer in answers} == {303}
        (job,) = {answer.headers["Location"] for answer in answers}
        found = http.get(
            "/jobs", params={"IDEMPOTENCY-KEY": "again"}, headers={"Accept": "application/json"}
        ).json()
        assert [item["url"] for item in found] == [job]
        assert wait(http, job) == "COMPLETED"
        # Quoted, as the draft of the IETF has it, it is the same.
        assert send(service.url, '"again"', PHASE="RUN").headers["Location"] == job


def test_a_key_is_not_for_another_request_nor_for_a_job_that_is_gone(service: Service) -> None:
    job = send(service.url, "once").headers["Location"]
    answer = send(service.url, "once", SHOTS=5)
    assert answer.status_code == 403
    assert answer.text.startswith("idempotency_key_used: ")
    httpx.delete(job)
    assert send(service.url, "once").status_code == 403
    assert send(service.url, "x" * 201).status_code == 403


def test_a_refused_request_leaves_its_key_free(service: Service) -> None:
    assert send(service.url, "corrected", SHOTS=0).status_code == 403
    assert send(service.url, "corrected", SHOTS=5).status_code == 303
