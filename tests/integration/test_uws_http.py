"""UWS 1.1: binding to HTTP, version and discovery (H1 to H14, V1 to V3)."""

from __future__ import annotations

import re
from http.client import HTTPConnection

import httpx
import pytest
from circuits import BELL2
from harness import Service
from integration.uws_helpers import (
    CHILDREN,
    COMMON,
    CONTAINERS,
    ELEMENTS,
    FORM,
    PHASES,
    VALUES,
    Said,
    id_of,
    instant,
    job_in,
    removed,
    same,
)
from lxml import etree
from schemas import validate
from uws import NS, create, document, listed, text, wait

NOWHERE = "01890000-0000-7000-8000-000000000000"
"""Could be a job's id, and is none."""


def is_xml(answer: httpx.Response) -> bool:
    return answer.headers["content-type"].split(";")[0] in ("application/xml", "text/xml")


@pytest.mark.parametrize("phase", COMMON)
def test_H1_every_child_of_a_job_answers(said_in: dict[str, Said], phase: str) -> None:
    answers = said_in[phase].answers
    for child in CHILDREN:
        expected = 404 if child == "error" and phase != "ERROR" else 200
        assert answers[child].status_code == expected, child


def test_H1_the_children_are_named_in_lower_case(http: httpx.Client) -> None:
    job = create(http)
    for child in CHILDREN:
        assert http.get(f"{job}/{child.upper()}").status_code == 404


@pytest.mark.parametrize("phase", COMMON)
def test_H2_containers_are_xml_and_values_are_plain_text(
    said_in: dict[str, Said], phase: str
) -> None:
    answers = said_in[phase].answers
    for name in ("", "list", *CONTAINERS):
        assert is_xml(answers[name]), name
    for name in VALUES:
        assert answers[name].headers["content-type"].split(";")[0] == "text/plain", name
        assert answers[name].text not in ("null", "None")
        assert '"' not in answers[name].text


UNKNOWN = [
    *[(method, f"/jobs/{job}") for job in ("nope", NOWHERE) for method in ("GET", "HEAD", "POST")],
    *[("DELETE", f"/jobs/{job}") for job in ("nope", NOWHERE)],
    *[("GET", f"/jobs/{NOWHERE}/{child}") for child in CHILDREN],
    *[
        ("POST", f"/jobs/{job}/{child}")
        for job in ("nope", NOWHERE)
        for child in ("phase", "executionduration", "destruction", "parameters")
    ],
    ("GET", f"/jobs/{NOWHERE}/results/result"),
    ("GET", f"/jobs/{NOWHERE}/parameters/CIRCUIT"),
    ("PUT", f"/jobs/{NOWHERE}/parameters/CIRCUIT"),
]


@pytest.mark.parametrize(("method", "path"), UNKNOWN)
def test_H3_an_unknown_job_is_not_found(http: httpx.Client, method: str, path: str) -> None:
    assert http.request(method, path).status_code == 404
    if method in ("POST", "PUT"):
        # Whatever is in the body: the job is looked up first.
        assert http.request(method, path, data={"NONSENSE": "1"}).status_code == 404
        assert http.request(method, path, json={"PHASE": "RUN"}).status_code == 404
        broken = {"Content-Type": "multipart/form-data; boundary=x"}
        assert http.request(method, path, content=b"y", headers=broken).status_code == 404


@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("GET", "nosuch"),
        ("POST", "nosuch"),
        ("DELETE", "nosuch"),
        ("GET", "results/nope"),
        ("HEAD", "results/nope"),
        ("GET", "parameters/nope"),
        ("GET", "parameters/CIRCUIT/1"),
        ("PUT", "parameters/nope"),
    ],
)
def test_H3_an_unknown_part_of_a_job_is_not_found(
    http: httpx.Client, method: str, part: str
) -> None:
    job = create(http)
    before = http.get(job).content
    assert http.request(method, f"{job}/{part}").status_code == 404
    assert http.get(job).content == before


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("part", ["results/nope", "parameters/nope"])
def test_H3_an_unknown_part_cannot_be_changed(http: httpx.Client, method: str, part: str) -> None:
    job = create(http)
    assert http.request(method, f"{job}/{part}").status_code in (404, 405)
    assert http.get(job).status_code == 200


@pytest.mark.parametrize(
    ("child", "form"),
    [
        ("/phase", {"PHASE": "RUN"}),
        ("/phase", {"PHASE": "ABORT"}),
        ("/executionduration", {"EXECUTIONDURATION": "45"}),
        ("/parameters", {"SHOTS": "5"}),
        ("", {"PHASE": "RUN"}),
        ("", {"SHOTS": "5"}),
    ],
)
def test_H4_what_is_illegal_in_the_present_phase_is_forbidden(
    http: httpx.Client, child: str, form: dict[str, str]
) -> None:
    with job_in(http, "COMPLETED", SHOTS=10) as job:
        before = http.get(job).content
        assert http.post(f"{job}{child}", data=form).status_code == 403
        assert http.get(job).content == before


