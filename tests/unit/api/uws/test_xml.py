"""The documents of UWS 1.1: valid, and understood by a reader that is not ours."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Optional
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from pydantic_xml import element
from schemas import validate
from vo_models.uws.models import Jobs, JobSummary, MultiValuedParameter, Parameters, Results

from quws.api.kit.urls import Urls
from quws.api.uws import document as templates
from quws.api.uws.xml import (
    LIST_END,
    OURS,
    UWS,
    list_document,
    list_entries,
    list_head,
    modelled_job,
    parameters_document,
    results_document,
    xml_safe,
)
from quws.domain.job import (
    ErrorType,
    Job,
    JobError,
    JobRef,
    Parameter,
    Result,
    TimelineEntry,
    new_job_id,
)
from quws.domain.parameters.values import is_xml_text
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.domain.times import format_instant
from quws.services.snapshots import JobDetails

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy with other things."""


NOW = datetime(2026, 11, 21, 10, 0, 0, 123_000, tzinfo=UTC)
URLS = Urls("https://host:8443/quws/jobs")
NAMES = {"uws": UWS, "q": OURS, "xlink": "http://www.w3.org/1999/xlink"}
NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

AWKWARD = [
    "",
    " ",
    "  two  spaces  ",
    "\r",
    "a\rb\r\nc\nd\te",
    "\n",
    "é",
    "量子",
    "😀",
    "]]>",
    "<&>\"'",
    "&amp;&#13;",
    "<!-- --><?x?><![CDATA[",
    "\x7f\x85\xa0\u2028\ufffd",
    "x" * 10_000,
]
XML_TEXT = st.text(st.characters(exclude_categories=("Cs",)).filter(is_xml_text))


class AnyParameters(Parameters):
    """What a job of these tests may have; the reader wants to know it beforehand."""

    CIRCUIT: Optional[MultiValuedParameter] = element(tag="parameter", default=None)  # noqa: UP045
    TAG: Optional[MultiValuedParameter] = element(tag="parameter", default=None)  # noqa: UP045
    SHOTS: Optional[MultiValuedParameter] = element(tag="parameter", default=None)  # noqa: UP045


def new_job(**changes: Any) -> Job:
    job = Job(
        id=new_job_id(),
        owner=None,
        run_id=None,
        phase=Phase.PENDING,
        target="simulator",
        creation_time=NOW,
        queued_time=None,
        start_time=None,
        end_time=None,
        destruction_time=NOW + timedelta(days=7),
        execution_duration=600,
        quote=None,
        attempt=0,
        circuits=1,
        circuits_done=0,
        message=None,
        parameters=[Parameter("CIRCUIT", "OPENQASM 2.0;")],
        spec=JobSpec(),
        error=None,
    )
    return replace(job, **changes)


def full_job(**changes: Any) -> Job:
    """Make a job with something everywhere."""
    values: dict[str, Any] = {
        "owner": "anna",
        "run_id": "first",
        "queued_time": NOW + timedelta(seconds=1),
        "start_time": NOW + timedelta(seconds=2),
        "end_time": NOW + timedelta(seconds=3),
        "quote": NOW + timedelta(seconds=4),
        "execution_duration": 2**31 - 1,
        "attempt": 3,
        "circuits": 300,
        "circuits_done": 299,
        "circuits_failed": 3,
        "circuits_aborted": 1,
        "message": "all is well",
        "parameters": [
            Parameter("CIRCUIT", "OPENQASM 2.0;\r\n"),
            Parameter("TAG", "a"),
            Parameter("CIRCUIT", artifact="a/b", size=2**40, mime_type="text/plain"),
            Parameter("TAG", ""),
            Parameter("SHOTS", "1000"),
        ],
        "error": JobError(ErrorType.TRANSIENT, "worker_lost", "the worker was lost", "thrice"),
        "results": [
            Result("result", "k/1", 0, "application/x-votable+xml"),
            Result("counts-1", "k/2", 2**41, "application/json"),
        ],
    }
    return new_job(**(values | changes))


