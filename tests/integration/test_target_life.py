"""Targets that go and come back: what their jobs do meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from circuits import slow
from elsewhere import Site, Vendor, worker_of
from harness import until
from uws import create, job_json, story, wait

from quws.domain.times import format_instant, parse_instant

JSON = {"Accept": "application/json"}


def set_status(http: httpx.Client, target: str, **form: str) -> httpx.Response:
    return http.post(f"/targets/{target}", data=form)


@pytest.fixture
def simulator(operator: httpx.Client) -> Iterator[httpx.Client]:
    """Somebody who may set the status of targets; the simulator is online again afterwards."""
    yield operator
    assert set_status(operator, "simulator", STATUS="online").status_code == 303


def test_jobs_of_an_offline_target_wait_and_go_on_by_themselves(
    simulator: httpx.Client, site_http: httpx.Client
) -> None:
    assert wait(site_http, create(site_http, PHASE="RUN")) == "COMPLETED"  # So it has a quote.
    until_instant = datetime.now(UTC) + timedelta(seconds=6)
    answer = set_status(
        simulator,
        "simulator",
        STATUS="offline",
        MESSAGE="power cut",
        UNTIL=format_instant(until_instant),
    )
    assert answer.status_code == 303
    job = create(site_http, PHASE="RUN")
    found = job_json(site_http, job)
    assert found["phase"] == "QUEUED"
    assert found["status"].startswith("target simulator is offline: power cut; expected back at ")
    assert parse_instant(found["quote"]) >= until_instant - timedelta(milliseconds=1)
    # Nobody lifts it: its time is over by itself.
    assert wait(site_http, job) == "COMPLETED"
    started = parse_instant(job_json(site_http, job)["start_time"])
    assert started >= until_instant - timedelta(milliseconds=1)


def test_where_nobody_knows_until_when_there_is_no_quote(
    simulator: httpx.Client, site_http: httpx.Client
) -> None:
    assert wait(site_http, create(site_http, PHASE="RUN")) == "COMPLETED"
    set_status(simulator, "simulator", STATUS="maintenance")
    job = create(site_http, PHASE="RUN")
    found = job_json(site_http, job)
    assert found["status"] == "target simulator is in maintenance"
    assert found["quote"] is None
    assert site_http.get("/targets/simulator", headers=JSON).json()["expected_wait"] is None
    set_status(simulator, "simulator", STATUS="online")
    assert wait(site_http, job) == "COMPLETED"


def test_offline_suspends_what_runs_and_maintenance_lets_it_end(
    simulator: httpx.Client, site_http: httpx.Client
) -> None:
    # Long enough to be seen running twice.
    job = create(site_http, slow(24, 40), SHOTS=10, PHASE="RUN")
    wait(site_http, job, "EXECUTING")
    set_status(simulator, "simulator", STATUS="offline", MESSAGE="helium")
    until(lambda: job_json(site_http, job)["phase"] == "SUSPENDED", 30, "a job that is suspended")
    assert job_json(site_http, job)["status"] == "target simulator is offline: helium"
    set_status(simulator, "simulator", STATUS="online")
    wait(site_http, job, "EXECUTING")
    set_status(simulator, "simulator", STATUS="maintenance")
    assert wait(site_http, job, seconds=90) == "COMPLETED"
    told = job_json(site_http, job)
    assert told["attempt"] == 1, story(told)


def test_a_retired_target_fails_what_waits_and_refuses_what_comes(
    simulator: httpx.Client, site_http: httpx.Client
) -> None:
    pending = create(site_http)
    set_status(simulator, "simulator", STATUS="offline")
    job = create(site_http, PHASE="RUN")
    set_status(simulator, "simulator", STATUS="retired", MESSAGE="its successor is vendor")
    assert wait(site_http, job) == "ERROR"
    (error,) = job_json(site_http, job)["errors"]
    assert (error["code"], error["type"]) == ("target_retired", "fatal")
    assert "its successor is vendor" in error["message"]
    answer = site_http.post("/jobs", data={"CIRCUIT": slow(2, 1), "TARGET": "simulator"})
    assert answer.status_code == 403
    assert "target simulator is retired; TARGET may be: vendor" in answer.text
    answer = site_http.post(f"{pending}/phase", data={"PHASE": "RUN"})
    assert answer.status_code == 403
    assert job_json(site_http, pending)["phase"] == "PENDING"


def test_only_operators_set_it_and_only_to_what_there_is(
    site_http: httpx.Client, operator: httpx.Client
) -> None:
    assert set_status(site_http, "simulator", STATUS="offline").status_code == 403
    answer = set_status(operator, "simulator", STATUS="asleep")
    assert answer.status_code == 403
    assert "STATUS must be one of online, offline, maintenance, calibrating" in answer.text
    for form in ({}, {"STATUS": "offline", "UNTIL": "2001-01-01"}, {"STATUS": "online", "X": "1"}):
        assert set_status(operator, "simulator", **form).status_code == 403
    assert set_status(operator, "nothing", STATUS="offline").status_code == 404
    assert site_http.get("/targets/simulator", headers=JSON).json()["status"] == "online"


def test_a_health_check_finds_a_target_offline_and_online_again(
    site: Site, vendor: Vendor, site_http: httpx.Client
) -> None:
    vendor.state = {"status": "calibrating", "message": "as every morning"}
    until(
        lambda: status_of(site_http, "vendor") == ("calibrating", None),
        30,
        "a status that was found",
    )
    # It is that of one target, and the other one goes on.
    assert status_of(site_http, "simulator") == ("online", None)
    assert wait(site_http, create(site_http, TARGET="simulator", PHASE="RUN")) == "COMPLETED"
    job = create(site_http, TARGET="vendor", PHASE="RUN")
    assert job_json(site_http, job)["status"] == "target vendor is calibrating: as every morning"
    assert vendor.of(job) == []
    # Nor does a new worker begin it.
    worker = worker_of(site.service, "vendor")
    worker.kill()
    worker.wait(10)
    vendor.state = {"status": "online"}
    assert wait(site_http, job) == "COMPLETED"
    assert len(vendor.of(job)) == 1


def status_of(http: httpx.Client, target: str) -> tuple[str, str | None]:
    found = http.get(f"/targets/{target}", headers=JSON).json()
    return found["status"], found["set_by"]
