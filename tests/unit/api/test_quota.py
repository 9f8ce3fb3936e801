"""Quotas over HTTP: what is used, and what is refused in the format of whoever asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from answers import expect, json_of
from circuits import BELL2
from in_process import open_api
from lxml import html

from quws.domain.policy import Policy
from quws.domain.quotas import Group, Limits, QuotaRules

pytestmark = pytest.mark.anyio
JSON = {"Accept": "application/json"}
PAGE = {"Accept": "text/html"}
RULES = QuotaRules(
    user={"": Limits(day_shots=100, job_shots=90, jobs=3)},
    group={"lab": Group(members=("", "anna"), pending=5)},
)
JOB = {"CIRCUIT": BELL2, "SHOTS": "60", "PHASE": "RUN"}


@pytest.fixture
async def http(tmp_path: Path, schema: Path) -> AsyncIterator[httpx.AsyncClient]:
    policy = Policy(max_stored_bytes=0)
    async with open_api(tmp_path, schema, rules=RULES, policy=policy) as opened:
        async with opened.client() as client:
            yield client


async def test_what_one_may_have_and_has(http: httpx.AsyncClient) -> None:
    expect(await http.post("/jobs", data=JOB), 303)
    found = json_of(await http.get("/quota"))
    assert found["owner"] == "", "as in all other documents"
    limits = {item["limit"]: item for item in found["limits"]}
    assert set(limits) == {"jobs", "pending", "job_shots", "day_shots"}
    day = limits["day_shots"]
    assert (day["most"], day["used"], day["left"], day["group"]) == (100, 60, 40, None)
    assert day["frees"].endswith("T00:00:00.000Z")
    assert (limits["pending"]["group"], limits["pending"]["used"]) == ("lab", 0)
    assert limits["job_shots"]["used"] is None
    page = html.fromstring(expect(await http.get("/quota", headers=PAGE)).content)
    rows = {row.findtext("th"): row.text_content() for row in page.iterfind(".//tbody/tr")}
    assert "60100" in "".join(rows["Shots in a day (UTC)"].split())
    assert "group lab" in rows["Jobs that are PENDING or HELD"]


async def test_what_is_used_up_says_so_in_every_format(http: httpx.AsyncClient) -> None:
    expect(await http.post("/jobs", data=JOB), 303)
    told = expect(await http.post("/jobs", data=JOB, headers=JSON), 429)
    assert 1 <= int(told.headers["retry-after"]) <= 86_400
    problem = told.json()
    assert (problem["code"], problem["limit"]) == ("quota_exceeded", "day_shots")
    assert (problem["most"], problem["used"]) == (100, 60)
    assert problem["frees"].endswith("T00:00:00.000Z")
    assert "group" not in problem
    text = expect(await http.post("/jobs", data=JOB), 429).text
    assert text.startswith("quota_exceeded: 60 of the 100 shots that this owner may have in a day")
    page = expect(await http.post("/jobs", data=JOB, headers=PAGE), 429)
    assert "60 of the 100 shots" in page.text
    assert len(json_of(await http.get("/jobs", headers=JSON))) == 1, "nothing was made"


async def test_what_does_not_free_itself_is_forbidden(http: httpx.AsyncClient) -> None:
    answer = expect(await http.post("/jobs", data=JOB | {"SHOTS": "91"}, headers=JSON), 403)
    assert "retry-after" not in answer.headers
    assert answer.json()["limit"] == "job_shots"
    small = {"CIRCUIT": BELL2, "SHOTS": "9"}
    for _ in range(3):
        expect(await http.post("/jobs", data=small), 303)
    answer = expect(await http.post("/jobs", data=small, headers=JSON), 403)
    assert (answer.json()["limit"], answer.json()["used"]) == ("jobs", 3)


async def test_the_quotas_of_others_are_theirs(http: httpx.AsyncClient) -> None:
    answer = expect(await http.get("/quota?OWNER=anna", headers=JSON), 403)
    assert answer.json()["code"] == "forbidden"
    assert "you have not signed in; where nobody does, leave it out" in answer.json()["detail"]
