"""Webhooks over HTTP: made, listed, removed; secrets are told once."""

from __future__ import annotations

import httpx
import pytest
from answers import expect, json_of
from circuits import BELL2

pytestmark = pytest.mark.anyio
JSON = {"Accept": "application/json"}
URL = "https://example.org/told?for=me"


async def test_a_webhook_is_made_listed_and_removed(http: httpx.AsyncClient) -> None:
    made = json_of(await http.post("/webhooks", data={"URL": URL, "EVENT": "job.error"}), 201)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert (made["url"], made["standing"], made["events"]) == (URL, True, ["job.error"])
    assert json_of(await http.get("/webhooks")) == [made]
    other = json_of(await http.post("/webhooks", json={"url": f"{URL}2"}), 201)
    assert other["secret"] is None, "there is one already"
    assert other["events"] is None
    url = f"/webhooks/{made['id']}"
    assert json_of(await http.get(url)) == made
    for path in ("/webhooks", url, f"{url}/deliveries"):
        expect(await http.head(path))
    assert json_of(await http.get(f"{url}/deliveries?STATE=dead")) == []
    assert json_of(await http.post(f"{url}/retry")) == {"retried": 0}
    assert json_of(await http.post("/webhooks/secret"), 201)["secret"] != secret
    expect(await http.delete(url), 204)
    for answer in (await http.get(url), await http.delete(url)):
        expect(answer, 404)
    text = expect(await http.get("/webhooks")).text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"URL": "http://127.0.0.1/"}, "private, loopback or link-local"),
        ({"URL": "http://[::ffff:10.0.0.1]/"}, "private, loopback or link-local"),
        ({"URL": "example.org"}, "URL must be an http or https URL"),
        ({}, "URL must be given once"),
        ({"URL": URL, "EVENT": "job.lost"}, "EVENT must be one of job.pending, "),
        ({"URL": URL, "SECRET": "x"}, "there is no parameter 'SECRET'"),
    ],
)
async def test_what_is_refused(
    http: httpx.AsyncClient, body: dict[str, str], sentence: str
) -> None:
    answer = await http.post("/webhooks", data=body, headers=JSON)
    assert sentence in json_of(answer, 403)["detail"]
    assert json_of(await http.get("/webhooks")) == []


async def test_a_job_names_one_that_can_be_signed(http: httpx.AsyncClient) -> None:
    form = {"CIRCUIT": BELL2, "WEBHOOK": URL}
    refused = json_of(await http.post("/jobs", data=form, headers=JSON), 403)
    assert refused["parameter"] == "WEBHOOK"
    assert "POST webhooks/secret" in refused["detail"]
    expect(await http.post("/webhooks/secret"), 201)
    url = expect(await http.post("/jobs", data=form), 303).headers["location"]
    assert json_of(await http.get(url, headers=JSON))["json_parameters"]["WEBHOOK"] == URL
    (found,) = json_of(await http.get("/webhooks"))
    assert (found["url"], found["standing"]) == (URL, False)
    answer = await http.post(f"{url}/parameters", data={"WEBHOOK": f"{URL}&new"})
    expect(answer, 303)
    assert [item["url"] for item in json_of(await http.get("/webhooks"))] == [URL, f"{URL}&new"]
    form["WEBHOOK"] = "http://169.254.169.254/"
    assert "link-local" in json_of(await http.post("/jobs", data=form, headers=JSON), 403)["detail"]