def details(
    *entries: TimelineEntry, position: int | None = None, status: str | None = None
) -> JobDetails:
    return JobDetails(list(entries), position, status)


def job_document(job: Job, told: JobDetails, urls: Urls) -> bytes:
    """Write the document of a job, which is that of the models."""
    written = templates.job_document(job, told, urls)
    assert written == modelled_job(job, told, urls)
    return written


NOTHING = details()
ENTRIES = [
    TimelineEntry(NOW, "received", "quws"),
    TimelineEntry(NOW + timedelta(seconds=1), "claimed", "worker:1", "attempt 1"),
]


def read_by_others(document: bytes) -> JobSummary[AnyParameters]:
    """Read a document with vo-models, which does not know what jobInfo may hold."""
    root = validate(document)
    for info in root.findall("uws:jobInfo", NAMES):
        root.remove(info)
    # The class is made on the first use.
    return JobSummary[AnyParameters].from_xml(etree.tostring(root))


def instant(read: Any) -> str | None:
    # Its class of instants writes itself in a way of its own.
    return None if read is None else format_instant(datetime.fromisoformat(read.isoformat()))


def assert_says(document: bytes, job: Job) -> None:
    """What another reader finds in the document is what the job says."""
    read = read_by_others(document)
    assert read.version is not None
    assert read.version.value == "1.1"
    assert read.job_id == job.id
    assert read.phase.value == job.phase
    assert (read.owner_id or "") == (job.owner or "")
    assert (read.run_id or "") == (job.run_id or "")
    assert instant(read.creation_time) == format_instant(job.creation_time)
    assert instant(read.quote) == instant(job.quote)
    assert instant(read.start_time) == instant(job.start_time)
    assert instant(read.end_time) == instant(job.end_time)
    assert instant(read.destruction) == instant(job.destruction_time)
    assert read.execution_duration == job.execution_duration
    assert_parameters(read.parameters, job)
    assert_results(read.results, job)
    if job.error is None:
        assert read.error_summary is None
    else:
        assert read.error_summary is not None
        assert read.error_summary.type.value == job.error.type
        assert read.error_summary.message == job.error.message
        assert read.error_summary.has_detail is True


def assert_parameters(read: AnyParameters | None, job: Job) -> None:
    assert read is not None
    for name in ("CIRCUIT", "TAG", "SHOTS"):
        found = getattr(read, name) or []
        wanted = [item for item in job.parameters if item.name == name]
        assert len(found) == len(wanted)
        for position, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert one.by_reference is other.by_reference
            if other.by_reference:
                assert one.value == URLS.parameter(job.id, name, position)
            else:
                assert (one.value or "") == other.value


def assert_results(read: Results | None, job: Job) -> None:
    assert read is not None
    assert [(one.id, one.href, one.size, one.mime_type) for one in read.results or []] == [
        (item.id, URLS.result(job.id, item.id), item.size, item.mime_type) for item in job.results
    ]


# -- the job ------------------------------------------------------------------


@pytest.mark.parametrize("phase", Phase)
def test_a_job_in_each_phase(phase: Phase) -> None:
    for job in (new_job(phase=phase), full_job(phase=phase)):
        assert_says(job_document(job, NOTHING, URLS), job)


OPTIONAL = {
    "run_id": None,
    "owner": None,
    "quote": None,
    "start_time": None,
    "end_time": None,
    "destruction_time": None,
    "error": None,
    "parameters": [],
    "results": [],
}


def test_with_and_without_all_that_may_be_missing() -> None:
    for missing in itertools.chain(
        ((name,) for name in OPTIONAL), itertools.combinations(OPTIONAL, 2), [tuple(OPTIONAL)]
    ):
        job = full_job(**{name: OPTIONAL[name] for name in missing})
        assert_says(job_document(job, NOTHING, URLS), job)


