"""PRIORITY over HTTP: which jobs go first, within what one may ask for."""

from __future__ import annotations

import httpx
import pytest
from answers import expect, json_of, location_of
from circuits import BELL2
from in_process import Api

pytestmark = pytest.mark.anyio
JSON = {"Accept": "application/json"}


async def test_jobs_go_in_the_order_of_their_priorities(http: httpx.AsyncClient) -> None:
    jobs = {}
    for priority in ("100", "0", "20"):
        form = {"CIRCUIT": BELL2, "PRIORITY": priority, "PHASE": "RUN"}
        jobs[priority] = location_of(await http.post("/jobs", data=form))
    ahead = {
        priority: json_of(await http.get(url, headers=JSON))["queue_position"]
        for priority, url in jobs.items()
    }
    assert ahead == {"0": 0, "20": 1, "100": 2}


RANGE = (
    "PRIORITY must be a whole number from -100 to 100 (the smaller goes first; less than 0 only"
    " where the operator allows it)"
)


@pytest.mark.parametrize(
    ("priority", "sentence"),
    [
        ("-1", f"{RANGE}, and for this owner not less than 0: it is -1"),
        ("101", f"{RANGE}, not '101'"),
        ("high", "PRIORITY must be a whole number"),
    ],
)
async def test_what_is_refused(http: httpx.AsyncClient, priority: str, sentence: str) -> None:
    answer = await http.post("/jobs", data={"CIRCUIT": BELL2, "PRIORITY": priority}, headers=JSON)
    assert sentence in answer.text
    expect(answer, 403)


async def test_of_a_pending_job_it_can_be_changed(http: httpx.AsyncClient, api: Api) -> None:
    url = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2, "PRIORITY": "5"}))
    expect(await http.post(f"{url}/parameters", data={"PRIORITY": "7"}), 303)
    job = await api.backends.jobs.reading.get(url.rsplit("/", 1)[1])
    assert job is not None
    assert job.priority == 7
