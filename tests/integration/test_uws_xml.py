"""UWS 1.1: details of the XML documents (S1 to S10, H8 and V1 in the rare phases)."""

from __future__ import annotations

import httpx
import pytest
from circuits import BELL2
from integration.uws_helpers import (
    COMMON,
    CONTAINERS,
    INSTANT,
    RARE,
    UWS,
    Said,
    children,
    is_nil,
    removed,
)
from lxml import etree
from uws import HREF, NIL, NS, create, document, text

ORDER = (
    "jobId",
    "runId",
    "ownerId",
    "phase",
    "quote",
    "creationTime",
    "startTime",
    "endTime",
    "executionDuration",
    "destruction",
    "parameters",
    "results",
    "errorSummary",
    "jobInfo",
)
REQUIRED = (
    "jobId",
    "ownerId",
    "phase",
    "startTime",
    "endTime",
    "executionDuration",
    "destruction",
    "results",
)
NILLABLE = {"ownerId", "quote", "startTime", "endTime", "destruction"}
BOOLEANS = ("true", "false", "1", "0")
XLINK = f"{{{NS['xlink']}}}"
EVERY = (*COMMON, *RARE)


@pytest.fixture(scope="module")
def said_in(said_in: dict[str, Said], rare: dict[str, Said]) -> dict[str, Said]:
    """What is said of a job in any phase at all."""
    return said_in | rare


@pytest.fixture
def root(said_in: dict[str, Said], phase: str) -> etree._Element:
    """The document of the job in a phase."""
    return said_in[phase].root()


every_phase = pytest.mark.parametrize("phase", EVERY)


@every_phase
@pytest.mark.parametrize("name", ["", "list", *CONTAINERS])
def test_H8_V1_every_document_is_valid_and_those_that_may_carry_the_version(
    said_in: dict[str, Said], phase: str, name: str
) -> None:
    assert said_in[phase].root(name).get("version") == (None if name in CONTAINERS else "1.1")


@every_phase
def test_S1_the_elements_of_a_job_come_in_order(root: etree._Element) -> None:
    found = children(root)
    assert [name for name in ORDER if name in found] == found


def test_S1_a_job_with_every_element_keeps_the_order(said_in: dict[str, Said]) -> None:
    assert children(said_in["ERROR"].root()) == list(ORDER)


@every_phase
def test_S2_required_elements_are_always_there(root: etree._Element) -> None:
    assert set(REQUIRED) <= set(children(root))
    for item in root:
        assert NIL not in item.attrib or is_nil(root, etree.QName(item).localname)
    for name in ("jobId", "phase", "executionDuration", "destruction"):
        assert text(root, name)
    for name in ("ownerId", "startTime", "endTime"):
        assert text(root, name) or is_nil(root, name)


@every_phase
def test_S3_the_creation_time_is_always_there(root: etree._Element) -> None:
    assert INSTANT.fullmatch(text(root, "creationTime") or "")


@every_phase
def test_S4_only_what_may_be_nil_is_nil(root: etree._Element) -> None:
    nil = {etree.QName(item).localname for item in root.iter() if item.get(NIL) is not None}
    assert nil <= NILLABLE


def test_S4_without_a_run_id_there_is_no_element(http: httpx.Client) -> None:
    for job in (create(http), create(http, RUNID="")):
        assert document(http, job).find("uws:runId", NS) is None
        found = document(http, "/jobs").findall(f"uws:jobref[@id='{job.rsplit('/', 1)[1]}']", NS)
        assert found[0].find("uws:runId", NS) is None


def test_S5_the_error_summary_is_whole(said_in: dict[str, Said]) -> None:
    summaries = said_in["ERROR"].root().findall("uws:errorSummary", NS)
    assert len(summaries) == 1
    assert set(summaries[0].attrib) == {"type", "hasDetail"}
    assert summaries[0].get("type") in ("transient", "fatal")
    assert summaries[0].get("hasDetail") in BOOLEANS
    assert children(summaries[0]) == ["message"]
    assert text(summaries[0], "message")


@pytest.mark.parametrize("phase", [phase for phase in EVERY if phase != "ERROR"])
def test_S5_only_a_failed_job_has_an_error_summary(root: etree._Element) -> None:
    assert root.find("uws:errorSummary", NS) is None


def test_S6_a_result_is_an_empty_element_with_known_attributes(said_in: dict[str, Said]) -> None:
    for name in ("", "results"):
        found = list(said_in["COMPLETED"].root(name).iter(f"{UWS}result"))
        assert len(found) == 2
        for result in found:
            assert len(result) == 0
            assert not result.text
            assert result.get("id")
            assert (result.get(HREF) or "").startswith("http")
            assert result.get(f"{XLINK}type", "simple") == "simple"
            assert 0 < int(result.get("size") or 0) < 2**63
            assert "/" in (result.get("mime-type") or "")
            known = {"id", "size", "mime-type", HREF, f"{XLINK}type"}
            for attribute in set(result.attrib) - known:
                assert etree.QName(attribute).namespace == "urn:uwscustom"