def test_what_may_be_nil_is_written_as_nil() -> None:
    job = full_job(**OPTIONAL)
    root = validate(job_document(job, NOTHING, URLS))
    nil = {etree.QName(child).localname for child in root if child.get(NIL) == "true"}
    assert nil == {"ownerId", "quote", "startTime", "endTime", "destruction"}
    present = [etree.QName(child).localname for child in root]
    assert "runId" not in present
    assert "errorSummary" not in present
    # Empty lists are there, and empty.
    assert len(root.find("uws:parameters", NAMES)) == 0
    assert len(root.find("uws:results", NAMES)) == 0


def test_nothing_is_nil_that_is_there() -> None:
    root = validate(job_document(full_job(), NOTHING, URLS))
    assert not [child for child in root.iter() if child.get(NIL) is not None]


def test_an_empty_run_id_or_owner_is_not_nil() -> None:
    root = validate(job_document(full_job(run_id="", owner=""), NOTHING, URLS))
    for name in ("runId", "ownerId"):
        found = root.find(f"uws:{name}", NAMES)
        assert found is not None
        assert (found.text or "", found.get(NIL)) == ("", None)


def test_clients_find_the_prefixes_that_they_look_for_by_name() -> None:
    document = job_document(full_job(), details(*ENTRIES), URLS)
    declaration, stylesheet, rest = document.split(b"\n", 2)
    assert declaration == b'<?xml version="1.0" encoding="UTF-8"?>'
    assert stylesheet.startswith(b'<?xml-stylesheet type="text/css" href="')
    assert rest.startswith(b"<uws:job ")
    root = etree.fromstring(document)
    assert root.nsmap["uws"] == UWS
    assert root.nsmap["xlink"] == NAMES["xlink"]
    assert b" xlink:href=" in document
    assert b"ns0" not in document


def test_only_one_element_is_called_as_its_name_says() -> None:
    # STILTS looks at local names wherever they stand.
    root = validate(job_document(full_job(), details(*ENTRIES, position=3), URLS))
    ours = {etree.QName(item).localname for item in root.iter(f"{{{OURS}}}*")}
    theirs = {etree.QName(item).localname for item in root.iter(f"{{{UWS}}}*")}
    assert ours
    assert not ours & theirs


@pytest.mark.parametrize("text", AWKWARD, ids=lambda text: repr(text[:20]))
def test_awkward_texts_wherever_they_may_stand(text: str) -> None:
    job = full_job(
        owner=text,
        run_id=text,
        message=text,
        target=text,
        parameters=[Parameter("CIRCUIT", text), Parameter("TAG", text), Parameter("TAG", "x")],
        error=JobError(ErrorType.FATAL, "code", text),
        results=[Result(text, "k", 1, "text/plain; x=" + text)],
    )
    document = job_document(job, details(TimelineEntry(NOW, "noted", "s", text), status=text), URLS)
    assert_says(document, job)
    root = etree.fromstring(document)
    found = root.find("uws:jobInfo/q:details", NAMES)
    assert found is not None
    assert found.findtext("q:target", namespaces=NAMES) == text
    assert found.findtext("q:status", namespaces=NAMES) == text
    entry = found.find("q:timeline/q:entry", NAMES)
    assert entry is not None
    assert entry.get("message") == text


@unhurried
@given(XML_TEXT, XML_TEXT, XML_TEXT)
def test_any_text(run_id: str, owner: str, value: str) -> None:
    job = new_job(run_id=run_id, owner=owner, parameters=[Parameter("CIRCUIT", value)])
    root = validate(job_document(job, NOTHING, URLS))
    assert root.findtext("uws:runId", namespaces=NAMES) == run_id
    assert root.findtext("uws:ownerId", namespaces=NAMES) == owner
    assert root.findtext("uws:parameters/uws:parameter", namespaces=NAMES) == value


@unhurried
@given(st.text())
def test_texts_of_ours_that_xml_cannot_hold_are_shown_as_far_as_it_can(text: str) -> None:
    safe = xml_safe(text)
    assert is_xml_text(safe)
    assert len(safe) == len(text)
    assert all(one in (other, "\ufffd") for one, other in zip(safe, text, strict=True))
    assert xml_safe(safe) == safe
    job = full_job(error=JobError(ErrorType.FATAL, "code", text))
    found = details(TimelineEntry(NOW, "noted", text, text), status=text)
    validate(job_document(job, found, URLS))


