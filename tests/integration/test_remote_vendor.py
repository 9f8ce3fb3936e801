"""Jobs on a target with a queue of its own: handed over once, whatever dies in between."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import psutil
import pytest
from answers import expect
from circuits import BELL2
from elsewhere import Gate, Site, Vendor
from harness import until
from uws import create, job_json, wait

from quws.domain.times import parse_instant


def statuses(http: httpx.Client, job: str) -> list[str]:
    return [entry["status"] for entry in job_json(http, job)["timeline"]]


def wait_for_status(http: httpx.Client, job: str, part: str) -> dict[str, Any]:
    """Wait until a job says of itself that it is so."""
    found: dict[str, Any] = {}

    def says() -> bool:
        found.update(job_json(http, job))
        return part in (found["status"] or "")

    until(says, 30, f"a job that says '{part}'")
    return found


def status_of(http: httpx.Client, target: str) -> str:
    found = http.get(f"/targets/{target}", headers={"Accept": "application/json"}).json()
    return str(found["status"])


def kill(process: psutil.Process) -> None:
    process.kill()
    process.wait(10)


def test_a_job_is_handed_over_and_its_results_come_back(
    site: Site, vendor: Vendor, site_http: httpx.Client
) -> None:
    vendor.status = "queued"
    job = create(site_http, [BELL2, BELL2], TARGET="vendor", SHOTS=7, PHASE="RUN")
    found = wait_for_status(site_http, job, "queued at the other side, 3 before it")
    assert found["phase"] == "EXECUTING"
    vendor.set_all("running")
    wait_for_status(site_http, job, "running at the other side")
    vendor.set_all("done")
    assert wait(site_http, job) == "COMPLETED"
    found = job_json(site_http, job)
    assert found["status"] is None
    assert "handed over" in statuses(site_http, job)
    counts = site_http.get(f"{job}/results/counts").json()
    assert [item["counts"] for item in counts["circuits"]] == [{"11": 7}, {"11": 7}]
    assert counts["circuits"][0]["registers"][0]["name"] == "c"
    assert len(vendor.of(job)) == 1
    # The calibration that it ran with is kept, and can be looked up.
    assert found["calibration_id"] == "monday"
    assert site_http.get(found["calibration_url"]).status_code == 200


def in_submit_before_it_arrives(vendor: Vendor) -> Gate:
    return vendor.before_arrival


def in_submit_after_it_arrived(vendor: Vendor) -> Gate:
    return vendor.after_arrival


def before_the_results_are_fetched(vendor: Vendor) -> Gate:
    return vendor.before_result


@pytest.mark.parametrize(
    "where",
    [
        in_submit_before_it_arrives,
        in_submit_after_it_arrived,
        before_the_results_are_fetched,
    ],
)
def test_a_worker_killed_at_this_point_has_nothing_run_twice(
    site: Site, vendor: Vendor, site_http: httpx.Client, where: Callable[[Vendor], Gate]
) -> None:
    gate = where(vendor)
    gate.shut()
    finds = vendor.finds
    job = create(site_http, TARGET="vendor", PHASE="RUN")
    assert gate.reached.wait(30)
    kill(site.worker("vendor"))
    if where is in_submit_before_it_arrives:
        # It turns up after the next attempt has looked for it, in vain.
        until(lambda: vendor.finds > finds, 90, "a look for the submission")
    gate.open()
    assert wait(site_http, job) == "COMPLETED"
    assert len(vendor.of(job)) == 1
    assert job_json(site_http, job)["attempt"] == 2


def test_a_worker_killed_while_it_waits_goes_on_with_the_same_submission(
    site: Site, vendor: Vendor, site_http: httpx.Client
) -> None:
    vendor.status = "running"
    finds = vendor.finds
    job = create(site_http, TARGET="vendor", PHASE="RUN")
    wait_for_status(site_http, job, "running at the other side")
    kill(site.worker("vendor"))
    until(lambda: job_json(site_http, job)["attempt"] == 2, 90, "the next attempt")
    vendor.set_all("done")
    assert wait(site_http, job) == "COMPLETED"
    assert len(vendor.of(job)) == 1
    assert vendor.finds == finds, "what has a handle need not be looked for"


def test_a_worker_that_shuts_down_hands_the_job_over_and_cancels_nothing(
    site: Site, vendor: Vendor, site_http: httpx.Client
) -> None:
    vendor.status = "running"
    job = create(site_http, TARGET="vendor", PHASE="RUN")
    wait_for_status(site_http, job, "running at the other side")
    worker = site.worker("vendor")
    worker.terminate()
    worker.wait(20)
    wait_for_status(site_http, job, "running at the other side")
    vendor.set_all("done")
    assert wait(site_http, job) == "COMPLETED"
    assert "suspended" in statuses(site_http, job)
    assert [item.status for item in vendor.of(job)] == ["done"]
    assert job_json(site_http, job)["attempt"] == 1


def test_where_nobody_can_tell_the_job_fails_rather_than_runs_twice(
    site: Site, vendor: Vendor, site_http: httpx.Client
) -> None:
    vendor.searchable = False
    vendor.after_arrival.shut()
    job = create(site_http, TARGET="vendor", PHASE="RUN")
    assert vendor.after_arrival.reached.wait(30)
    kill(site.worker("vendor"))
    assert wait(site_http, job) == "ERROR"
    (error,) = job_json(site_http, job)["errors"]
    assert error["code"] == "submission_in_doubt"
    assert error["type"] == "transient"
    assert "in doubt" in statuses(site_http, job)
    assert len(vendor.of(job)) == 1


def test_what_is_aborted_or_deleted_here_is_cancelled_there(
    site: Site, vendor: Vendor, site_http: httpx.Client
) -> None:
    vendor.status = "running"
    aborted, deleted, overdue = (create(site_http, TARGET="vendor", PHASE="RUN") for _ in range(3))
    for job in (aborted, deleted, overdue):
        wait_for_status(site_http, job, "running at the other side")
    expect(site_http.post(f"{overdue}/executionduration", data={"EXECUTIONDURATION": 1}), 303)
    site_http.post(f"{aborted}/phase", data={"PHASE": "ABORT"})
    site_http.delete(deleted)
    assert wait(site_http, overdue) == "ABORTED"
    for job in (aborted, deleted, overdue):
        until(
            lambda job=job: [item.status for item in vendor.of(job)] == ["cancelled"],
            30,
            "a submission that is cancelled",
        )
    until(lambda: "cancelled remotely" in statuses(site_http, aborted), 30, "the news of it")


def test_waiting_there_is_no_execution(vendor: Vendor, site_http: httpx.Client) -> None:
    vendor.status = "queued"
    job = create(site_http, TARGET="vendor", PHASE="RUN", EXECUTIONDURATION=6)
    found = wait_for_status(site_http, job, "queued at the other side")
    started = parse_instant(found["start_time"])
    until(lambda: (datetime.now(UTC) - started).total_seconds() > 8, 30, "more than its duration")
    assert job_json(site_http, job)["phase"] == "EXECUTING"
    vendor.set_all("running")
    assert wait(site_http, job) == "ABORTED"


def test_what_is_aborted_while_it_is_handed_over_is_cancelled_when_it_turns_up(
    site: Site, vendor: Vendor, site_http: httpx.Client
) -> None:
    vendor.status = "running"
    vendor.before_arrival.shut()
    job = create(site_http, TARGET="vendor", PHASE="RUN")
    assert vendor.before_arrival.reached.wait(30)
    finds = vendor.finds
    site_http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    kill(site.worker("vendor"))  # The duty is in the database, not in a process.
    until(lambda: vendor.finds > finds, 90, "a look for the submission")
    vendor.before_arrival.open()
    until(
        lambda: [item.status for item in vendor.of(job)] == ["cancelled"],
        30,
        "a submission that is cancelled",
    )
    assert job_json(site_http, job)["phase"] == "ABORTED"


def test_a_vendor_that_is_away_for_a_while_costs_no_attempt(
    site: Site, vendor: Vendor, site_http: httpx.Client
) -> None:
    vendor.status = "running"
    job = create(site_http, TARGET="vendor", PHASE="RUN")
    wait_for_status(site_http, job, "running at the other side")
    with vendor.away():
        found = wait_for_status(site_http, job, "does not answer")
        assert found["phase"] == "EXECUTING"
        # Nothing new is begun meanwhile.
        until(lambda: status_of(site_http, "vendor") == "offline", 30, "a target that is offline")
        other = create(site_http, TARGET="vendor", PHASE="RUN")
        wait_for_status(site_http, other, "target vendor is offline")
    vendor.set_all("done")
    assert wait(site_http, job) == "COMPLETED"
    assert wait(site_http, other) == "COMPLETED"
    assert job_json(site_http, job)["attempt"] == 1
    assert len(vendor.of(job)) == len(vendor.of(other)) == 1


@pytest.mark.parametrize(
    ("status", "code"), [("failed", "remote_failed"), ("cancelled", "remote_cancelled")]
)
def test_what_ends_badly_there_ends_in_error_here(
    vendor: Vendor, site_http: httpx.Client, status: str, code: str
) -> None:
    vendor.status = "running"
    job = create(site_http, TARGET="vendor", PHASE="RUN")
    wait_for_status(site_http, job, "running at the other side")
    vendor.set_all(status, "the fridge is warm")
    assert wait(site_http, job) == "ERROR"
    (error,) = job_json(site_http, job)["errors"]
    assert error["code"] == code
    assert "the fridge is warm" in error["message"]


def test_what_is_not_taken_there_ends_in_error_here(
    vendor: Vendor, site_http: httpx.Client
) -> None:
    vendor.refusal = "this machine has no such gate"
    job = create(site_http, TARGET="vendor", PHASE="RUN")
    assert wait(site_http, job) == "ERROR"
    (error,) = job_json(site_http, job)["errors"]
    assert error["type"] == "fatal"
    assert error["message"] == "this machine has no such gate"
    assert vendor.of(job) == []
