"""The page of webhooks."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from answers import expect, json_of
from in_process import Api, open_api

from quws.api.kit.auth import AuthSettings
from quws.domain.caller import AuthMethod

pytestmark = pytest.mark.anyio
URL = "https://example.org/told"


async def test_webhooks_are_made_shown_and_removed(api: Api) -> None:
    async with api.client(headers={"Accept": "text/html,*/*;q=0.8"}) as http:
        assert "You have no webhooks" in expect(await http.get("/manage/webhooks")).text
        form = {"URL": URL, "EVENT": ["job.error", "job.completed"]}
        made = expect(await http.post("/manage/webhooks", data=form))
        assert re.search("whsec_[A-Za-z0-9+/=]+", made.text)
        assert made.headers["cache-control"] == "no-store"
        expect(await http.post("/manage/webhooks", data={"URL": f"{URL}2"}), 303)
        page = expect(await http.get("/manage/webhooks")).text
        assert "whsec_" not in page
        assert "job.error, job.completed" in page
        assert "everything" in page
        assert "whsec_" in expect(await http.post("/manage/webhooks/secret")).text
        found = json_of(await http.get("/webhooks"))
        for item in found:
            expect(await http.post("/manage/webhooks/retry", data={"WEBHOOK": item["id"]}), 303)
            expect(await http.post("/manage/webhooks/remove", data={"WEBHOOK": item["id"]}), 303)
        assert json_of(await http.get("/webhooks")) == []
        expect(await http.post("/manage/webhooks/remove", data={"WEBHOOK": "x"}), 404)


@pytest.mark.parametrize("url", ["", "http://127.0.0.1/", "ftp://example.org/"])
async def test_what_cannot_be_one_is_said_on_the_page(http: httpx.AsyncClient, url: str) -> None:
    answer = await http.post("/manage/webhooks", data={"URL": url})
    assert "URL must" in expect(answer, 403).text
    assert json_of(await http.get("/webhooks")) == []


async def test_nobody_who_has_to_sign_in_comes_here_without(tmp_path: Path, schema: Path) -> None:
    settings = AuthSettings(method=AuthMethod.USERS)
    async with open_api(tmp_path, schema, settings) as opened, opened.client() as http:
        expect(await http.get("/manage/webhooks"), 401)
        for path in ("", "/remove", "/retry", "/secret"):
            expect(await http.post(f"/manage/webhooks{path}", data={"URL": URL}), 401)
