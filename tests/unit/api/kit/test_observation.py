"""What the line of a request says of a refusal, and what it does not say."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from circuits import BELL2
from in_process import open_api
from structlog.testing import capture_logs

from quws.api.kit.auth import AuthSettings
from quws.api.kit.observation import job_in
from quws.domain.caller import AuthMethod

pytestmark = pytest.mark.anyio

SECRET = "hunter2-and-more"
BROWSER = {"Accept": "text/html"}


async def logged(http: httpx.AsyncClient, method: str, url: str, **what: Any) -> dict[str, Any]:
    """Return the line of a request; what the request said in confidence is in no line."""
    with capture_logs() as lines:
        answer = await http.request(method, url, **what)
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["status"] == answer.status_code
    assert SECRET not in json.dumps(lines, default=str)
    return line


@pytest.fixture
async def users(tmp_path: Path, schema: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service where people sign in."""
    settings = AuthSettings(method=AuthMethod.USERS)
    async with open_api(tmp_path, schema, settings) as api, api.client() as http:
        yield http


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Host": "evil.example"}, 421, "unknown_host"),
        ({"X": "x" * 40_000}, 431, "headers_too_large"),
    ],
)
async def test_what_is_refused_for_its_head_has_its_reason(
    http: httpx.AsyncClient, headers: dict[str, str], status: int, code: str
) -> None:
    line = await logged(http, "GET", "/jobs", headers=headers)
    assert (line["status"], line["code"]) == (status, code)
    assert line["reason"]


@pytest.mark.parametrize(
    ("path", "job"),
    [
        ("/jobs/{}", True),
        ("/base/jobs/{}/results/counts", True),
        ("/v1/jobs/{}", True),
        ("/sessions/{}", False),
        ("/targets/chip/timeslots/{}", False),
        ("/jobs", False),
    ],
)
def test_a_path_names_a_job_or_what_has_ids_alike(path: str, job: bool) -> None:
    job_id = "019ac0de-0000-7000-8000-000000000000"
    assert job_in(path.format(job_id)) == (job_id if job else None)


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}, BROWSER])
async def test_a_refusal_has_its_reason(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for form, code, reason in (
        (
            {"SHOTS": SECRET},
            "invalid_parameter",
            r"SHOTS must be a whole number from 0 to \d+ \(.*\), not '…'",
        ),
        ({SECRET: "it's 'quoted'"}, "invalid_parameter", "there is no parameter '…'; a job .*"),
        ({"TARGET": SECRET}, "unknown_target", ".*'…'.*"),
    ):
        line = await logged(http, "POST", "/jobs", data={"CIRCUIT": BELL2} | form, headers=headers)
        assert (line["status"], line["code"]) == (403, code)
        assert re.fullmatch(reason, line["reason"]), line["reason"]


async def test_what_is_refused_by_no_handler_has_its_reason(http: httpx.AsyncClient) -> None:
    foreign = await logged(http, "POST", "/jobs", headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign["code"] == "cross_site"
    assert foreign["reason"].startswith("this came from a page of another site")
    nowhere = await logged(http, "GET", "/nowhere")
    assert (nowhere["code"], nowhere["reason"]) == ("not_found", "there is nothing at /nowhere")
    assert (await logged(http, "PUT", "/jobs"))["code"] == "method_not_allowed"


async def test_the_form_of_a_new_job_has_its_reason(http: httpx.AsyncClient) -> None:
    form = {"CIRCUIT": BELL2, "SHOTS": SECRET, "DO": "run"}
    line = await logged(http, "POST", "/new", data=form, headers=BROWSER)
    assert (line["status"], line["code"]) == (403, "invalid_parameter")


async def test_what_was_served_has_none(http: httpx.AsyncClient) -> None:
    await logged(http, "GET", "/nowhere")
    line = await logged(http, "GET", "/jobs")
    assert line["status"] == 200
    assert line.keys().isdisjoint({"code", "reason"})


async def test_who_is_not_let_in_has_a_reason(users: httpx.AsyncClient) -> None:
    wrong = await logged(users, "GET", "/jobs", auth=("ann", SECRET))
    assert (wrong["status"], wrong["code"]) == (401, "unauthenticated")
    assert wrong["reason"] == "these credentials are wrong, or have expired"
    bearer = {"Authorization": f"Bearer {SECRET}"}
    assert (await logged(users, "GET", "/jobs", headers=bearer))["code"] == "unauthenticated"
    asked = await logged(users, "GET", "/jobs", headers=BROWSER)
    assert asked["reason"] == "sign in: this service needs to know who asks"
    form = {"NAME": "ann", "PASSWORD": SECRET}
    page = await logged(users, "POST", "/account/sign-in", data=form, headers=BROWSER)
    assert (page["status"], page["reason"]) == (401, "name or password is wrong")
