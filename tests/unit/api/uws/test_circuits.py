"""The circuits of a job over HTTP: pages of them, one, and those that are aborted."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from answers import expect, json_of, location_of
from circuits import BELL2
from house import DESCRIPTION
from in_process import Api
from store_helpers import FAILURE, LONG, NOW, a_result, entry

from quws.domain.clock import utc_now
from quws.domain.job import Claim

pytestmark = pytest.mark.anyio
JSON = {"Accept": "application/json"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(autouse=True)
async def _many(api: Api) -> None:
    """The target takes as many circuits as simulators do."""
    many = DESCRIPTION.model_copy(update={"max_circuits": 10_000})
    await api.backends.targets.register([many], utc_now(), replace=True)


async def job_of(http: httpx.AsyncClient, circuits: int, **form: Any) -> str:
    return location_of(await http.post("/jobs", data={"CIRCUIT": [BELL2] * circuits, **form}))


async def claimed(api: Api) -> Claim:
    found = await api.backends.jobs.claims.claim("simulator", "worker-1", LONG, utc_now())
    assert found is not None
    return found


async def standing(http: httpx.AsyncClient, url: str, query: str = "") -> list[tuple[int, str]]:
    found = json_of(await http.get(f"{url}/circuits{query}", headers=JSON))
    return [(item["index"], item["status"]) for item in found]


async def test_circuits_stand_where_they_stand(api: Api, http: httpx.AsyncClient) -> None:
    url = await job_of(http, 4, PHASE="RUN")
    held = await claimed(api)
    assert await api.backends.jobs.publishing.store_circuits(
        held,
        range(2),
        [a_result("counts-0")],
        entry("circuit done"),
        NOW,
        [a_result("circuit-0")],
        failed={1: "too wide"},
    )
    expect(await http.post(f"{url}/circuits/3", data={"ACTION": "ABORT"}), 303)
    first, second, third, last = json_of(await http.get(f"{url}/circuits"))
    assert first == {
        "index": 0,
        "url": f"{url}/circuits/0",
        "status": "completed",
        "message": None,
        "attempt": 1,
        "start_time": "2026-11-21T10:00:00.123Z",
        "end_time": "2026-11-21T10:00:00.123Z",
        "source_url": f"{url}/parameters/CIRCUIT",
        "result_url": f"{url}/results/counts-0",
        "compiled_url": f"{url}/results/circuit-0",
    }
    assert (second["status"], second["message"], second["result_url"]) == (
        "failed",
        "too wide",
        None,
    )
    assert (third["status"], third["end_time"]) == ("waiting", None)
    assert third["source_url"] == f"{url}/parameters/CIRCUIT/2"
    assert last["status"] == "aborted"
    assert json_of(await http.get(f"{url}/circuits/1", headers=JSON)) == second
    assert await standing(http, url, "?STATUS=failed&status=aborted") == [
        (1, "failed"),
        (3, "aborted"),
    ]
    document = json_of(await http.get(url, headers=JSON))
    told = {name: document[name] for name in document if name.startswith("circuits")}
    assert told == {
        "circuits": 4,
        "circuits_done": 1,
        "circuits_failed": 1,
        "circuits_aborted": 1,
        "circuits_url": f"{url}/circuits",
    }
    xml = (await http.get(url)).text
    assert "<q:circuitsFailed>1</q:circuitsFailed><q:circuitsAborted>1</q:circuitsAborted>" in xml
    assert 'status="circuits aborted" source="user" message="3"' in xml


async def test_they_come_in_pages(http: httpx.AsyncClient) -> None:
    url = await job_of(http, 250)
    answer = await http.get(f"{url}/circuits")
    assert [item["index"] for item in json_of(answer)] == list(range(100))
    assert answer.links["next"]["url"] == f"{url}/circuits?LIMIT=100&PAST=99"
    answer = await http.get(f"{url}/circuits?STATUS=waiting&LIMIT=200&PAST=9")
    assert [item["index"] for item in json_of(answer)] == list(range(10, 210))
    answer = await http.get(answer.links["next"]["url"])
    assert ([item["index"] for item in json_of(answer)], answer.links) == (
        list(range(210, 250)),
        {},
    )


@pytest.mark.parametrize(
    ("sent", "aborted"),
    [
        ({"data": {"ACTION": "ABORT", "INDEX": "1,3-4"}}, {1, 3, 4}),
        ({"data": {"action": "ABORT", "index": ["0", "2-2"]}}, {0, 2}),
        ({"json": {"ACTION": "ABORT", "INDEX": [1, "3-4"]}}, {1, 3, 4}),
    ],
)
async def test_several_are_aborted_at_once(
    http: httpx.AsyncClient, sent: dict[str, Any], aborted: set[int]
) -> None:
    url = await job_of(http, 5, PHASE="RUN")
    assert location_of(await http.post(f"{url}/circuits", **sent)) == f"{url}/circuits"
    assert {index for index, _ in await standing(http, url, "?STATUS=aborted")} == aborted
    assert (await http.get(f"{url}/phase")).text == "QUEUED"


async def test_the_last_one_takes_the_job_along(http: httpx.AsyncClient) -> None:
    url = await job_of(http, 3)
    expect(await http.post(f"{url}/circuits/1", json={"ACTION": "ABORT"}), 303)
    expect(await http.post(f"{url}/circuits", data={"ACTION": "ABORT", "INDEX": "0-2"}), 303)
    assert (await http.get(f"{url}/phase")).text == "ABORTED"
    answer = await http.post(f"{url}/circuits/0", data={"ACTION": "ABORT"}, headers=JSON)
    assert json_of(answer, 403)["code"] == "illegal_in_phase"


async def test_a_job_of_one_circuit_is_its_circuit(http: httpx.AsyncClient) -> None:
    url = await job_of(http, 1)
    assert await standing(http, url) == [(0, "waiting")]
    assert await standing(http, url, "?STATUS=failed") == []
    expect(await http.post(f"{url}/circuits/0", data={"ACTION": "ABORT"}), 303)
    assert (await http.get(f"{url}/phase")).text == "ABORTED"
    assert await standing(http, url) == [(0, "aborted")]


async def test_what_never_ran_ends_with_its_job(api: Api, http: httpx.AsyncClient) -> None:
    stopped = await job_of(http, 3, PHASE="RUN")
    await api.backends.jobs.publishing.fail(await claimed(api), FAILURE, entry(), circuit=1)
    assert await standing(http, stopped) == [(0, "skipped"), (1, "failed"), (2, "skipped")]
    assert await standing(http, stopped, "?STATUS=skipped") == [(0, "skipped"), (2, "skipped")]
    assert await standing(http, stopped, "?STATUS=waiting") == []
    aborted = await job_of(http, 2)
    expect(await http.post(f"{aborted}/phase", data={"PHASE": "ABORT"}), 303)
    assert await standing(http, aborted, "?STATUS=aborted") == [(0, "aborted"), (1, "aborted")]


@pytest.mark.parametrize(
    ("form", "path", "status", "sentence"),
    [
        ({}, "circuits", 403, "ACTION must be ABORT"),
        ({"ACTION": "DELETE", "INDEX": "1"}, "circuits", 403, "ACTION must be ABORT"),
        ({"ACTION": "ABORT"}, "circuits", 403, "INDEX is missing"),
        ({"ACTION": "ABORT", "INDEX": "1-3"}, "circuits", 403, "INDEX must be indices of circuits"),
        ({"ACTION": "ABORT", "INDEX": "1"}, "circuits/1", 403, "ABORT takes no 'INDEX' here"),
        ({"ACTION": "ABORT"}, "circuits/3", 404, "has no circuit 3"),
        ({"ACTION": "ABORT"}, "circuits/01", 404, "has no circuit 01"),
        ({"ACTION": "ABORT"}, f"circuits/{10**30}", 404, f"has no circuit {10**30}"),
        ({"ACTION": "ABORT"}, f"circuits/{10**50}", 404, f"has no circuit {10**39}…"),
    ],
)
async def test_what_is_refused_changes_nothing(
    http: httpx.AsyncClient, form: dict[str, str], path: str, status: int, sentence: str
) -> None:
    url = await job_of(http, 3)
    answer = await http.post(f"{url}/{path}", data=form, headers=JSON)
    assert sentence in json_of(answer, status)["detail"]
    assert await standing(http, url, "?STATUS=aborted") == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("STATUS=done", "STATUS must be one of waiting, completed, failed, aborted, skipped"),
        ("PAST=x", "PAST must be the index of a circuit"),
        ("LIMIT=0", "LIMIT must be a whole number from 1 to 1000"),
    ],
)
async def test_a_filter_that_is_none_is_refused(
    http: httpx.AsyncClient, query: str, sentence: str
) -> None:
    url = await job_of(http, 2)
    answer = await http.get(f"{url}/circuits?{query}", headers=JSON)
    assert sentence in json_of(answer, 400)["detail"]


async def test_circuits_that_have_ended_stay(api: Api, http: httpx.AsyncClient) -> None:
    url = await job_of(http, 3, PHASE="RUN")
    await api.backends.jobs.publishing.store_circuits(
        await claimed(api), range(2), [a_result("counts-0"), a_result("counts-1")], entry(), NOW
    )
    answer = await http.post(f"{url}/circuits", data={"ACTION": "ABORT", "INDEX": "0-1"})
    assert "ABORT needs a circuit that has not ended" in answer.text
    expect(answer, 403)
    expect(await http.post(f"{url}/circuits", data={"ACTION": "ABORT", "INDEX": "1-2"}), 303)
    assert await standing(http, url) == [(0, "completed"), (1, "completed"), (2, "aborted")]


async def test_their_pages(http: httpx.AsyncClient) -> None:
    url = await job_of(http, 150)
    expect(await http.post(f"{url}/circuits/7", data={"ACTION": "ABORT"}), 303)
    page = (await http.get(f"{url}/circuits", headers=BROWSER)).text
    assert f'href="{url}/circuits?LIMIT=100&amp;PAST=99"' in page
    assert 'name="INDEX"' in page
    # The filter shows nothing chosen, and what it sends then lists all circuits.
    assert '<option value="">All circuits</option>' in page
    assert " selected" not in page
    assert len(await standing(http, url, "?STATUS=")) == 100
    page = (await http.get(f"{url}/circuits?STATUS=aborted", headers=BROWSER)).text
    assert f'<a href="{url}/circuits/7">7</a>' in page
    assert f'<a href="{url}/circuits/8">8</a>' not in page
    assert "aborted" in (await http.get(f"{url}/circuits/7", headers=BROWSER)).text
    assert 'value="ABORT"' in (await http.get(f"{url}/circuits/8", headers=BROWSER)).text
    page = (await http.get(url, headers=BROWSER)).text
    assert f'href="{url}/circuits?STATUS=aborted"' in page
