"""Sessions from end to end: their jobs go first, others wait, and a lost worker changes nothing."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from answers import expect, json_of
from circuits import BELL2, ENDLESS, slow
from commands import quws
from harness import Service, until, words
from uws import create, job_json, wait

from quws.client import Client, Refused

JSON = {"Accept": "application/json"}
MORE_THAN_SLOTS = 6
"""Jobs of which some wait in both forms, whatever runs at once."""


def said(http: httpx.Client, url: str, status: str) -> Any:
    """Wait for an entry of a job's timeline."""

    def look() -> Any:
        entries = job_json(http, url)["timeline"]
        return next((item for item in entries if item["status"] == status), None)

    return until(look, 30, status)


@pytest.mark.usefixtures("no_sessions")
def test_the_target_is_kept_for_a_session_until_it_is_closed_idle_or_over(
    service: Service, http: httpx.Client
) -> None:
    with Client(service.url) as client:
        with client.session(mode="dedicated", idle_seconds=300) as session:
            long = session.submit(ENDLESS, shots=10)
            wait(http, long.url, "EXECUTING")
            assert job_json(http, long.url)["session"] == session.id
            other = create(http, BELL2, PHASE="RUN")
            following = session.submit(BELL2, shots=10)
            waits = job_json(http, other)
            # What the session sent later goes first: it runs by now, or is ahead.
            assert waits["phase"] == "QUEUED"
            assert "is dedicated to a session of this owner" in waits["status"]
            listed = quws(service, "sessions", "list", "--url", service.url)
            assert f"{session.id}  simulator  dedicated  active  1 running" in listed
            long.abort()
            following.wait(60)
            details = session.details()
            assert (details.state, details.jobs_running) == ("active", 0)
            assert http.get(f"{other}/phase").text == "QUEUED"
        assert wait(http, other) == "COMPLETED"
        assert session.details().state == "closed"
        assert {job.id for job in session.jobs()} >= {long.id}
        try:
            session.submit(BELL2)
        except Refused as refused:
            assert refused.code == "session_closed"
        else:
            raise AssertionError("a closed session takes no job")

        # Idle: others go on by themselves.
        session = client.session(idle_seconds=1)
        session.submit(BELL2, shots=10).wait(60)
        assert wait(http, create(http, BELL2, PHASE="RUN")) == "COMPLETED"
        until(lambda: session.details().state == "inactive", 30, "inactive")

        # Over: what waits goes on as any other job.
        session = client.session(max_seconds=1, mode="batch")
        jobs = [session.submit(ENDLESS, shots=10) for _ in range(MORE_THAN_SLOTS)]
        wait(http, jobs[0].url, "EXECUTING")
        assert "session is over" in said(http, jobs[-1].url, "session over")["message"]
        assert session.details().state == "closed"
        assert http.get(f"{jobs[-1].url}/phase").text == "QUEUED"
        session.jobs().abort()


@pytest.mark.usefixtures("no_sessions")
def test_a_session_that_is_cancelled_ends_what_waits(service: Service, http: httpx.Client) -> None:
    opened = quws(service, "sessions", "open", "simulator", "--mode", "batch", "--url", service.url)
    session = opened.split()[0]
    jobs = [create(http, ENDLESS, SESSION=session, PHASE="RUN") for _ in range(MORE_THAN_SLOTS)]
    wait(http, jobs[0], "EXECUTING")
    pending = create(http, ENDLESS, SESSION=session)
    assert "closed" not in quws(service, "sessions", "cancel", session, "--url", service.url)
    for job in (jobs[-1], pending):
        assert http.get(f"{job}/phase").text == "ABORTED"
    assert http.get(f"{jobs[0]}/phase").text == "EXECUTING"
    for job in jobs:
        expect(http.delete(job), 303)
    found = json_of(http.get(f"/sessions/{session}", headers=JSON))
    assert (found["state"], found["jobs_running"], found["jobs_waiting"]) == ("closed", 0, 0)


def test_it_goes_on_when_its_worker_is_killed(own: Service) -> None:
    with own.client() as http, Client(own.url) as client:
        session = client.session(idle_seconds=300)
        first = session.submit(slow(22, 60), shots=10)
        wait(http, first.url, "EXECUTING")
        other = create(http, slow(22, 60), SHOTS=10, PRIORITY=0, PHASE="RUN")
        second = session.submit(slow(20, 20), shots=10)
        worker = next(p for p in own.processes[0].family() if "worker" in words(p))
        worker.kill()
        first.wait(60)
        second.wait(60)
        assert job_json(http, first.url)["attempt"] == 2
        assert http.get(f"{other}/phase").text == "QUEUED"
        session.close()
        assert wait(http, other) == "COMPLETED"