def test_H5_the_failure_of_a_job_is_no_http_error(said_in: dict[str, Said]) -> None:
    assert {answer.status_code for answer in said_in["ERROR"].answers.values()} == {200}


PLAIN = [
    None,
    "*/*",
    "application/xml",
    "text/xml",
    "application/xml,text/plain",
    "application/xml, text/html",
    "text/html;q=0.5, */*",
    "text/*",
    "image/png",
    "",
]


@pytest.mark.parametrize("accept", PLAIN)
@pytest.mark.parametrize("path", ["", "/", "/JOB", "/JOB/results", "/JOB/parameters"])
def test_H6_xml_is_served_unless_html_is_clearly_wanted(
    http: httpx.Client, said_in: dict[str, Said], accept: str | None, path: str
) -> None:
    with job_in(http, "PENDING") as job:
        request = http.build_request("GET", "/jobs" + path.replace("JOB", id_of(job)))
        del request.headers["accept"]
        if accept is not None:
            request.headers["accept"] = accept
        answer = http.send(request)
        assert answer.status_code == 200
        assert is_xml(answer)
        validate(answer.content)


def test_H6_a_browser_gets_a_page(http: httpx.Client) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
    job = create(http)
    for url in ("/jobs", job):
        answer = http.get(url, headers={"Accept": browser})
        assert answer.headers["content-type"].startswith("text/html")


