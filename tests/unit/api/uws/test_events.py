"""Streams of events and WAITs over HTTP: how many one caller may have."""

from __future__ import annotations

from pathlib import Path

import pytest
from answers import expect, location_of
from circuits import BELL2
from in_process import open_api

from quws.domain.caller import Caller
from quws.domain.policy import Policy

pytestmark = pytest.mark.anyio


async def test_whoever_has_too_many_requests_that_wait_is_told_to_come_again(
    tmp_path: Path, schema: Path
) -> None:
    policy = Policy(max_listeners=1)
    async with (
        open_api(tmp_path, schema, policy=policy) as api,
        api.client(("10.0.0.1", 1)) as http,
        api.client(("10.0.0.2", 1)) as elsewhere,
    ):
        job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2, "PHASE": "RUN"}))
        open_one = api.services.jobs.follower.feed(Caller(address="10.0.0.1"), None)
        await anext(open_one)
        waits = (f"{job}?WAIT=30", f"{job}/events", "/events", job.replace("/jobs/", "/sync/"))
        for path in waits:
            refused = expect(await http.get(path), 429)
            assert "no more than 1 request of one caller may wait for news" in refused.text, path
            assert refused.headers["retry-after"] == "5"
        expect(await http.get(job))
        expect(await elsewhere.get(f"{job}?WAIT=0"))
        await open_one.aclose()
        expect(await http.get(f"{job}?WAIT=0"))
