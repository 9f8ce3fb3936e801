"""The pages as a browser gets them, and what their buttons do."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from answers import alert_of, expect, json_of, location_of
from circuits import BELL2
from finished import finished, sampled
from house import DESCRIPTION, ToldFacts
from in_process import URL, Api
from lxml import html
from store_helpers import entry, new_job

from quws.bus.dispatcher import UnfitWorker
from quws.domain.clock import utc_now
from quws.domain.errors import TooManyRequests, Unavailable
from quws.domain.job import Parameter
from quws.domain.outcome_texts import circuit_json
from quws.domain.sessions import SessionChanges, SessionMode

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def read(http: httpx.AsyncClient, url: str) -> html.HtmlElement:
    """Read a page."""
    answer = expect(await http.get(url, headers=BROWSER))
    assert answer.headers["content-type"].startswith("text/html"), url
    # What a page may do is said by no page alone.
    assert "default-src 'none'" in answer.headers["content-security-policy"], url
    return html.fromstring(answer.text)


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/", "Queues for quantum computers"),
        ("/jobs", "Jobs"),
        ("/new", "New job"),
        ("/account", "Account"),
        ("/operator", "Operator"),
        ("/targets", "Targets"),
        ("/targets/simulator", "simulator"),
    ],
)
async def test_a_page_has_its_heading(http: httpx.AsyncClient, path: str, heading: str) -> None:
    page = await read(http, path)
    found = [" ".join(item.text_content().split()) for item in page.xpath("//h1")]
    assert len(found) == 1
    assert heading in found[0]


async def test_a_target_tells_its_rules_of_sessions(api: Api, http: httpx.AsyncClient) -> None:
    ruled = SessionChanges(longest=3600, idle=20, most=2, modes=(SessionMode.BATCH,), who=("@lab",))
    others = [
        DESCRIPTION.model_copy(update={"name": "ruled", "sessions": ruled}),
        DESCRIPTION.model_copy(update={"name": "none", "sessions": SessionChanges(most=0)}),
    ]
    await api.backends.targets.register(others, utc_now(), replace=True)

    async def rules(name: str) -> list[str]:
        page = await read(http, f"/targets/{name}")
        found = page.xpath("//h2[.='Sessions']/following-sibling::*[1]")[0]
        return [" ".join(item.text_content().split()) for item in found.xpath(".//dd|self::p")]

    assert await rules("simulator") == [
        *("dedicated, batch", "8 h", "1 min, at most 5 min", "5"),
    ]
    assert await rules("ruled") == ["batch", "1 h", "20.0 s, at most 5 min", "2", "@lab"]
    assert await rules("none") == ["None can be opened of this target."]
    page = await read(http, "/sessions")
    assert page.xpath("//select[@name='TARGET']/option/text()") == ["ruled", "simulator"]
    assert page.xpath("//select[@name='TARGET']/option[@selected]/text()") == ["simulator"]
    assert page.xpath("//nav/a[@aria-current]/text()") == ["Sessions"]


async def test_an_operator_sees_which_worker_cannot_run_jobs(
    api: Api, http: httpx.AsyncClient
) -> None:
    page = await read(http, "/operator")
    assert page.xpath("//*[@id='workers']//li") == []
    unfit = UnfitWorker("simulator", "host:7", "no room in <folder>")
    await api.backends.dispatcher.tell_unfit(unfit)
    page = await read(http, "/operator")
    (line,) = page.xpath("//*[@id='workers']//li")
    assert line.text_content() == (
        "The worker host:7 of simulator could not run its last job and gave it back:"
        " no room in <folder>"
    )


@pytest.mark.parametrize(
    ("refusal", "status"), [(Unavailable("too busy"), 503), (TooManyRequests("one by one"), 429)]
)
async def test_whoever_comes_too_early_is_told_to_come_again(
    api: Api, http: httpx.AsyncClient, refusal: Unavailable, status: int
) -> None:
    checker = api.services.pictures._checker
    assert isinstance(checker, ToldFacts)
    checker.refuses = refusal
    for path in ("/jobs", "/new"):
        for accept in (BROWSER["Accept"], "application/json", "*/*"):
            data = {"CIRCUIT": BELL2, "DO": "create"}
            answer = await http.post(
                path,
                data=data if path == "/new" else {"CIRCUIT": BELL2},
                headers={"Accept": accept},
            )
            assert refusal.sentence in expect(answer, status).text
            assert answer.headers["retry-after"] == "5"


async def test_a_program_is_sent_from_the_first_page_to_the_list(http: httpx.AsyncClient) -> None:
    assert location_of(await http.get("/")) == "jobs"


async def test_a_circuit_has_a_page_of_its_own(http: httpx.AsyncClient) -> None:
    other = BELL2 + "// the other one\n"
    job = location_of(await http.post("/jobs", data={"CIRCUIT": [BELL2, other]}))
    page = await read(http, f"{job}/circuits/1")
    assert any("the other one" in item.text_content() for item in page.xpath("//pre"))
    missing = await http.get(f"{job}/circuits/2", headers=BROWSER)
    assert alert_of(missing, 404) == f"job {job.rsplit('/', 1)[1]} has no circuit 2"


@pytest.mark.parametrize("circuits", [1, 2])
async def test_a_page_names_the_libraries_that_ran_a_job(
    api: Api, http: httpx.AsyncClient, tmp_path: Path, circuits: int
) -> None:
    parameters = [Parameter("CIRCUIT", BELL2)] * circuits
    # As of a batch: what one circuit gave, in a file of its own, does not name them.
    alone = {"counts-0": "".join(circuit_json(sampled()[0])).encode()} if circuits > 1 else {}
    job = await finished(
        api.backends, sampled(circuits), tmp_path / "made", more=alone, parameters=parameters
    )
    page = await read(http, f"/jobs/{job.id}")
    (named,) = page.xpath("//dt[.='Versions']/following-sibling::dd[1]")
    assert named.text_content() == "python\xa03.11"


async def test_a_job_with_a_text_that_no_parser_takes_has_a_page(
    api: Api, http: httpx.AsyncClient
) -> None:
    job = new_job(owner=None, run_id="x" * 10_000_001)  # From before there was a limit.
    await api.backends.jobs.creation.add(job, [entry()])
    page = expect(await http.get(f"/jobs/{job.id}", headers=BROWSER)).text
    assert "&lt;uws:runId&gt;xxx" in page
    assert "x…" in page


async def test_an_error_is_a_page_that_says_what_is_wrong(http: httpx.AsyncClient) -> None:
    answer = await http.post("/jobs", data={"CIRCUIT": "no circuit"}, headers=BROWSER)
    assert alert_of(answer, 403) == "CIRCUIT: it is none"
    answer = await http.get("/jobs?LAST=none", headers=BROWSER)
    assert alert_of(answer, 400).startswith("LAST must be")


async def test_the_list_has_what_its_filters_leave(http: httpx.AsyncClient) -> None:
    pending = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2}))
    queued = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2, "PHASE": "RUN"}))

    async def listed(query: str) -> set[str]:
        page = await read(http, f"/jobs?{query}")
        return {link for link in page.xpath("//tbody//a/@href") if link in (pending, queued)}

    assert await listed("") == {pending, queued}
    assert await listed("PHASE=QUEUED&PHASE=ABORTED&AFTER=&LAST=") == {queued}
    assert await listed("LAST=1") == {queued}


async def test_several_jobs_are_deleted_at_once_and_the_list_says_how_many(
    http: httpx.AsyncClient,
) -> None:
    jobs = [location_of(await http.post("/jobs", data={"CIRCUIT": BELL2})) for _ in range(3)]
    ids = [job.rsplit("/", 1)[1] for job in jobs]
    form = {"ACTION": "DELETE", "JOB": [*ids[:2], ids[0], "nothing"], "BACK": "PHASE=PENDING"}
    asked = await http.post("/bulk", data=form, headers=BROWSER)
    action, fields = the_form_of(html.fromstring(expect(asked).text))
    assert action == f"{URL}/bulk"
    assert fields == [
        ("BACK", "PHASE=PENDING"),
        ("CONFIRMED", "true"),
        ("JOB", ids[0]),
        ("JOB", ids[1]),
        ("ACTION", "DELETE"),
    ]
    assert {job: (await http.get(job)).status_code for job in jobs} == dict.fromkeys(jobs, 200)
    form |= {"CONFIRMED": "true"}
    back = location_of(await http.post("/bulk", data=form))
    assert back == f"{URL}/jobs?PHASE=PENDING&DONE=delete-2-1"
    page = await read(http, back)
    (told,) = page.xpath('//*[@role="status"]')
    assert "2" in told.text_content()
    left = json_of(await http.get("/jobs", headers={"Accept": "application/json"}))
    assert [item["id"] for item in left] == [ids[2]]


def the_form_of(page: html.HtmlElement) -> tuple[str, list[tuple[str, str]]]:
    """Return where the one form of a page leads, and what its one button makes it send."""
    (form,) = page.xpath("//main//form")
    sent = [(item.get("name"), item.get("value")) for item in form.xpath(".//input")]
    (button,) = form.xpath(".//button")
    return form.get("action"), [*sent, (button.get("name"), button.get("value"))]


async def test_the_page_of_a_job_asks_before_it_is_deleted(http: httpx.AsyncClient) -> None:
    job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2, "RUNID": "<mine>"}))
    page = await read(http, job)
    (delete,) = page.xpath("//button[@value='DELETE']/ancestor::form")
    form = {item.get("name"): item.get("value") for item in delete.xpath(".//input")}
    asked = await http.post(delete.get("action"), data=form | {"ACTION": "DELETE"}, headers=BROWSER)
    question = html.fromstring(expect(asked).text)
    assert "Delete this job?" in question.text_content()
    assert question.xpath("//main//a[@class='what']/text()") == ["<mine>"]
    assert question.xpath("//a[contains(@class, 'button')]/@href")[-1] == job, "what keeps it"
    action, fields = the_form_of(question)
    assert expect(await http.get(f"{job}/phase")).text == "PENDING"
    assert location_of(await http.post(action, data=dict(fields))) == (
        f"{URL}/jobs?DONE=delete-1-0"
    )
    assert (await http.get(job)).status_code == 404


async def test_nothing_is_asked_where_there_is_nothing_to_delete(http: httpx.AsyncClient) -> None:
    form = {"ACTION": "DELETE", "JOB": ["nothing", "01a20edb-e0fa-7055-9891-ca025cab71d3"]}
    assert location_of(await http.post("/bulk", data=form)) == f"{URL}/jobs?DONE=delete-0-2"


async def test_an_unknown_action_does_nothing(api: Api, http: httpx.AsyncClient) -> None:
    job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2}))
    form = {"ACTION": "RUN", "JOB": job.rsplit("/", 1)[1]}
    answer = await http.post("/bulk", data=form, headers=BROWSER)
    assert alert_of(answer, 403) == "ACTION must be ABORT or DELETE"
    assert expect(await http.get(f"{job}/phase")).text == "PENDING"
