"""All jobs of a filter: counted, run, aborted, deleted and labelled by one request."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from answers import expect, json_of, location_of
from circuits import BELL2
from in_process import Api
from lxml import html

from quws.services.jobs import bulk

pytestmark = pytest.mark.anyio
JSON = {"Accept": "application/json"}
BROWSER = {"Accept": "text/html"}


async def job_of(http: httpx.AsyncClient, **form: Any) -> str:
    return location_of(await http.post("/jobs", data={"CIRCUIT": BELL2, **form}))


async def phase(http: httpx.AsyncClient, url: str) -> str:
    return expect(await http.get(f"{url}/phase")).text


async def act(http: httpx.AsyncClient, query: str, **body: Any) -> Any:
    return json_of(await http.post(f"/selection?{query}", json=body))


async def test_a_preview_says_how_many(http: httpx.AsyncClient) -> None:
    await job_of(http, TAG="x")
    await job_of(http, TAG="x", PHASE="RUN")
    await job_of(http)
    found = json_of(await http.get("/selection?TAG=x"))
    before = found.pop("before")
    assert (await act(http, f"TAG=x&BEFORE={before}", action="LABEL", name="n"))["done"] == 2
    assert found == {
        "jobs": 2,
        "phases": {"PENDING": 1, "QUEUED": 1},
        "actions": {"RUN": 1, "ABORT": 2, "DELETE": 2, "LABEL": 2},
    }


async def test_each_action_is_done_with_those_with_which_it_can_be(
    api: Api, http: httpx.AsyncClient
) -> None:
    pending = [await job_of(http, TAG="x") for _ in range(3)]
    aborted = await job_of(http, TAG="x")
    expect(await http.post(f"{aborted}/phase", data={"PHASE": "ABORT"}), 303)
    other = await job_of(http)
    nothing = {"held": 0, "left": 0, "complete": True, "why": None}
    assert await act(http, "TAG=x", action="RUN") == {"action": "RUN", "done": 3, **nothing}
    assert [await phase(http, url) for url in (*pending, aborted, other)] == [
        *("QUEUED",) * 3,
        "ABORTED",
        "PENDING",
    ]
    assert (await act(http, "TAG=x", action="RUN"))["done"] == 0
    assert (await act(http, "TAG=x", action="LABEL", add_tags=["y"], run_id="r"))["done"] == 4
    assert (await act(http, "TAG=x", action="LABEL", add_tags=["y"], run_id="r"))["done"] == 0
    assert (await act(http, "TAG=y&PHASE=QUEUED&RUNID=r", action="ABORT"))["done"] == 3
    told = {event.job_id for event in api.hub.told if event.phase == "ABORTED"}
    assert told == {url.rsplit("/", 1)[1] for url in (*pending, aborted)}
    answer = await http.post("/selection?TAG=y", data={"ACTION": "DELETE"})
    assert json_of(answer)["done"] == 4
    assert [item["url"] for item in json_of(await http.get("/jobs", headers=JSON))] == [other]


async def test_what_is_not_done_in_time_is_left_to_the_same_request(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        await job_of(http)
    monkeypatch.setattr(bulk, "_CHUNK", 2)
    moments = iter([0.0, 0.0, 0.0, 99.0])
    with monkeypatch.context() as slow:
        slow.setattr(bulk, "monotonic", lambda: next(moments))
        first = await act(http, "", action="RUN")
    assert (first["done"], first["complete"]) == (4, False)
    second = await act(http, "", action="RUN")
    assert (second["done"], second["complete"]) == (1, True)


async def test_of_a_request_that_is_cut_off_whole_chunks_are_done(
    api: Api, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        await job_of(http)
    monkeypatch.setattr(bulk, "_CHUNK", 2)
    cut = asyncio.CancelledError()
    deleted = api.backends.announcer.deleted

    async def dies(job_id: str) -> None:
        await deleted(job_id)
        if len(api.hub.told) >= 8:
            raise cut

    with monkeypatch.context() as short:
        short.setattr(api.services.jobs.bulk._announcer, "deleted", dies)
        with pytest.raises(asyncio.CancelledError):
            await act(http, "", action="DELETE")
    assert json_of(await http.get("/selection"))["jobs"] == 1
    assert (await act(http, "", action="DELETE"))["done"] == 1


@pytest.mark.parametrize(
    ("query", "form", "status", "sentence"),
    [
        ("", {}, 403, "ACTION must be RUN, ABORT, DELETE or LABEL"),
        ("", {"ACTION": "delete"}, 403, "ACTION must be"),
        ("ACTION=DELETE", {}, 400, "there is no filter 'ACTION' here"),
        ("", {"ACTION": "RUN", "TAG": "a"}, 403, "RUN takes no 'TAG'"),
        ("", {"ACTION": "LABEL"}, 403, "nothing to change"),
        ("LAST=1", {"ACTION": "DELETE"}, 400, "LAST cannot be given here"),
        ("PHASE=x", {"ACTION": "DELETE"}, 400, "PHASE must be one of"),
    ],
)
async def test_what_is_refused_has_changed_nothing(
    http: httpx.AsyncClient, query: str, form: dict[str, str], status: int, sentence: str
) -> None:
    await job_of(http)
    answer = await http.post(f"/selection?{query}", data=form, headers=JSON)
    assert sentence in json_of(answer, status)["detail"]
    assert json_of(await http.get("/selection"))["phases"] == {"PENDING": 1}


async def test_in_a_browser(http: httpx.AsyncClient) -> None:
    for _ in range(2):
        await job_of(http, TAG="x")
    listed = html.fromstring(expect(await http.get("/jobs?TAG=x", headers=BROWSER)).text)
    (link,) = listed.xpath("//a[contains(@href, '/selection')]/@href")
    page = html.fromstring(expect(await http.get(link, headers=BROWSER)).text)
    assert page.xpath("//h1")[0].text == "2 jobs fit the filter"
    (url,) = set(page.xpath("//form[contains(@action, 'selection')]/@action"))
    assert set(parse_qs(urlsplit(url).query)) == {"TAG", "BEFORE"}
    form = {"ACTION": "LABEL", "ADDTAG": "y", "REMOVETAG": "", "RUNID": ""}
    back = location_of(await http.post(url, data=form, headers=BROWSER))
    assert "2 jobs were labelled." in expect(await http.get(back, headers=BROWSER)).text
    back = location_of(await http.post(url, data={"ACTION": "DELETE"}, headers=BROWSER))
    assert "2 jobs were deleted." in expect(await http.get(back, headers=BROWSER)).text
