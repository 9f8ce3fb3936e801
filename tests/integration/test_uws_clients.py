"""What UWS clients need beyond the standard, measured with released ones (K1 to K18)."""

from __future__ import annotations

import io
import re
from urllib.parse import urlencode

import httpx
import pytest
from astropy.io.votable import parse_single_table
from circuits import BELL2, flip
from harness import NO_TLS, Service
from integration.uws_helpers import (
    COMMON,
    ELEMENTS,
    Said,
    id_of,
    instant,
    is_nil,
    job_in,
    parameters,
    parse,
    phase_of,
    results,
)
from lxml import etree
from uws import HREF, NS, create, document, listed, text, wait

VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"
EMPTY_USER = {"Authorization": "Basic Og=="}


def root_tag(answer: httpx.Response) -> str:
    """The start tag of a document's root, as it is written."""
    found = re.search(r"<[A-Za-z_:]+(\s[^>]*)?>", answer.text)
    assert found is not None
    return found[0]


@pytest.mark.parametrize("mount", ["jobs", "async"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_K1_K2_urls_begin_with_the_one_that_the_client_was_given(
    service: Service, mount: str, host: str
) -> None:
    base = f"http://{host}:{httpx.URL(service.url).port}/{mount}"
    with httpx.Client(timeout=70, **NO_TLS) as http:
        answer = http.post(base, data={"CIRCUIT": BELL2, "PHASE": "RUN"})
        assert answer.status_code == 303
        job = answer.headers["Location"]
        assert re.fullmatch(re.escape(base) + r"/[0-9a-f-]+", job)
        assert wait(http, job) == "COMPLETED"
        assert all((item.get(HREF) or "").startswith(f"{job}/") for item in results(http, job))
        refs = document(http, base)
        assert all(
            ref.get(HREF) == f"{base}/{ref.get('id')}" for ref in refs.findall("uws:jobref", NS)
        )
        for child, form in (
            ("executionduration", {"EXECUTIONDURATION": "45"}),
            ("destruction", {"DESTRUCTION": instant(3600)}),
            ("phase", {"PHASE": "ABORT"}),
        ):
            other = http.post(base, data={"CIRCUIT": BELL2}).headers["Location"]
            answer = http.post(f"{other}/{child}", data=form)
            assert (answer.status_code, answer.headers["Location"]) == (303, other)
        answer = http.delete(job)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (303, base)


def test_K1_both_job_lists_are_one(http: httpx.Client, service: Service) -> None:
    job = create(http)
    elsewhere = job.replace("/jobs/", "/async/")
    assert text(document(http, elsewhere), "jobId") == id_of(job)
    assert id_of(job) in [ref.get("id") for ref in document(http, f"{service.url}/async")]


@pytest.mark.parametrize("phase", COMMON)
def test_K3_K4_the_xlink_prefix_is_declared_on_the_root(
    said_in: dict[str, Said], phase: str
) -> None:
    for name in ("", "list"):
        tag = root_tag(said_in[phase].answers[name])
        assert 'xmlns:xlink="http://www.w3.org/1999/xlink"' in tag
    assert "xlink:href=" in said_in[phase].answers["list"].text
    written = said_in[phase].answers[""].text
    assert written.count("xlink:href=") == (2 if phase == "COMPLETED" else 0)
    assert written.count("xmlns:xlink=") == 1


def test_K4_the_xlink_prefix_is_declared_in_an_empty_list(http: httpx.Client) -> None:
    tag = root_tag(http.get("/jobs?AFTER=2999-01-01"))
    assert 'xmlns:xlink="http://www.w3.org/1999/xlink"' in tag


@pytest.mark.parametrize("phase", COMMON)
def test_K5_parameters_and_results_are_always_there(said_in: dict[str, Said], phase: str) -> None:
    for name in ("parameters", "results"):
        assert len(said_in[phase].root().findall(f"uws:{name}", NS)) == 1


@pytest.mark.parametrize(
    "spelling", ["executionDuration", "EXECUTIONDURATION", "executionduration"]
)
def test_K6_the_duration_can_be_set_at_the_job(http: httpx.Client, spelling: str) -> None:
    job = create(http)
    for url, seconds in ((job, "45"), (f"{job}/executionduration", "46")):
        answer = http.post(url, data={spelling: seconds})
        assert (answer.status_code, answer.headers["Location"]) == (303, job)
        assert text(document(http, job), "executionDuration") == seconds


@pytest.mark.parametrize("spelling", ["destruction", "DESTRUCTION", "Destruction"])
def test_K6_the_destruction_can_be_set_at_the_job(http: httpx.Client, spelling: str) -> None:
    job = create(http)
    for url, seconds in ((job, 3600), (f"{job}/destruction", 7200)):
        when = instant(seconds)
        answer = http.post(url, data={spelling: when})
        assert (answer.status_code, answer.headers["Location"]) == (303, job)
        assert parse(text(document(http, job), "destruction")) == parse(when)


@pytest.mark.parametrize("spelling", ["PHASE", "phase", "Phase"])
def test_K6_the_phase_can_be_set_at_the_job(http: httpx.Client, spelling: str) -> None:
    for child in ("", "/phase"):
        aborted, run = create(http), create(http)
        answer = http.post(f"{aborted}{child}", data={spelling: "ABORT"})
        assert (answer.status_code, answer.headers["Location"]) == (303, aborted)
        assert phase_of(http, aborted) == "ABORTED"
        answer = http.post(f"{run}{child}", data={spelling: "RUN"})
        assert (answer.status_code, answer.headers["Location"]) == (303, run)
        assert wait(http, run) == "COMPLETED"


def test_K6_names_of_parameters_are_read_in_any_case(http: httpx.Client) -> None:
    answer = http.post("/jobs", data={"circuit": flip(1, 2), "Shots": "10", "tag": "a"})
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    http.post(job, data={"shots": "12"})
    assert http.get(f"{job}/parameters/shots").text == "12"
    assert http.put(f"{job}/parameters/shots", content=b"13").status_code < 400
    assert sorted(parameters(http, job))[1:] == [("SHOTS", "13"), ("TAG", "a")]


def test_K6_several_changes_may_come_at_once(http: httpx.Client) -> None:
    job = create(http, flip(1, 2), SHOTS=10)
    answer = http.post(
        job, data={"SHOTS": "12", "executionDuration": "45", "runId": "r", "PHASE": "RUN"}
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, job)
    assert wait(http, job) == "COMPLETED"
    root = document(http, job)
    assert (text(root, "executionDuration"), text(root, "runId")) == ("45", "r")
    counts = http.get(f"{job}/results/counts").json()["circuits"][0]["counts"]
    assert counts == {"10": 12}


@pytest.mark.parametrize(
    ("child", "query", "element", "expected"),
    [
        ("/phase", "PHASE=ABORT", "phase", "ABORTED"),
        ("", "PHASE=ABORT", "phase", "ABORTED"),
        ("/executionduration", "EXECUTIONDURATION=45", "executionDuration", "45"),
        ("", "runId=r", "runId", "r"),
        ("/parameters", "runId=r", "runId", "r"),
    ],
)
@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded"])
def test_K7_the_query_of_a_post_counts(
    http: httpx.Client,
    child: str,
    query: str,
    element: str,
    expected: str,
    content_type: str | None,
) -> None:
    job = create(http)
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = http.post(f"{job}{child}?{query}", content=b"", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, job)
    assert text(document(http, job), element) == expected


def test_K8_empty_credentials_are_those_of_nobody(http: httpx.Client) -> None:
    answer = http.post("/jobs", data={"CIRCUIT": BELL2}, headers=EMPTY_USER)
    assert answer.status_code == 303
    job = answer.headers["Location"]
    for url in ("/jobs", job, f"{job}/phase", f"{job}/results"):
        assert http.get(url, headers=EMPTY_USER).status_code == 200
    assert is_nil(document(http, job), "ownerId")
    run = http.post(f"{job}/phase", data={"PHASE": "RUN"}, headers=EMPTY_USER)
    assert run.status_code == 303
    assert wait(http, job) == "COMPLETED"
    assert http.delete(job, headers=EMPTY_USER).status_code == 303


def test_K9_ids_do_not_begin_with_a_letter_that_uws_client_eats(http: httpx.Client) -> None:
    for _ in range(5):
        job = id_of(create(http))
        assert job.lstrip("https://") == job  # noqa: B005 - this is just what that client does
        assert job[0].isdigit()


@pytest.mark.parametrize("mount", ["jobs", "async"])
def test_K11_the_main_result_is_a_votable(http: httpx.Client, mount: str) -> None:
    answer = http.post(f"/{mount}", data={"CIRCUIT": flip(1, 2), "SHOTS": "10", "PHASE": "RUN"})
    job = answer.headers["Location"]
    assert wait(http, job) == "COMPLETED"
    first = results(http, job)[0]
    assert (first.get("id"), first.get(HREF)) == ("result", f"{job}/results/result")
    download = http.get(f"{job}/results/result")
    assert download.headers["content-type"].split(";")[0] == "application/x-votable+xml"
    table = parse_single_table(io.BytesIO(download.content))
    assert list(table.array["outcome"]) == ["10"]
    assert list(table.array["count"]) == [10]
    status = etree.fromstring(download.content).find(
        f"{VOTABLE}RESOURCE[@type='results']/{VOTABLE}INFO[@name='QUERY_STATUS']"
    )
    assert status is not None
    assert status.get("value") == "OK"


def test_K12_an_error_is_a_votable(said_in: dict[str, Said]) -> None:
    answer = said_in["ERROR"].answers["error"]
    assert "votable" in answer.headers["content-type"]
    root = etree.fromstring(answer.content)
    # STILTS looks for unprefixed names.
    assert root.prefix is None
    status = root.find(f"{VOTABLE}RESOURCE[@type='results']/{VOTABLE}INFO[@name='QUERY_STATUS']")
    assert status is not None
    assert status.get("value") == "ERROR"
    assert status.text == text(said_in["ERROR"].root(), "errorSummary/message")


@pytest.mark.parametrize("phase", COMMON)
def test_K13_the_document_says_what_urls_and_children_say(
    said_in: dict[str, Said], phase: str
) -> None:
    job = said_in[phase]
    assert text(job.root(), "jobId") == id_of(job.url)
    assert job.ref.get("id") == id_of(job.url)
    for child, element in ELEMENTS.items():
        assert job.answers[child].text == (text(job.root(), element) or "")


def test_K14_what_pyvo_sends_makes_a_job(http: httpx.Client) -> None:
    form = {"REQUEST": "doQuery", "LANG": "ADQL", "QUERY": BELL2, "MAXREC": "10", "SHOTS": "20"}
    answer = http.post("/async", data=form)
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    assert http.post(f"{job}/phase", data={"PHASE": "RUN"}).status_code == 303
    assert wait(http, job) == "COMPLETED"
    assert sum(http.get(f"{job}/results/counts").json()["circuits"][0]["counts"].values()) == 20


def test_K14_other_unknown_parameters_are_refused_by_name(http: httpx.Client) -> None:
    # Clients could do with silence; users who mistype SHOTS could not.
    for query, name in (("?x=/async", "x"), ("?SHOTTS=5", "SHOTTS")):
        answer = http.post(f"/jobs{query}", data={"REQUEST": "doQuery", "CIRCUIT": BELL2})
        assert answer.status_code == 403
        assert f"'{name}'" in answer.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REQUEST", "doQuery"),
        ("LANG", "ADQL"),
        ("MAXREC", "100"),
        ("FORMAT", "votable"),
        ("RESPONSEFORMAT", "votable"),
        ("VERSION", "1.0"),
        ("UPLOAD", ""),
    ],
)
def test_K14_parameters_of_tap_do_no_harm(http: httpx.Client, name: str, value: str) -> None:
    job = create(http, **{name: value, "PHASE": "RUN"})
    assert wait(http, job) == "COMPLETED"


