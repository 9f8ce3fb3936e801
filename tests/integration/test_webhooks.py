"""Webhooks from end to end: the service tells a real receiver of a job, whoever runs it."""

from __future__ import annotations

import httpx
import pytest
from answers import expect, json_of
from circuits import BELL2
from harness import Service
from receiver import receiving
from typer.testing import CliRunner

from quws.cli.webhooks import webhooks as command
from quws.client import Client

pytestmark = pytest.mark.anyio


async def test_a_job_and_its_owner_are_told(service: Service) -> None:
    async with receiving() as receiver, httpx.AsyncClient(base_url=service.url, timeout=70) as http:
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


async def test_by_the_client_and_the_command(service: Service) -> None:
    def call(*arguments: str) -> str:
        result = CliRunner().invoke(command, [*arguments, "--url", service.url])
        assert result.exit_code == 0, result.output
        return result.output

    async with receiving() as receiver:
        with Client(service.url) as client:
            made = client.webhooks.add(receiver.url, ["job.completed"])
            assert [item.id for item in client.webhooks.all() if item.standing] == [made.id]
            assert client.webhooks.renew_secret().startswith("whsec_")
            job = client.submit(BELL2)
        (got,) = await receiver.waits_for(1)
        assert (got.type, got.job) == ("job.completed", job.id)
        assert f"{made.id}  {receiver.url}  job.completed" in call("list")
        assert call("retry", made.id) == "0 messages tried once more\n"
        assert call("deliveries", made.id, "--state", "dead") == ""
        assert job.id in call("deliveries", made.id)
        assert call("secret").startswith("whsec_")
        call("remove", made.id)
        other = call("add", f"{receiver.url}/2", "--event", "job.error").splitlines()
        call("remove", other[0])
        refused = CliRunner().invoke(command, ["remove", other[0], "--url", service.url])
        assert refused.exit_code == 1
        assert f"there is no webhook {other[0]}" in refused.output


TOLD = ["job.queued", "job.executing", "job.completed"]