@every_phase
def test_S7_elements_are_qualified_and_attributes_are_not(
    said_in: dict[str, Said], phase: str
) -> None:
    for name in ("", "list", *CONTAINERS):
        for item in said_in[phase].root(name).iter():
            tag = etree.QName(item)
            own = any(etree.QName(up).localname == "jobInfo" for up in item.iterancestors())
            assert own or tag.namespace == NS["uws"], tag
            for attribute in item.attrib:
                namespace = etree.QName(attribute).namespace
                assert namespace is None or attribute in (NIL, HREF, f"{XLINK}type"), attribute


@every_phase
def test_S8_parameters_have_an_id_and_proper_booleans(root: etree._Element) -> None:
    found = root.findall("uws:parameters/uws:parameter", NS)
    assert found
    for item in found:
        assert item.get("id")
        assert item.get("byReference", "false") in BOOLEANS
        assert item.get("isPost", "false") in BOOLEANS
        assert set(item.attrib) <= {"id", "byReference", "isPost"}
        assert len(item) == 0


@every_phase
def test_S9_the_job_info_is_one_and_has_elements_only(root: etree._Element) -> None:
    found = root.findall("uws:jobInfo", NS)
    assert len(found) <= 1
    for info in found:
        assert not (info.text or "").strip()
        assert not any((item.tail or "").strip() for item in info)


AWKWARD = "a\rb\r\nc\n\td  <&>\"' ]]> é 量子 \U0001f680 \ufffd \x85\u2028 "


def test_S10_every_character_that_xml_holds_comes_back(http: httpx.Client) -> None:
    job = create(http, RUNID=AWKWARD, TAG=AWKWARD)
    with removed(http, job):
        assert text(document(http, job), "runId") == AWKWARD
        found = document(http, "/jobs").findall(f"uws:jobref[@id='{job.rsplit('/', 1)[1]}']", NS)
        assert text(found[0], "runId") == AWKWARD
        tag = document(http, job).find("uws:parameters/uws:parameter[@id='TAG']", NS)
        assert tag is not None
        assert tag.text == AWKWARD
        for url in (job, "/jobs", f"{job}/parameters"):
            raw = http.get(url).content
            assert b"a&#13;b&#13;\nc" in raw or b"a&#xD;b&#xD;\nc" in raw


@pytest.mark.parametrize("char", ["\x00", "\x01", "\x0b", "\x1f", "\x7f", "\ufffe", "\uffff"])
def test_S10_what_xml_cannot_hold_never_breaks_a_document(http: httpx.Client, char: str) -> None:
    made = []
    for form in ({"RUNID": f"a{char}b"}, {"TAG": f"a{char}b"}, {"REQUEST": f"a{char}b"}):
        answer = http.post("/jobs", data={"CIRCUIT": BELL2, **form})
        assert answer.status_code in (303, 403), answer.text
        if answer.status_code == 303:
            made.append(answer.headers["Location"])
    with removed(http, *made):
        assert made
        for job in made:
            for url in (job, f"{job}/parameters", "/jobs?LAST=5"):
                document(http, url)
            assert http.get(job, headers={"Accept": "application/json"}).json()["phase"]


@pytest.mark.parametrize("name", ["a\x0bb", "a<b>&\"'", "a]]>b", "é 量子", "a/b", "a?b#c"])
def test_S10_awkward_names_of_parts_never_break_a_document(http: httpx.Client, name: str) -> None:
    boundary = "quws-boundary"
    quoted = name.replace('"', '\\"')
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"{extra}\r\n\r\n{value}\r\n'
        for part, extra, value in (
            ("CIRCUIT", "", f"param:{name}"),
            (quoted, '; filename="x"', BELL2),
        )
    )
    answer = http.post(
        "/jobs",
        content=f"{body}--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    assert answer.status_code in (303, 403), answer.text
    if answer.status_code == 303:
        job = answer.headers["Location"]
        with removed(http, job):
            found = document(http, job).findall("uws:parameters/uws:parameter", NS)
            assert [item.get("byReference") for item in found] == ["true"]
            assert http.get(found[0].text or "").content == BELL2.encode()


def test_S10_documents_say_how_they_are_encoded(said_in: dict[str, Said]) -> None:
    for name in ("", "list", *CONTAINERS):
        raw = said_in["COMPLETED"].answers[name].content
        # Without a byte order mark, which old parsers stumble over.
        assert raw.startswith(b"<?xml version=")
        assert b"UTF-8" in raw.split(b"?>")[0]
