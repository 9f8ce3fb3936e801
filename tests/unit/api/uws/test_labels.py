"""Labels over HTTP, and lists of jobs by them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from answers import expect, json_of, location_of
from circuits import BELL2

pytestmark = pytest.mark.anyio
JSON = {"Accept": "application/json"}


async def job_of(http: httpx.AsyncClient, **form: Any) -> str:
    answer = await http.post("/jobs", data={"CIRCUIT": BELL2, **form})
    return location_of(answer)


async def labels(http: httpx.AsyncClient, url: str) -> Any:
    return json_of(await http.get(f"{url}/labels"))


async def test_labels_are_set_and_changed_by_form_and_json(http: httpx.AsyncClient) -> None:
    url = await job_of(http, NAME="n", RUNID="r", TAG=["a", "b"], METADATA='{"k": 1}')
    assert await labels(http, url) == {
        "name": "n",
        "run_id": "r",
        "tags": ["a", "b"],
        "metadata": {"k": 1},
    }
    assert json_of(await http.get(url, headers=JSON))["name"] == "n"
    expect(await http.post(f"{url}/phase", data={"PHASE": "ABORT"}), 303)
    expect(await http.post(f"{url}/labels", data={"ADDTAG": "c", "NAME": ""}), 303)
    change = {"run_id": None, "remove_tags": ["a"], "metadata": {"m": [None, "é"]}}
    answer = await http.post(f"{url}/labels", json=change)
    assert location_of(answer) == url
    found = {"name": None, "run_id": None, "tags": ["b", "c"], "metadata": {"m": [None, "é"]}}
    assert await labels(http, url) == found
    document = json_of(await http.get(url, headers=JSON))
    assert {name: document[name] for name in found} == found
    assert document["json_parameters"]["TAG"] == ["a", "b"], "what was sent stays what was sent"
    expect(await http.post(url, data={"NAME": "as other control parameters"}), 303)
    assert (await labels(http, url))["name"] == "as other control parameters"


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"tag": ["a"]}, 400, "the JSON of the body is not right at 'tag'"),
        ({"tags": "a"}, 400, "not right at 'tags'"),
        ({"tags": ["a", ""]}, 403, "TAG must be text of 1 to 200 characters"),
        ({"tags": ["a"], "add_tags": ["b"]}, 403, "send one or the other"),
        ({}, 403, "nothing to change"),
        ({"name": "\x01"}, 403, "NAME must not hold control characters"),
    ],
)
async def test_what_is_refused(
    http: httpx.AsyncClient, body: Any, status: int, sentence: str
) -> None:
    url = await job_of(http, TAG="a")
    answer = await http.post(f"{url}/labels", json=body, headers=JSON)
    assert sentence in json_of(answer, status)["detail"]
    assert (await labels(http, url))["tags"] == ["a"]


async def test_a_list_is_filtered_and_comes_in_pages(http: httpx.AsyncClient) -> None:
    urls = [await job_of(http, TAG="x", RUNID=f"r{k}") for k in range(5)]
    await job_of(http)
    seen: list[str] = []
    following: str | None = "/jobs?TAG=x&SORT=run_id&LIMIT=2"
    pages = 0
    while following:
        answer = await http.get(following, headers=JSON)
        seen += [item["url"] for item in json_of(answer)]
        following = answer.links.get("next", {}).get("url")
        pages += 1
    assert seen == urls
    assert pages == 3
    answer = await http.get("/jobs?TAG=x&LIMIT=2&LAST=3", headers=JSON)
    answer = await http.get(answer.links["next"]["url"], headers=JSON)
    assert [item["url"] for item in json_of(answer)] == [urls[2]]
    assert "next" not in answer.links
    found = json_of(await http.get("/jobs?RUNID=r3&text=R", headers=JSON))
    assert [item["url"] for item in found] == [urls[3]]
    # A UWS list is whole and in its own order, and says so to who asks for another.
    document = expect(await http.get("/jobs?TAG=x&request=getJobs&MAXREC=1&LANG=ADQL")).text
    assert [document.index(url) for url in urls[::-1]] == sorted(map(document.index, urls))
    for name in ("SORT", "LIMIT", "PAST"):
        refused = expect(await http.get(f"/jobs?{name}=1"), 400).text
        assert f"there is no filter '{name}' here; this list takes PHASE, " in refused
        assert "; as JSON it takes SORT, LIMIT, PAST as well" in refused


@pytest.mark.parametrize(
    ("path", "takes"),
    [
        ("/selection", "PHASE, AFTER, BEFORE, LAST, TAG, RUNID, TARGET, SESSION, TEXT"),
        ("{job}/circuits", "STATUS, LIMIT, PAST"),
        ("{job}/timeline", "STATUS, SOURCE"),
        ("/quota", "OWNER"),
    ],
)
async def test_no_list_leaves_out_a_filter_that_it_does_not_know(
    http: httpx.AsyncClient, path: str, takes: str
) -> None:
    url = path.format(job=await job_of(http))
    problem = json_of(await http.get(f"{url}?FIlTER=x&REQUEST=y", headers=JSON), 400)
    assert problem["detail"] == f"there is no filter 'FILTER' here; this list takes {takes}"
    assert (problem["code"], problem["parameter"]) == ("invalid_filter", "FILTER")


async def test_a_page_refuses_it_too(http: httpx.AsyncClient) -> None:
    page = expect(await http.get("/jobs?TAG=x&TAGS=y", headers={"Accept": "text/html"}), 400)
    assert "there is no filter" in page.text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("TAGS=x", "there is no filter 'TAGS' here; this list takes PHASE, AFTER, BEFORE,"),
        ("phase=PENDING&owner=anna", "there is no filter 'OWNER' here"),
        ("SORT=size", "SORT must be one of -creation_time, creation_time, run_id"),
        ("LIMIT=0", "LIMIT must be a whole number from 1 to 1000"),
        ("LIMIT=1001", "LIMIT must be"),
        ("PAST=x", "PAST must be what the link"),
        ("PAST=W10", "PAST must be what the link"),
        ("PAST=MQ", "PAST must be what the link"),
        ("RUNID=a&RUNID=b", "RUNID may be given once"),
        ("BEFORE=x", "BEFORE: "),
        ("TAG=%00", "TAG must be text"),
        (f"TEXT={'x' * 1001}", "TEXT must be text of at most 1000 characters"),
        ("&".join(f"TAG={k}" for k in range(21)), "TAG may be given at most 20 times"),
    ],
)
async def test_a_filter_that_is_malformed(
    http: httpx.AsyncClient, query: str, sentence: str
) -> None:
    assert sentence in json_of(await http.get(f"/jobs?{query}", headers=JSON), 400)["detail"]


async def test_the_page_of_the_list_takes_the_same_filters(http: httpx.AsyncClient) -> None:
    mine = await job_of(http, TAG="x", NAME="Anna's own", RUNID="r")
    await job_of(http, NAME="another")
    query = "PHASE=PENDING&TEXT=own&TAG=x&RUNID=r&TARGET=simulator&AFTER=&BEFORE=&LAST=&SORT=run_id"
    page = expect(await http.get(f"/jobs?{query}", headers={"Accept": "text/html"})).text
    assert "Anna&#39;s own" in page
    assert "another" not in page
    assert mine.rsplit("/", 1)[1] in page