CHANGES = {
    "run": ("POST", "/phase", {"PHASE": "RUN"}),
    "abort": ("POST", "/phase", {"PHASE": "ABORT"}),
    "duration": ("POST", "/executionduration", {"EXECUTIONDURATION": "45"}),
    "destruction": ("POST", "/destruction", {"DESTRUCTION": instant(3600)}),
    "parameter": ("POST", "/parameters", {"SHOTS": "5"}),
    "parameter at the job": ("POST", "", {"SHOTS": "5"}),
    "phase at the job": ("POST", "", {"PHASE": "ABORT"}),
    "action": ("POST", "", {"ACTION": "DELETE"}),
    "delete": ("DELETE", "", None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_H7_a_change_answers_303_with_the_job_or_the_list(
    http: httpx.Client, service: Service, change: str
) -> None:
    method, child, form = CHANGES[change]
    job = create(http, SHOTS=10)
    with removed(http, job):
        answer = http.request(method, f"{job}{child}", data=form)
        assert answer.status_code == 303
        gone = change in ("action", "delete")
        where = answer.headers["Location"].split("?")[0]
        assert where == (service.jobs if gone else job)
        assert http.get(where).status_code == 200


@pytest.mark.parametrize("phase", COMMON)
@pytest.mark.parametrize("name", ["", "list", *CONTAINERS])
def test_H8_every_document_is_valid(said_in: dict[str, Said], phase: str, name: str) -> None:
    root = said_in[phase].root(name)
    assert etree.QName(root).localname == {"": "job", "list": "jobs"}.get(name, name)


@pytest.mark.parametrize("path", ["/jobs", "/jobs/", *[f"JOB/{child}" for child in CHILDREN]])
def test_H9_only_jobs_can_be_deleted(http: httpx.Client, path: str) -> None:
    with job_in(http, "COMPLETED", SHOTS=10) as job:
        before = http.get(job).content
        answer = http.delete(path.replace("JOB", job))
        assert answer.status_code in (403, 404, 405)
        assert http.get(job).content == before
        for result in ("result", "counts"):
            assert http.delete(f"{job}/results/{result}").status_code in (403, 404, 405)
            assert http.get(f"{job}/results/{result}").status_code == 200
        assert http.delete(f"{job}/parameters/SHOTS").status_code in (403, 404, 405)
        assert http.get(job).content == before


def test_H10_the_job_id_is_a_path_segment(http: httpx.Client) -> None:
    for _ in range(5):
        assert re.fullmatch(r"[A-Za-z0-9._~-]+", id_of(create(http)))


@pytest.mark.parametrize("phase", COMMON)
def test_H11_children_and_document_say_the_same(said_in: dict[str, Said], phase: str) -> None:
    job = said_in[phase]
    root = job.root()
    for child, element in ELEMENTS.items():
        assert job.answers[child].text == (text(root, element) or ""), child
    for child in CONTAINERS:
        within = root.find(f"uws:{child}", NS)
        assert within is not None
        assert same(within, job.root(child)), child
    for element in ("phase", "runId", "ownerId", "creationTime"):
        assert text(job.ref, element) == text(root, element), element


def test_H12_other_methods_are_not_allowed(http: httpx.Client) -> None:
    job = create(http)
    for method, url, allowed in (
        ("PUT", "/jobs", {"GET", "HEAD", "POST"}),
        ("PATCH", job, {"GET", "HEAD", "POST", "DELETE"}),
        ("PUT", f"{job}/phase", {"GET", "HEAD", "POST"}),
        ("POST", f"{job}/quote", {"GET", "HEAD"}),
    ):
        answer = http.request(method, url)
        assert answer.status_code == 405
        assert set(re.split(", *", answer.headers["Allow"])) == allowed


def test_H12_head_is_get_without_a_body(http: httpx.Client) -> None:
    with job_in(http, "COMPLETED", SHOTS=10) as job:
        for url in (
            "/jobs",
            job,
            *[f"{job}/{child}" for child in CHILDREN],
            f"{job}/results/counts",
        ):
            get, head = http.get(url), http.head(url)
            assert head.status_code == get.status_code, url
            assert head.headers["content-type"] == get.headers["content-type"]
            assert head.content == b""


def test_H12_a_connection_serves_several_requests(service: Service) -> None:
    address = httpx.URL(service.url)
    connection = HTTPConnection(address.host, address.port, timeout=20)
    connection.connect()
    socket = connection.sock
    for method, path in (("GET", "/jobs?LAST=1"), ("POST", "/jobs"), ("GET", "/jobs/nope")):
        connection.request(method, path)
        connection.getresponse().read()
        assert connection.sock is socket
    connection.close()


def test_H12_a_body_may_come_in_chunks(http: httpx.Client) -> None:
    body = str(httpx.QueryParams({"CIRCUIT": BELL2, "SHOTS": "12"})).encode()
    chunks = (body[start : start + 10] for start in range(0, len(body), 10))
    answer = http.post("/jobs", content=chunks, headers=FORM)
    assert answer.request.headers["transfer-encoding"] == "chunked"
    assert answer.status_code == 303
    assert http.get(f"{answer.headers['Location']}/parameters/SHOTS").text == "12"


def test_H13_a_slash_at_the_end_makes_no_difference(http: httpx.Client, service: Service) -> None:
    answer = http.post("/jobs/", data={"CIRCUIT": BELL2})
    assert answer.status_code == 303
    job = answer.headers["Location"]
    assert job.rsplit("/", 1)[0] == service.jobs
    assert id_of(job) in listed(http)
    for url in (f"{service.jobs}/", f"{job}/", f"{job}/parameters/"):
        validate(http.get(url).content)
    assert http.get(f"{job}/phase/").text == "PENDING"
    assert http.post(f"{job}/phase/", data={"PHASE": "RUN"}).status_code == 303
    assert wait(http, job) == "COMPLETED"


@pytest.mark.parametrize("phase", COMMON)
def test_H14_single_values_hold_nothing_else(said_in: dict[str, Said], phase: str) -> None:
    answers = said_in[phase].answers
    assert answers["phase"].content == phase.encode()
    assert answers["phase"].text in PHASES
    assert re.fullmatch(rb"\d+", answers["executionduration"].content)
    for child in VALUES:
        assert answers[child].content == answers[child].content.strip()


def test_V1_list_and_job_carry_the_version(http: httpx.Client, said_in: dict[str, Said]) -> None:
    for of_job in said_in.values():
        assert of_job.root().get("version") == "1.1"
        assert of_job.root("list").get("version") == "1.1"
    empty = document(http, "/jobs?AFTER=2999-01-01")
    assert len(empty) == 0
    assert empty.get("version") == "1.1"


def test_V2_the_capabilities_announce_the_job_list(http: httpx.Client, service: Service) -> None:
    answer = http.get("/capabilities")
    assert answer.status_code == 200
    assert is_xml(answer)
    root = etree.fromstring(answer.content)
    assert root.tag == "{http://www.ivoa.net/xml/VOSICapabilities/v1.0}capabilities"
    announced = root.findall("capability[@standardID='ivo://ivoa.net/std/UWS#rest-1.1']")
    assert len(announced) == 1
    assert announced[0].findtext("interface/accessURL") == service.jobs
    assert not [item for item in root if "async" in (item.get("standardID") or "")]


def test_V3_the_namespace_is_still_that_of_version_1_0(said_in: dict[str, Said]) -> None:
    job = said_in["COMPLETED"]
    for name in ("", "list", *CONTAINERS):
        assert etree.QName(job.root(name)).namespace == "http://www.ivoa.net/xml/UWS/v1.0"
