"""/sync waits for a job that is under way, and makes one job under one key."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from answers import location_of, refusal_of
from circuits import BELL2
from in_process import URL, Api
from store_helpers import NOW, entry, new_job

from quws.domain.phases import Phase

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("phase", [Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED])
async def test_a_job_that_is_under_way_is_waited_for(
    api: Api, http: httpx.AsyncClient, phase: Phase
) -> None:
    store = api.backends.jobs
    job = new_job(owner=None, phase=Phase.QUEUED, queued_time=NOW)
    await store.creation.add(job, [entry()])
    if phase is not Phase.QUEUED:
        claim = await store.claims.claim(job.target, "worker", 3600, NOW)
        assert claim is not None
        if phase is Phase.SUSPENDED:
            assert await store.publishing.hand_back(claim, entry())
    asked = asyncio.create_task(http.get(f"/sync/{job.id}"))
    waits = asyncio.create_task(api.hub.asleep.get())
    await asyncio.wait({asked, waits}, return_when=asyncio.FIRST_COMPLETED, timeout=10)
    assert not asked.done(), f"answered at once: {location_of(asked.result())}"
    assert waits.done(), "nobody waits for the job"
    location_of(await http.post(f"/jobs/{job.id}/phase", data={"PHASE": "ABORT"}))
    # Its end was waited for, and not only one look at it.
    sentence = refusal_of(await asyncio.wait_for(asked, 10), 400, "no_result")
    assert sentence.startswith(f"job {job.id} is ABORTED and gives no result")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_same_key_makes_one_job(http: httpx.AsyncClient, method: str) -> None:
    sent = {"params" if method == "GET" else "data": {"CIRCUIT": BELL2}}
    first, again = [
        location_of(await http.request(method, "/sync", headers={"Idempotency-Key": "k"}, **sent))
        for _ in range(2)
    ]
    other = location_of(
        await http.request(method, "/sync", headers={"Idempotency-Key": "other"}, **sent)
    )
    assert first == again
    assert other != first
    assert first.startswith(f"{URL}/sync/")


async def test_sync_runs_at_once_and_knows_no_other_phase(http: httpx.AsyncClient) -> None:
    location_of(await http.post("/sync", data={"CIRCUIT": BELL2, "PHASE": "RUN"}))
    for phase in ("ABORT", "", "PENDING"):
        answer = await http.post("/sync", data={"CIRCUIT": BELL2, "PHASE": ["RUN", phase]})
        sentence = refusal_of(answer, 403, "invalid_parameter")
        assert sentence.startswith("PHASE must be RUN at /sync")
