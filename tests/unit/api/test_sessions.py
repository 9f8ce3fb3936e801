"""Sessions over HTTP: opened, listed, closed and cancelled, as JSON and on a page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from answers import expect, json_of
from circuits import BELL2
from house import DESCRIPTION
from in_process import Api, open_api
from lxml import html

from quws.api.kit.auth import AuthSettings
from quws.domain.caller import AuthMethod
from quws.domain.clock import utc_now
from quws.domain.quotas import Group, QuotaRules
from quws.domain.sessions import SessionChanges, SessionMode

pytestmark = pytest.mark.anyio
JSON = {"Accept": "application/json"}
PAGE = {"Accept": "text/html"}
QUOTAS = QuotaRules(group={"lab": Group(members=("bert",))})
RULES = SessionChanges(longest=1000, most=2, modes=(SessionMode.BATCH,), who=("anna", "@lab"))


class House:
    def __init__(self, api: Api, clients: dict[str, httpx.AsyncClient]) -> None:
        self.api = api
        self.anna, self.bert, self.carl, self.otto = clients.values()


@pytest.fixture
async def house(tmp_path: Path, schema: Path) -> AsyncIterator[House]:
    auth = AuthSettings(method=AuthMethod.USERS)
    async with open_api(tmp_path, schema, auth=auth, rules=QUOTAS) as api:
        strict = DESCRIPTION.model_copy(update={"name": "strict", "sessions": RULES})
        await api.backends.targets.register([DESCRIPTION, strict], utc_now(), replace=True)
        made = {}
        for name in ("anna", "bert", "carl", "otto"):
            await api.services.accounts.add(name, f"{name}-password", operator=name == "otto")
            made[name] = api.client(auth=(name, f"{name}-password"))
        yield House(api, made)
        for client in made.values():
            await client.aclose()


async def opened(client: httpx.AsyncClient, **form: str) -> Any:
    return json_of(await client.post("/sessions", data=form), 201)


async def post(client: httpx.AsyncClient, **parameters: str) -> httpx.Response:
    form = {"CIRCUIT": BELL2, "SHOTS": "9", "PHASE": "RUN", **parameters}
    return await client.post("/jobs", data=form, headers=JSON)


async def sent(client: httpx.AsyncClient, **parameters: str) -> Any:
    url = expect(await post(client, **parameters), 303).headers["location"]
    return json_of(await client.get(url, headers=JSON))


async def test_one_is_opened_used_and_closed(house: House) -> None:
    anna, bert = house.anna, house.bert
    made = await opened(anna, IDLE_SECONDS="30")
    url = made["url"]
    assert (made["target"], made["mode"], made["state"]) == ("simulator", "dedicated", "open")
    assert (made["max_seconds"], made["idle_seconds"]) == (28_800, 30)
    assert (made["accepting_jobs"], made["owner"], made["start_time"]) == (True, "anna", None)
    assert json_of(await anna.get(url)) == made
    assert json_of(await anna.get("/sessions")) == [made]
    assert json_of(await bert.get("/sessions")) == []
    expect(await bert.get(url, headers=JSON), 403)
    expect(await bert.delete(url), 403)
    assert json_of(await house.otto.get("/sessions")) == [made]

    job = await sent(anna, SESSION=made["id"])
    assert (job["session"], job["target"]) == (made["id"], "simulator")
    assert (await sent(anna))["session"] is None
    assert json_of(await anna.get(url))["jobs_waiting"] == 1
    (found,) = json_of(await anna.get(made["jobs_url"], headers=JSON))
    assert found["id"] == job["id"]
    xml = expect(await anna.get(job["url"])).text
    assert f'<uws:parameter id="SESSION">{made["id"]}</uws:parameter>' in xml
    theirs = expect(await post(bert, SESSION=made["id"]), 403).json()
    assert (theirs["code"], theirs["parameter"]) == ("invalid_parameter", "SESSION")
    for wrong in ("x", "019ac0de-0000-7000-8000-000000000000"):
        assert expect(await post(anna, SESSION=wrong), 403).json()["parameter"] == "SESSION"
    other = expect(await post(anna, SESSION=made["id"], TARGET="strict"), 403).json()
    assert other["detail"] == (
        "TARGET must be simulator, which is that of the session, or left out"
    )

    again = await anna.patch(url, json={"accepting_jobs": True}, headers=JSON)
    assert expect(again, 403).json()["parameter"] == "accepting_jobs"
    closed = json_of(await anna.patch(url, json={"accepting_jobs": False}))
    assert (closed["state"], closed["accepting_jobs"]) == ("open", False), "its job waits"
    refused = expect(await post(anna, SESSION=made["id"]), 403).json()
    assert (refused["code"], refused["parameter"]) == ("session_closed", "SESSION")
    # As it was, but for that: nobody could repeat it otherwise.
    rerun = expect(await anna.post(f"{job['url']}/rerun"), 303).headers["location"]
    assert json_of(await anna.get(rerun, headers=JSON))["session"] is None

    cancelled = json_of(await anna.delete(url))
    assert (cancelled["state"], cancelled["jobs_waiting"]) == ("closed", 0)
    ended = json_of(await anna.get(job["url"], headers=JSON))
    assert ended["phase"] == "ABORTED"
    assert ended["timeline"][-1]["message"] == "its session was cancelled"
    assert json_of(await anna.delete(url)) == json_of(await anna.get(url)), "once more is nothing"


async def test_what_waits_to_be_run_can_be_changed_when_its_session_is_closed(
    house: House,
) -> None:
    anna = house.anna
    form = {"TARGET": "strict", "MODE": "batch"}
    first, second = await opened(anna, **form), await opened(anna, **form)
    json_of(await anna.delete(first["url"]))
    made = await anna.post("/jobs", data={"CIRCUIT": BELL2, "SHOTS": "9", "SESSION": second["id"]})
    url = expect(made, 303).headers["location"]
    json_of(await anna.patch(second["url"], json={"accepting_jobs": False}))

    async def changed(**form: str) -> Any:
        expect(await anna.post(f"{url}/parameters", data=form), 303)
        return json_of(await anna.get(url, headers=JSON))

    found = await changed(SHOTS="7")
    assert (found["session"], found["json_parameters"]["SHOTS"]) == (second["id"], "7")
    refused = await anna.post(f"{url}/parameters", data={"SESSION": first["id"]}, headers=JSON)
    assert expect(refused, 403).json()["code"] == "session_closed"
    third = await opened(anna, TARGET="simulator")
    found = await changed(SESSION=third["id"])
    assert (found["session"], found["target"]) == (third["id"], "simulator")
    found = await changed(SESSION="")
    assert (found["session"], found["target"]) == (None, "simulator")
    expect(await anna.post(f"{url}/phase", data={"PHASE": "RUN"}), 303)
    assert json_of(await anna.get(url, headers=JSON))["phase"] == "QUEUED"


async def test_what_its_operator_allows(house: House) -> None:
    for client, form, code, parameter in (
        (house.carl, {}, "forbidden", None),
        (house.anna, {}, "invalid_parameter", "MODE"),
        (house.anna, {"MODE": "other"}, "invalid_parameter", "MODE"),
        (house.anna, {"MODE": "batch", "MAX_SECONDS": "1001"}, "invalid_parameter", "MAX_SECONDS"),
        (house.anna, {"MODE": "batch", "MAX_SECONDS": "x"}, "invalid_parameter", "MAX_SECONDS"),
        (house.bert, {"MODE": "batch", "IDLE_SECONDS": "301"}, "invalid_parameter", "IDLE_SECONDS"),
        (house.anna, {"MODE": "batch", "SECONDS": "1"}, "invalid_parameter", "SECONDS"),
    ):
        answer = await client.post("/sessions", data={"TARGET": "strict", **form}, headers=JSON)
        found = expect(answer, 403).json()
        assert (found["code"], found.get("parameter")) == (code, parameter)
    for _ in range(2):
        wanted = {"target": "strict", "mode": "batch"}
        made = json_of(await house.anna.post("/sessions", json=wanted), 201)
        assert made["max_seconds"] == 1000
    full = expect(await house.anna.post("/sessions", json=wanted, headers=JSON), 403).json()
    assert (full["code"], full["limit"], full["used"]) == ("quota_exceeded", "sessions", 2)
    unknown = expect(await house.anna.post("/sessions", json={"target": "x"}, headers=JSON), 403)
    assert unknown.json()["code"] == "unknown_target"
    assert unknown.json()["detail"] == "there is no target 'x'; TARGET may be: simulator, strict"
    for given, sentence in (
        ({"more": 1}, "there is no parameter 'more', or it is given twice; a session takes TARGET"),
        ({"max_seconds": True}, "MAX_SECONDS must be a whole number from 0 to "),
        ({"IDLE_SECONDS": int("9" * 300)}, "IDLE_SECONDS must be a whole number from 0 to "),
    ):
        refused = await house.anna.post("/sessions", json=given, headers=JSON)
        detail = expect(refused, 403).json()["detail"]
        assert sentence in detail
        assert len(detail) < 200
    capitals = {"TARGET": "simulator", "MAX_SECONDS": "10", "idle_seconds": 5, "mode": None}
    made = json_of(await house.anna.post("/sessions", json=capitals), 201)
    assert (made["max_seconds"], made["idle_seconds"], made["mode"]) == (10, 5, "dedicated")
    assert json_of(await house.anna.get("/sessions?target=simulator")) == [made]
    assert len(json_of(await house.anna.get("/sessions"))) == 3
    assert "'FOO'" in expect(await house.anna.get("/sessions?FOO=1", headers=JSON), 400).text
    for body in ({"data": {"accepting_jobs": "false"}}, {"content": "x"}):
        kind = {"Content-Type": "text/plain"} if "content" in body else {}
        expect(await house.anna.patch(made["url"], **body, headers=kind), 415)
    for path in ("/sessions/x", "/sessions/019ac0de-0000-7000-8000-000000000000"):
        expect(await house.anna.get(path), 404)
        expect(await house.anna.post(path, data={"ACTION": "CLOSE"}), 404)
    wrong = await house.anna.post(made["url"], data={"ACTION": "DELETE"}, headers=JSON)
    assert expect(wrong, 403).json()["parameter"] == "ACTION"
    described = json_of(await house.anna.get("/targets/strict", headers=JSON))
    assert described["sessions"] == RULES.model_dump(mode="json")


async def test_a_target_without_sessions_says_so(house: House) -> None:
    none = DESCRIPTION.model_copy(update={"name": "lone", "sessions": SessionChanges(most=0)})
    await house.api.backends.targets.register([none], utc_now(), replace=True)
    refused = expect(await house.anna.post("/sessions", data={"TARGET": "lone"}, headers=JSON), 403)
    assert refused.json()["detail"] == "TARGET must be one that has sessions, and lone has none"


async def test_a_job_says_for_which_session_it_waits(house: House) -> None:
    anna, store = house.anna, house.api.backends.jobs
    made = await opened(anna)
    mine = await sent(anna, SESSION=made["id"])
    taken = await store.claims.take("simulator", "w", 60, utc_now(), most=1)
    assert [claim.id for claim in taken.claims] == [mine["id"]]
    following = await sent(anna, SESSION=made["id"])
    theirs = await sent(house.bert)
    ends = json_of(await anna.get(made["url"]))["ends"]
    assert theirs["queue_position"] == 1
    assert theirs["status"] == (
        "target simulator is dedicated to a session of another owner: it starts when that is closed"
        f" or has been idle for 60 seconds, at {ends} at the latest"
    )
    assert "session" not in following["status"]
    # What was PENDING in it may still be run; it is no new job.
    pending = expect(await post(anna, SESSION=made["id"], PHASE=""), 403)
    assert pending.json()["parameter"] == "PHASE"


async def test_the_page_opens_closes_and_cancels(house: House) -> None:
    anna = house.anna
    page = html.fromstring(expect(await anna.get("/sessions?TARGET=strict", headers=PAGE)).content)
    (form,) = page.xpath("//form[.//select[@name='TARGET']]")
    assert page.xpath("//option[@selected]/text()") == ["strict"]
    given = {"TARGET": "simulator", "MODE": "batch", "MAX_SECONDS": "", "IDLE_SECONDS": "5"}
    for _ in range(2):
        expect(await anna.post(form.get("action"), data=given, headers=PAGE), 303)
    page = html.fromstring(expect(await anna.get("/sessions", headers=PAGE)).content)
    assert len(page.xpath("//tbody/tr")) == 2
    buttons = page.xpath("(//tbody/tr)[1]//form")
    expect(await anna.post(buttons[0].get("action"), data={"ACTION": "CLOSE"}, headers=PAGE), 303)
    buttons = page.xpath("(//tbody/tr)[2]//form")
    expect(await anna.post(buttons[1].get("action"), data={"ACTION": "CANCEL"}, headers=PAGE), 303)
    page = html.fromstring(expect(await anna.get("/sessions", headers=PAGE)).content)
    assert not page.xpath("//tbody//form")
    assert [item["state"] for item in json_of(await anna.get("/sessions"))] == ["closed"] * 2
    target = expect(await anna.get("/targets/simulator", headers=PAGE)).text
    assert "/sessions?TARGET=simulator" in target
