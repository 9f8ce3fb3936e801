"""Webhooks from end to end: the service tells a real receiver of a job, whoever runs it."""

from __future__ import annotations

import httpx
import pytest
from answers import expect, json_of
from circuits import BELL2
from harness import Service
from receiver import receiving

pytestmark = pytest.mark.anyio


async def test_a_job_and_its_owner_are_told(service: Service) -> None:
    async with receiving() as receiver, httpx.AsyncClient(base_url=service.url) as http:
        secret = json_of(await http.post("/webhooks/secret"), 201)["secret"]
        form = {"CIRCUIT": BELL2, "PHASE": "RUN", "WEBHOOK": receiver.url}
        url = expect(await http.post("/jobs", data=form), 303).headers["location"]
        got = await receiver.waits_for(3)
        assert [item.type for item in got] == TOLD
        assert {item.job for item in got} == {url.rsplit("/", 1)[1]}
        assert all(item.signed_with(secret) for item in got)
        expect(await http.delete(url), 303)
        assert (await receiver.waits_for(4))[-1].type == "job.deleted"
        text = expect(await http.get("/webhooks")).text
        assert secret not in text
        for found in json_of(await http.get("/webhooks")):
            expect(await http.delete(f"/webhooks/{found['id']}"), 204)


TOLD = ["job.queued", "job.executing", "job.completed"]