def test_what_quws_adds() -> None:
    job = full_job(calibration_id="monday")
    described = details(*ENTRIES, position=12, status="all is well")
    root = validate(job_document(job, described, URLS))
    info = root.find("uws:jobInfo", NAMES)
    assert info is not None
    (found,) = info
    said = {etree.QName(item).localname: item.text for item in found}
    del said["timeline"]
    assert said == {
        "target": "simulator",
        "calibration": "monday",
        "attempt": "3",
        "circuits": "300",
        "circuitsDone": "299",
        "circuitsFailed": "3",
        "circuitsAborted": "1",
        "queuePosition": "12",
        "status": "all is well",
    }
    assert [dict(item.attrib) for item in found.iterfind("q:timeline/q:entry", NAMES)] == [
        {"time": "2026-11-21T10:00:00.123Z", "status": "received", "source": "quws"},
        {
            "time": "2026-11-21T10:00:01.123Z",
            "status": "claimed",
            "source": "worker:1",
            "message": "attempt 1",
        },
    ]


def test_what_quws_adds_when_there_is_nothing_to_add() -> None:
    root = validate(job_document(new_job(), NOTHING, URLS))
    found = root.find("uws:jobInfo/q:details", NAMES)
    assert found is not None
    assert [etree.QName(item).localname for item in found] == [
        "target",
        "attempt",
        "circuits",
        "circuitsDone",
        "timeline",
    ]


def test_the_first_position_in_the_queue_is_a_position() -> None:
    root = validate(job_document(new_job(), details(position=0), URLS))
    path = "uws:jobInfo/q:details/q:queuePosition"
    assert root.findtext(path, namespaces=NAMES) == "0"


def test_an_unlimited_job() -> None:
    job = new_job(execution_duration=0)
    assert_says(job_document(job, NOTHING, URLS), job)


# -- parameters and results -------------------------------------------------------


@pytest.mark.parametrize("job", [new_job(), full_job(), new_job(parameters=[])])
def test_the_list_of_parameters(job: Job) -> None:
    document = parameters_document(job, URLS)
    validate(document)
    assert_parameters(AnyParameters.from_xml(document), job)


@pytest.mark.parametrize("text", AWKWARD, ids=lambda text: repr(text[:20]))
def test_awkward_parameters(text: str) -> None:
    job = new_job(
        parameters=[
            Parameter("CIRCUIT", text),
            Parameter(text, text),
            Parameter(text, artifact="k", size=1),
            Parameter(text, artifact="k", size=1),
        ]
    )
    root = validate(parameters_document(job, URLS))
    values = [(item.get("id"), item.text or "") for item in root]
    assert values[:2] == [("CIRCUIT", text), (text, text)]
    assert [name for name, _ in values[2:]] == [text, text]
    for position, (_, url) in enumerate(values[2:], start=1):
        path = urlsplit(url).path.split("/")
        assert path[:4] == ["", "quws", "jobs", job.id]
        # One segment, whatever the name: no slash of it may be taken for another.
        assert [unquote(item) for item in path[4:]] == ["parameters", text, str(position)]


def test_the_same_name_in_another_case_is_counted_on() -> None:
    job = new_job(parameters=[Parameter(name, artifact="k", size=1) for name in ("a", "A", "b")])
    root = validate(parameters_document(job, URLS))
    base = f"{URLS.job(job.id)}/parameters"
    assert [item.text for item in root] == [f"{base}/a", f"{base}/A/1", f"{base}/b"]


