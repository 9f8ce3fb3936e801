"""/sync, /capabilities, /availability, quotes, and URLs behind a proxy."""

from __future__ import annotations

import io
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from answers import refusal_of
from astropy.io.votable import parse_single_table
from circuits import BELL2, ENDLESS, slow
from harness import Service, embedded
from lxml import etree
from uws import NIL, NS, create, document, job_json, listed, story, text, wait

from quws.processes.serve import EXAMPLE

VOSI = "{http://www.ivoa.net/xml/VOSIAvailability/v1.0}"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_sync_gives_the_result_and_the_job_stays_in_the_list(
    http: httpx.Client, method: str
) -> None:
    form = {"CIRCUIT": BELL2, "SHOTS": "25"}
    if method == "GET":
        answer = http.get("/sync", params=form, follow_redirects=True)
    else:
        answer = http.post("/sync", data=form, follow_redirects=True)
    assert answer.status_code == 200, answer.text
    table = parse_single_table(io.BytesIO(answer.content))
    assert sum(table.array["count"]) == 25
    job_id = str(answer.url).split("/")[-3]
    assert job_id in listed(http)


def test_the_example_of_the_greeting_ends_with_counts(service: Service) -> None:
    done = subprocess.run(
        f"{EXAMPLE} {service.url}/sync", shell=True, capture_output=True, text=True, check=True
    )
    (counts,) = (circuit["counts"] for circuit in json.loads(done.stdout)["circuits"])
    assert set(counts) == {"00", "11"}
    assert sum(counts.values()) == 1000


def test_sync_of_a_bad_circuit_is_refused(http: httpx.Client) -> None:
    answer = http.post("/sync", data={"CIRCUIT": "rubbish"}, follow_redirects=True)
    assert refusal_of(answer, 403, "invalid_payload").startswith("CIRCUIT: ")


def test_sync_of_a_job_that_was_aborted_says_so(http: httpx.Client) -> None:
    answer = http.post("/sync", data={"CIRCUIT": ENDLESS, "SHOTS": "1"})
    assert answer.status_code == 303
    waiting = answer.headers["Location"]
    http.post(waiting.replace("/sync/", "/jobs/") + "/phase", data={"PHASE": "ABORT"})
    ended = http.get(waiting)
    assert " is ABORTED and gives no result" in refusal_of(ended, 400, "no_result")


def test_a_page_of_another_site_cannot_make_a_job(http: httpx.Client) -> None:
    before = listed(http)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert http.get("/sync", params={"CIRCUIT": BELL2}, headers=foreign).status_code == 403
    assert http.post("/jobs", data={"CIRCUIT": BELL2}, headers=foreign).status_code == 403
    assert listed(http) == before


def test_V2_the_capabilities_name_uws(http: httpx.Client, service: Service) -> None:
    root = etree.fromstring(http.get("/capabilities").content)
    found = {item.get("standardID"): item.findtext("interface/accessURL") for item in root}
    assert found["ivo://ivoa.net/std/UWS#rest-1.1"] == service.jobs
    assert found["ivo://ivoa.net/std/VOSI#availability"] == f"{service.url}/availability"
    assert found["ivo://ivoa.net/std/VOSI#capabilities"] == f"{service.url}/capabilities"


def test_the_service_says_that_it_is_available_and_since_when(http: httpx.Client) -> None:
    root = etree.fromstring(http.get("/availability").content)
    assert root.findtext(f"{VOSI}available") == "true"
    since = datetime.fromisoformat(root.findtext(f"{VOSI}upSince") or "")
    assert since <= datetime.now(UTC)
    assert http.get("/health/ready").status_code == 200


def test_Q1_a_quote_is_learned_from_past_jobs(tmp_path: Path) -> None:
    circuit = slow(22, 120)
    with embedded(tmp_path) as service, service.client() as http:
        first = create(http, circuit)
        quote = document(http, first).find("uws:quote", NS)
        assert quote is not None
        assert quote.get(NIL) == "true"
        answer = http.get(f"{first}/quote")
        assert (answer.status_code, answer.text) == (200, "")
        http.post(f"{first}/phase", data={"PHASE": "RUN"})
        wait(http, first)
        took = instant_of(http, first, "endTime") - instant_of(http, first, "startTime")
        about = 0.1 * took + timedelta(seconds=0.1)

        second, sent, answered = quoted(http, circuit)
        quote_of_second = instant_of(http, second, "quote")
        assert http.get(f"{second}/quote").text == text(document(http, second), "quote")
        assert sent + took - about < quote_of_second < answered + took + about, took

        http.post(f"{second}/phase", data={"PHASE": "RUN"})
        wait(http, second, "EXECUTING")
        queued, sent, answered = quoted(http, circuit, PHASE="RUN")
        # Behind one that runs already: when that one will be done, and as long again.
        free = instant_of(http, second, "startTime") + took
        earliest, latest = (max(free, moment) + took for moment in (sent, answered))
        found = instant_of(http, queued, "quote")
        assert earliest - 2 * about < found < latest + 2 * about, story(job_json(http, queued))


def quoted(http: httpx.Client, circuit: str, **parameters: str) -> tuple[str, datetime, datetime]:
    """Create a job; it was quoted between the two instants."""
    sent = datetime.now(UTC)
    job = create(http, circuit, **parameters)
    return job, sent, datetime.now(UTC)


def instant_of(http: httpx.Client, job: str, element: str) -> datetime:
    return datetime.fromisoformat(text(document(http, job), element) or "")


def test_behind_a_proxy_every_url_is_the_public_one(tmp_path: Path) -> None:
    public = "https://quantum.example.org/lab/quws"
    with embedded(tmp_path, {"QUWS_PUBLIC_URL": f"{public}/"}) as service:
        with service.client() as http:
            answer = http.post("/jobs", data={"CIRCUIT": BELL2, "PHASE": "RUN"})
            location = answer.headers["Location"]
            assert location.startswith(f"{public}/jobs/")
            # A proxy may take the prefix off, or pass the path on as it is.
            inside = location.removeprefix(public)
            wait(http, inside)
            kept = http.get(location.removeprefix("https://quantum.example.org"))
            for page in (http.get(inside).text, http.get("/jobs").text, kept.text):
                assert service.url not in page
                assert f'"{public}/jobs/' in page
            told = job_json(http, inside)
            assert told["url"].startswith(public)
            assert all(item["url"].startswith(public) for item in told["results"])
            assert http.delete(inside).headers["Location"] == f"{public}/jobs"
            assert f"{public}/sync" in http.get("/capabilities").text
            page = http.get("/", headers={"Accept": "text/html"}).text
            assert f'href="{public}/static/quws.css?' in page
