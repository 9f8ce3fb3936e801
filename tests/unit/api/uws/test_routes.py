"""The UWS tree: what a client may keep, and what it is told without pages."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx
import pytest
from answers import expect, json_of, location_of
from circuits import BELL2
from in_process import URL, Api
from store_helpers import NOW, entry, new_job

from quws.domain.job import Result
from quws.domain.phases import Phase

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def test_a_parameter_that_was_changed_is_sent_anew(http: httpx.AsyncClient) -> None:
    job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2, "SHOTS": "10"}))
    url = f"{job}/parameters/SHOTS"
    first = expect(await http.get(url))
    kept = {"If-None-Match": first.headers["etag"]}
    expect(await http.get(url, headers=kept), 304)
    location_of(await http.post(job, data={"SHOTS": "12"}))
    again = expect(await http.get(url, headers=kept))
    assert again.text == "12"
    assert again.headers["etag"] != first.headers["etag"]
    # A range of what was kept would be put together with a part of something else.
    part = {"Range": "bytes=1-1", "If-Range": first.headers["etag"]}
    assert expect(await http.get(url, headers=part)).text == "12"
    part["If-Range"] = again.headers["etag"]
    assert expect(await http.get(url, headers=part), 206).text == "2"


async def test_each_repeated_value_is_found_by_its_link(http: httpx.AsyncClient) -> None:
    circuits = [BELL2 + f"// {index} " + "0123456789\r\n" * 1000 for index in range(3)]
    job = location_of(await http.post("/jobs", data={"CIRCUIT": circuits}))
    found = json_of(await http.get(f"{job}/parameters", headers={"Accept": "application/json"}))
    read = [expect(await http.get(item["href"])).content for item in found["CIRCUIT"]]
    assert read == [item.encode() for item in circuits]


async def test_a_browser_gets_the_documents_where_there_are_no_pages(api: Api) -> None:
    async with api.client() as http:
        job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2}))
        paths = ("/jobs", job, "/targets", "/targets/simulator")
        for path in paths:
            page = expect(await http.get(path, headers=BROWSER))
            assert page.headers["content-type"].startswith("text/html"), path
        api.app.state.pages = None
        for path in paths:
            page = expect(await http.get(path, headers=BROWSER))
            plain = expect(await http.get(path))
            assert page.content == plain.content, path


async def test_the_page_of_a_job_has_its_xml_and_follows_its_events(
    http: httpx.AsyncClient,
) -> None:
    job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2, "RUNID": "<mine>"}))
    page = expect(await http.get(job, headers=BROWSER)).text
    assert "&lt;uws:runId&gt;&amp;lt;mine&amp;gt;&lt;/uws:runId&gt;" in page
    assert json_of(await http.get(job, headers={"Accept": "application/json"}))["url"] == job


async def test_the_page_links_each_value_that_lies_elsewhere(http: httpx.AsyncClient) -> None:
    # Not UTF-8, so that it cannot stand in the XML.
    form = urlencode({"CIRCUIT": BELL2, "REQUEST": [b"\xff", b"\xfe"]}, doseq=True)
    answer = await http.post(
        "/jobs", content=form, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    job = location_of(answer)
    page = expect(await http.get(job, headers=BROWSER)).text
    assert [f'href="{job}/parameters/REQUEST{end}"' in page for end in ("", "/1")] == [True, True]


async def test_each_result_is_kept_under_a_mark_of_its_own(
    api: Api, http: httpx.AsyncClient
) -> None:
    store = api.backends.jobs
    job = new_job(owner=None, phase=Phase.QUEUED, queued_time=NOW)
    await store.creation.add(job, [entry()])
    claim = await store.claims.claim(job.target, "worker", 3600, NOW)
    assert claim is not None
    results = []
    for name, content in (("result", b"<VOTABLE/>"), ("counts", b"{}")):
        await api.backends.artifacts.put(f"jobs/{name}", content)
        results.append(Result(name, f"jobs/{name}", len(content), "text/plain"))
    assert await store.publishing.complete(claim, results, entry(), 1.0)
    found = [
        expect(await http.get(f"/jobs/{job.id}/results/{name}")) for name in ("result", "counts")
    ]
    assert [item.content for item in found] == [b"<VOTABLE/>", b"{}"]
    kept = [{"If-None-Match": item.headers["etag"]} for item in found]
    assert kept[0] != kept[1]
    expect(await http.get(f"/jobs/{job.id}/results/counts", headers=kept[1]), 304)
    expect(await http.get(f"/jobs/{job.id}/results/counts", headers=kept[0]), 200)
    assert location_of(await http.get(f"/sync/{job.id}")) == f"{URL}/jobs/{job.id}/results/result"


async def test_a_job_comes_with_what_it_gave(api: Api, http: httpx.AsyncClient) -> None:
    http.headers["Accept"] = "application/json"
    store = api.backends.jobs
    job = new_job(owner=None, phase=Phase.QUEUED, queued_time=NOW)
    await store.creation.add(job, [entry()])
    wanted = f"/jobs/{job.id}?OUTCOMES=True"
    assert json_of(await http.get(wanted))["outcomes"] is None
    assert "outcomes" not in json_of(await http.get(f"/jobs/{job.id}"))
    claim = await store.claims.claim(job.target, "worker", 3600, NOW)
    assert claim is not None
    keys = await api.backends.artifacts.put_together("jobs/all", [b"x", b'{"version":1}'])
    found = Result("counts", keys[1], 13, "application/json")
    assert await store.publishing.complete(claim, [found], entry(), 1.0)
    whole = json_of(await http.get(wanted))
    assert whole["outcomes"] == {"version": 1}
    assert {**whole, "outcomes": None} == {
        **json_of(await http.get(f"/jobs/{job.id}")),
        "outcomes": None,
    }
    refused = await http.get(f"/jobs/{job.id}?OUTCOMES=all")
    assert "OUTCOMES must be true or false, not 'all'" in expect(refused, 400).text