@pytest.mark.parametrize("name", ["a/b", "../..", "a?b", "a#b", "a%2fb", ";", "."])
def test_names_stay_in_their_segment(name: str) -> None:
    job = new_job(parameters=[Parameter(name, artifact="k")], results=[Result(name, "k", 1, "a/b")])
    parameter = validate(parameters_document(job, URLS))[0].text or ""
    result = validate(results_document(job, URLS))[0].get(f"{{{NAMES['xlink']}}}href") or ""
    for url in (parameter, result):
        parts = urlsplit(url)
        assert (parts.query, parts.fragment) == ("", "")
        assert unquote(parts.path.rsplit("/", 1)[1]) == name


@pytest.mark.parametrize("job", [new_job(), full_job()])
def test_the_list_of_results(job: Job) -> None:
    document = results_document(job, URLS)
    validate(document)
    assert_results(Results.from_xml(document), job)


# -- the list -----------------------------------------------------------------------


def refs(count: int) -> list[JobRef]:
    """Make entries with every phase and every awkward text in them."""
    texts = itertools.cycle([None, *AWKWARD])
    others = itertools.cycle([*AWKWARD, None, None])
    phases = itertools.cycle(Phase)
    return [
        JobRef(
            new_job_id(),
            next(phases),
            next(texts),
            next(others),
            NOW - timedelta(milliseconds=number),
        )
        for number in range(count)
    ]


def streamed(entries: Sequence[JobRef], chunk: int = 7) -> bytes:
    chunks = [entries[at : at + chunk] for at in range(0, len(entries), chunk)]
    text = list_head(URLS) + "".join(list_entries(part, URLS) for part in chunks) + LIST_END
    return text.encode()


def canonical(document: bytes) -> bytes:
    return etree.tostring(etree.fromstring(document), method="c14n")


@pytest.mark.parametrize("count", [0, 1, 2, 400])
def test_the_streamed_list_is_the_one_of_the_models(count: int) -> None:
    entries = refs(count)
    validate(streamed(entries))
    assert canonical(streamed(entries)) == canonical(list_document(entries, URLS))


@unhurried
@given(st.lists(st.tuples(st.none() | XML_TEXT, st.none() | XML_TEXT), max_size=5))
def test_with_any_texts(texts: list[tuple[str | None, str | None]]) -> None:
    entries = [
        entry._replace(run_id=run_id, owner=owner)
        for entry, (run_id, owner) in zip(refs(len(texts)), texts, strict=True)
    ]
    assert canonical(streamed(entries)) == canonical(list_document(entries, URLS))
    root = validate(streamed(entries))
    for found, entry in zip(root, entries, strict=True):
        assert found.findtext("uws:runId", namespaces=NAMES) == entry.run_id
        if entry.owner is not None:
            assert found.findtext("uws:ownerId", namespaces=NAMES) == entry.owner


@pytest.mark.parametrize("document", [streamed, lambda items: list_document(items, URLS)])
def test_others_read_the_list(document: Any) -> None:
    entries = refs(40)
    read = Jobs.from_xml(document(entries))
    assert read.version is not None
    assert read.version.value == "1.1"
    assert read.jobref is not None
    for found, entry in zip(read.jobref, entries, strict=True):
        assert found.job_id == entry.id
        assert found.href == URLS.job(entry.id)
        assert found.phase.value == entry.phase
        assert (found.run_id or "") == (entry.run_id or "")
        assert (found.owner_id or "") == (entry.owner or "")
        assert instant(found.creation_time) == format_instant(entry.creation_time)


def test_in_the_list_too_nobody_is_nil_and_no_run_id_is_missing() -> None:
    entries = [refs(1)[0]._replace(run_id=None, owner=None)]
    root = validate(streamed(entries))
    owner = root[0].find("uws:ownerId", NAMES)
    assert owner is not None
    assert owner.get(NIL) == "true"
    assert root[0].find("uws:runId", NAMES) is None


def test_an_awkward_address_of_the_service() -> None:
    urls = Urls("http://host/a&b/'x'/jobs")
    text = list_head(urls) + list_entries(refs(1), urls) + LIST_END
    href = validate(text.encode())[0].get(f"{{{NAMES['xlink']}}}href")
    assert (href or "").startswith("http://host/a&b/'x'/jobs/")
