"""Timeslots over HTTP: booked, listed, cancelled, on a page and in a calendar."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from answers import expect, json_of
from circuits import BELL2
from house import DESCRIPTION
from in_process import open_api
from lxml import html

from quws.api.kit.auth import AuthSettings
from quws.domain.caller import AuthMethod
from quws.domain.clock import utc_now
from quws.domain.quotas import Group, QuotaRules
from quws.domain.times import format_instant, parse_instant
from quws.domain.timeslots import TimeslotRules

pytestmark = pytest.mark.anyio
JSON = {"Accept": "application/json"}
PAGE = {"Accept": "text/html"}
SLOTS = "/targets/simulator/timeslots"
RULES = TimeslotRules(step=1, shortest=1, longest=60, most=2, who=("anna", "@lab"))
QUOTAS = QuotaRules(group={"lab": Group(members=("bert",))})


def soon(minutes: int = 5) -> datetime:
    return utc_now().replace(second=0, microsecond=0) + timedelta(minutes=minutes)


@pytest.fixture
async def clients(tmp_path: Path, schema: Path) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    auth = AuthSettings(method=AuthMethod.USERS)
    async with open_api(tmp_path, schema, auth=auth, rules=QUOTAS) as api:
        booked = DESCRIPTION.model_copy(update={"timeslots": RULES})
        strict = booked.model_copy(
            update={"name": "strict", "timeslots": RULES.model_copy(update={"required": True})}
        )
        plain = DESCRIPTION.model_copy(update={"name": "plain"})
        await api.backends.targets.register([booked, strict, plain], utc_now(), replace=True)
        made = {}
        for name in ("anna", "bert", "carl", "otto"):
            await api.services.accounts.add(name, f"{name}-password", operator=name == "otto")
            made[name] = api.client(auth=(name, f"{name}-password"))
        yield made
        for client in made.values():
            await client.aclose()


async def test_one_books_and_others_see_that_it_is_taken(
    clients: dict[str, httpx.AsyncClient],
) -> None:
    anna, bert, otto = clients["anna"], clients["bert"], clients["otto"]
    start = soon()
    form = {"START": format_instant(start), "MINUTES": "30"}
    made = json_of(await anna.post(SLOTS, data=form), 201)
    assert (made["target"], made["owner"], made["mine"]) == ("simulator", "anna", True)
    assert parse_instant(made["end"]) - parse_instant(made["start"]) == timedelta(minutes=30)
    assert json_of(await anna.get(SLOTS)) == json_of(await anna.get("/timeslots")) == [made]
    assert json_of(await anna.get(made["url"])) == made
    (seen,) = json_of(await bert.get(SLOTS))
    assert (seen["owner"], seen["mine"]) == (None, False)
    assert json_of(await bert.get(made["url"])) == seen
    # A calendar names it as the page of the event.
    page = expect(await anna.get(made["url"], headers=PAGE), 303)
    assert page.headers["location"] == made["url"].rsplit("/", 1)[0]
    assert json_of(await bert.get("/timeslots")) == []
    (seen,) = json_of(await otto.get(SLOTS))
    assert (seen["owner"], seen["mine"]) == ("anna", False)

    wanted = {"start": format_instant(start + timedelta(minutes=29)), "minutes": 5}
    taken = expect(await bert.post(SLOTS, json=wanted, headers=JSON), 409).json()
    assert taken["code"] == "timeslot_taken"
    assert f"from {made['start']} to {made['end']}" in taken["detail"]
    for wrong, name in (({"start": "x"}, "START"), ({"minutes": 1.5}, "MINUTES"), ({}, "END")):
        given = {key: text for key, text in wanted.items() if wrong or key != "minutes"}
        problem = expect(await bert.post(SLOTS, json=given | wrong, headers=JSON), 403).json()
        assert problem["parameter"] == name
        assert name in problem["detail"]
    wanted["start"] = made["end"]
    theirs = json_of(await bert.post(SLOTS, json=wanted), 201)
    expect(await anna.delete(theirs["url"]), 403)
    expect(await otto.delete(theirs["url"]), 204)
    expect(await anna.delete(made["url"]), 204)
    expect(await anna.delete(made["url"]), 404)
    expect(await anna.get(made["url"]), 404)
    assert json_of(await otto.get(SLOTS)) == []


async def test_the_operators_rules(clients: dict[str, httpx.AsyncClient]) -> None:
    anna = clients["anna"]
    form = {"START": format_instant(soon()), "MINUTES": "30"}
    for client, changed, status, code in (
        ("carl", {}, 403, "forbidden"),
        ("anna", {"MINUTES": "61"}, 403, "invalid_parameter"),
        ("anna", {"MINUTES": "x"}, 403, "invalid_parameter"),
        ("anna", {"START": "tomorrow"}, 403, "invalid_parameter"),
        ("anna", {"END": form["START"]}, 403, "invalid_parameter"),
        ("anna", {"LENGTH": "5"}, 403, "invalid_parameter"),
    ):
        answer = await clients[client].post(SLOTS, data=form | changed, headers=JSON)
        assert expect(answer, status).json()["code"] == code
    for place in range(2):
        form["START"] = format_instant(soon(5 + 30 * place))
        expect(await anna.post(SLOTS, data=form), 201)
    form["START"] = format_instant(soon(100))
    problem = expect(await anna.post(SLOTS, data=form, headers=JSON), 403).json()
    assert (problem["code"], problem["limit"]) == ("quota_exceeded", "timeslots")
    for path in ("/targets/plain/timeslots", "/targets/none/timeslots"):
        expect(await anna.get(path, headers=JSON), 404)
    described = json_of(await anna.get("/targets/simulator", headers=JSON))
    assert described["timeslots"]["longest"] == 60
    assert json_of(await anna.get("/targets/plain", headers=JSON))["timeslots"] is None


async def test_jobs_that_are_to_run_in_timeslots(clients: dict[str, httpx.AsyncClient]) -> None:
    anna = clients["anna"]

    async def post(**parameters: str) -> httpx.Response:
        form = {"CIRCUIT": BELL2, "SHOTS": "9", **parameters}
        return await anna.post("/jobs", data=form, headers=JSON)

    needed = expect(await post(TARGET="strict", PHASE="RUN"), 403).json()
    assert (needed["code"], needed["parameter"]) == ("timeslot_required", "TIMESLOT")
    none = expect(await post(TARGET="strict", TIMESLOT="required", PHASE="RUN"), 403).json()
    assert none["code"] == "no_booked_timeslots"
    plain = expect(await post(TARGET="plain", TIMESLOT="required"), 403).json()
    assert "cannot be booked" in plain["detail"]
    expect(await post(TIMESLOT="maybe"), 403)
    job = expect(await post(TIMESLOT="required"), 303).headers["location"]
    expect(await anna.post(f"{job}/phase", data={"PHASE": "RUN"}), 303)
    held = json_of(await anna.get(job, headers=JSON))
    assert held["phase"] == "HELD"
    assert held["status"].startswith("no_booked_timeslots: ")
    form = {"START": format_instant(soon(10)), "MINUTES": "30"}
    booked = json_of(await anna.post(SLOTS, data=form), 201)
    expect(await anna.post(f"{job}/phase", data={"PHASE": "RUN"}), 303)
    queued = json_of(await anna.get(job, headers=JSON))
    assert queued["phase"] == "QUEUED"
    assert queued["status"] == (
        f"it runs in the timeslots of its owner on target simulator; next: at {booked['start']}"
    )


async def test_the_page_books_and_cancels(clients: dict[str, httpx.AsyncClient]) -> None:
    anna = clients["anna"]
    page = html.fromstring(expect(await anna.get(SLOTS, headers=PAGE)).content)
    (form,) = page.xpath("//form[.//input[@name='START']]")
    given = {"START": f"{soon(10):%Y-%m-%dT%H:%M}", "MINUTES": "30"}
    answer = expect(await anna.post(form.get("action"), data=given, headers=PAGE), 303)
    page = html.fromstring(expect(await anna.get(answer.headers["location"], headers=PAGE)).content)
    (cancel,) = page.xpath("//tbody//form")
    others = html.fromstring(expect(await clients["bert"].get(SLOTS, headers=PAGE)).content)
    assert "another's" in others.xpath("string(//tbody)")
    assert not others.xpath("//tbody//form")
    gone = await anna.post(cancel.get("action"), data={"ACTION": "DELETE"}, headers=PAGE)
    expect(gone, 303)
    assert json_of(await anna.get(SLOTS)) == []
    target = expect(await anna.get("/targets/simulator", headers=PAGE)).text
    assert "/targets/simulator/timeslots" in target


async def test_a_calendar(clients: dict[str, httpx.AsyncClient]) -> None:
    anna = clients["anna"]
    form = {"START": format_instant(soon(10)), "MINUTES": "30"}
    made = json_of(await anna.post(SLOTS, data=form), 201)
    for path in (f"{SLOTS}.ics", "/timeslots.ics"):
        answer = expect(await anna.get(path))
        assert answer.headers["content-type"].startswith("text/calendar")
        text = answer.text
        assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n")
        assert text.endswith("END:VCALENDAR\r\n")
        assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
        whole = text.replace("\r\n ", "")
        start = re.sub(r"[-:]|\.000", "", made["start"])
        assert f"\r\nDTSTART:{start}\r\n" in whole
        assert f"\r\nUID:{made['id']}@quws.test\r\n" in whole
        assert "\r\nSUMMARY:simulator: yours\r\n" in whole
        assert f"\r\nURL:{made['url']}\r\n" in whole