def test_K14_tables_may_be_uploaded_as_to_tap(http: httpx.Client) -> None:
    files = {
        "QUERY": (None, BELL2),
        "UPLOAD": (None, "one,param:one;two,param:two"),
        "one": ("one.vot", b"<VOTABLE/>"),
        "two": ("two.vot", b"\x00\xff"),
        "PHASE": (None, "RUN"),
    }
    answer = http.post("/async", files=files)
    assert answer.status_code == 303, answer.text
    job = answer.headers["Location"]
    assert wait(http, job) == "COMPLETED"
    assert http.get(f"{job}/parameters/one").content == b"<VOTABLE/>"
    assert http.get(f"{job}/parameters/two").content == b"\x00\xff"


def test_K14_stilts_body_in_chunks_with_its_boundary(http: httpx.Client) -> None:
    boundary = "<<<---BB03D6AC5B"
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("REQUEST", "doQuery"), ("LANG", "ADQL"), ("QUERY", BELL2))
    )
    chunks = iter([body.encode()[:50], body.encode()[50:], f"--{boundary}--\r\n".encode()])
    headers = {"Content-Type": f'multipart/form-data; boundary="{boundary}"'}
    answer = http.post("/async", content=chunks, headers=headers)
    assert answer.status_code == 303, answer.text
    assert http.get(f"{answer.headers['Location']}/parameters/QUERY").text == BELL2


def test_K14_pyvos_filters_are_understood(http: httpx.Client) -> None:
    job = create(http)
    query = urlencode(
        [
            ("PHASE", "PENDING"),
            ("PHASE", "HELD"),
            ("LAST", 5),
            ("AFTER", "2026-01-01T00:00:00.000000Z"),
        ]
    )
    root = document(http, f"/async?{query}")
    assert root.findall("uws:jobref", NS)[0].get("id") == id_of(job)


def test_K14_a_run_by_stilts(http: httpx.Client) -> None:
    """``tapresume``: RUN must answer exactly 303, and a phase that has passed must not wait."""
    job = create(http, SHOTS=10)
    assert (
        http.post(
            f"{job}/phase",
            content=b"PHASE=RUN",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ).status_code
        == 303
    )
    last = "PENDING"
    for _ in range(10):
        last = text(document(http, f"{job}?WAIT=-1&PHASE={last}"), "phase") or ""
        if last == "COMPLETED":
            break
    assert last == "COMPLETED"
    assert http.get(f"{job}/results/result").status_code == 200
    assert http.delete(job).status_code == 303
    assert http.get(job).status_code == 404


def test_K14_what_taplint_does_after_creation(http: httpx.Client) -> None:
    with job_in(http, "PENDING") as job:
        assert http.post(f"{job}/parameters", data={"runId": "TAPLINT-002"}).status_code < 400
        assert text(document(http, job), "runId") == "TAPLINT-002"
        assert http.get(f"{job}/executionduration").text.isdigit()
        assert http.get(f"{job}/quote").status_code == 200
        assert http.post(f"{job}/phase", data={"PHASE": "ABORT"}).status_code == 303
        assert phase_of(http, job) == "ABORTED"
        assert http.post(job, data={"ACTION": "DELETE"}).status_code == 303
        assert http.get(job).status_code == 404
        assert id_of(job) not in listed(http)
