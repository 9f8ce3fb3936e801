"""The JSON of jobs: what it says, and that its links lead where they say."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_helpers import NOW, new_job

from quws.api.kit.urls import Urls
from quws.api.uws import xml
from quws.api.uws.document import job_document, snapshot_document
from quws.api.uws.json import (
    deleted_json,
    entry_json,
    error_json,
    job_json,
    parameters_json,
    ref_json,
    refs_json,
    results_json,
    snapshot_json,
    state_of,
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
from quws.domain.options import RunOptions
from quws.domain.parameters.values import is_xml_text
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.schemas.job import DeletedJson, ErrorJson, JobJson, LinkJson, RefJson, ResultJson
from quws.services.snapshots import JobDetails, Snapshot

ANY_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
XML_TEXT = st.text(st.characters(exclude_categories=("Cs",)).filter(is_xml_text), max_size=20)
URLS = Urls("https://host:8443/quws/jobs")
PARAMETERS = [
    Parameter("CIRCUIT", artifact="a", size=9000),
    Parameter("TAG", "small"),
    Parameter("CIRCUIT", "OPENQASM 2.0;"),
    Parameter("TAG", artifact="b", size=5),
    Parameter("CIRCUIT", artifact="c", size=8000),
    Parameter("circuit", artifact="d", size=8000),
    Parameter("REQUEST/A B", artifact="e", size=1),
]
LINKS = [
    "parameters/CIRCUIT",
    "parameters/TAG/1",
    "parameters/CIRCUIT/2",
    # Whoever asks may write a name in any case: it is one name.
    "parameters/circuit/3",
    "parameters/REQUEST%2FA%20B",
]


def whole(**changes: Any) -> tuple[Job, JobDetails]:
    """A job of which everything is known."""
    fields: dict[str, Any] = {
        "run_id": "mine",
        "name": "Bell",
        "phase": Phase.ERROR,
        "queued_time": NOW,
        "start_time": NOW + timedelta(seconds=1),
        "end_time": datetime(2026, 11, 21, 12, 0, 2, tzinfo=UTC),
        "destruction_time": NOW + timedelta(days=7),
        "quote": NOW + timedelta(seconds=3),
        "quote_low": NOW + timedelta(seconds=2),
        "quote_high": NOW + timedelta(seconds=5),
        "attempt": 2,
        "circuits": 6,
        "circuits_done": 1,
        "circuits_failed": 2,
        "circuits_aborted": 1,
        "parameters": PARAMETERS,
        "error": JobError(ErrorType.TRANSIENT, "worker_lost", "the worker is gone", "twice"),
        "calibration_id": "c/1",
        "results": [Result("counts-0", "x", 12, "application/json")],
    }
    entries = [TimelineEntry(NOW, "received", "api", None, 4), TimelineEntry(NOW, "q", "w", "m", 7)]
    return new_job(**fields | changes), JobDetails(entries, 3, "it waits")


def modelled(job: Job, details: JobDetails, urls: Urls) -> bytes:
    """Write a job by the models that describe it."""
    job_id, parameters = job.id, dict[str, Any]()
    for item, link in urls.parameters(job):
        value = (item.value or "") if link is None else LinkJson(href=link)
        parameters.setdefault(item.name, []).append(value)
    errors = [] if job.error is None else [job.error]
    named = None if job.calibration_id is None else urls.calibration(job.target, job.calibration_id)
    document = JobJson(
        id=job_id,
        url=urls.job(job_id),
        phase=job.phase,
        run_id=job.run_id,
        owner=job.owner or "",
        creation_time=job.creation_time,
        json_parameters={
            name: same[0] if len(same) == 1 else same for name, same in parameters.items()
        },
        queued_time=job.queued_time,
        start_time=job.start_time,
        end_time=job.end_time,
        destruction_time=job.destruction_time,
        execution_duration=job.execution_duration or None,
        quote=job.quote,
        quote_low=job.quote_low,
        quote_high=job.quote_high,
        errors=[
            ErrorJson(type=item.type, code=item.code, message=item.message, detail=item.detail)
            for item in errors
        ],
        results=[
            ResultJson(
                id=item.id,
                url=urls.result(job_id, item.id),
                size=item.size,
                mime_type=item.mime_type,
            )
            for item in job.results
        ],
        target=job.target,
        calibration_id=job.calibration_id,
        calibration_url=named,
        status=details.status,
        attempt=job.attempt,
        circuits=job.circuits,
        circuits_done=job.circuits_done,
        circuits_failed=job.circuits_failed,
        circuits_aborted=job.circuits_aborted,
        circuits_url=urls.circuits(job_id),
        queue_position=details.queue_position,
        name=job.name,
        tags=job.spec.tags,
        metadata=job.spec.metadata,
        session=job.session,
        timeline=list(map(entry_json, details.timeline)),
    )
    return document.model_dump_json().encode()


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(ANY_TEXT, inner, max_size=2),
    max_leaves=5,
)


@given(
    st.sampled_from(list(Phase)),
    st.lists(ANY_TEXT, min_size=6, max_size=6),
    st.dictionaries(ANY_TEXT, ANY_JSON, max_size=3),
)
def test_the_document_is_the_one_of_the_models(
    phase: Phase, texts: list[str], metadata: dict[str, Any]
) -> None:
    one, two, *others = texts
    spec = JobSpec.of(RunOptions(shots=10), tags=others, metadata=metadata)
    error = JobError(ErrorType.FATAL, "code", one, two)
    parameters = [*PARAMETERS, Parameter(one, two), Parameter(two, artifact="x", size=1)]
    entries = [TimelineEntry(NOW, "note", one, two, 4), TimelineEntry(NOW, "q", two, None, 7)]
    for job, details in (
        whole(phase=phase, spec=spec, parameters=parameters, run_id=one, name=two, error=error),
        whole(owner=one, error=None, execution_duration=0, session=two, parameters=[], results=[]),
        (new_job(owner=None, destruction_time=None, target=one), JobDetails([], None)),
        (new_job(calibration_id=two, run_id=""), JobDetails(entries, 0, one)),
    ):
        assert job_json(job, details, URLS) == modelled(job, details, URLS)


def test_a_job_is_written_field_for_field() -> None:
    job, details = whole()
    base = f"{URLS.list}/{job.id}"
    assert json.loads(job_json(job, details, URLS)) == {
        "id": job.id,
        "url": base,
        "phase": "ERROR",
        "run_id": "mine",
        "name": "Bell",
        "owner": "anna",
        "creation_time": "2026-11-21T10:00:00.123Z",
        "service": "quws",
        "message_id": None,
        "json_parameters": json.loads(parameters_json(job, URLS)),
        "queued_time": "2026-11-21T10:00:00.123Z",
        "start_time": "2026-11-21T10:00:01.123Z",
        "end_time": "2026-11-21T12:00:02.000Z",
        "destruction_time": "2026-11-28T10:00:00.123Z",
        "execution_duration": 600,
        "quote": "2026-11-21T10:00:03.123Z",
        "quote_low": "2026-11-21T10:00:02.123Z",
        "quote_high": "2026-11-21T10:00:05.123Z",
        "errors": [
            {
                "type": "transient",
                "code": "worker_lost",
                "message": "the worker is gone",
                "detail": "twice",
            }
        ],
        "results": [
            {
                "id": "counts-0",
                "url": f"{base}/results/counts-0",
                "size": 12,
                "mime_type": "application/json",
            }
        ],
        "target": "simulator",
        "calibration_id": "c/1",
        "calibration_url": "https://host:8443/quws/targets/simulator/calibrations/c%2F1",
        "status": "it waits",
        "attempt": 2,
        "circuits": 6,
        "circuits_done": 1,
        "circuits_failed": 2,
        "circuits_aborted": 1,
        "circuits_url": f"{base}/circuits",
        "queue_position": 3,
        "tags": [],
        "metadata": {},
        "session": None,
        "timeline": [
            {
                "time": "2026-11-21T10:00:00.123Z",
                "status": "received",
                "source": "api",
                "message": None,
            },
            {"time": "2026-11-21T10:00:00.123Z", "status": "q", "source": "w", "message": "m"},
        ],
    }


def test_what_nobody_knows_is_null() -> None:
    found = json.loads(
        job_json(new_job(owner=None, destruction_time=None), JobDetails([], None), URLS)
    )
    empty = {name for name, value in found.items() if value is None}
    assert empty == {
        "run_id",
        "name",
        "message_id",
        "queued_time",
        "start_time",
        "end_time",
        "destruction_time",
        "quote",
        "quote_low",
        "quote_high",
        "calibration_id",
        "calibration_url",
        "status",
        "queue_position",
        "session",
    }
    # safir's clients want a text there.
    assert found["owner"] == ""
    assert (found["errors"], found["results"], found["timeline"]) == ([], [], [])


def test_an_unlimited_duration_is_null() -> None:
    found = json.loads(job_json(new_job(execution_duration=0), JobDetails([], None), URLS))
    assert found["execution_duration"] is None


def test_each_value_that_lies_elsewhere_is_linked_to_itself() -> None:
    job, _ = whole()
    links = [f"{URLS.list}/{job.id}/{link}" for link in LINKS]
    assert json.loads(parameters_json(job, URLS)) == {
        "CIRCUIT": [{"href": links[0]}, "OPENQASM 2.0;", {"href": links[2]}],
        "TAG": ["small", {"href": links[1]}],
        "circuit": {"href": links[3]},
        "REQUEST/A B": {"href": links[4]},
    }
    assert [link for _, link in URLS.parameters(job) if link is not None] == links
    # And the XML has the same ones.
    document = xml.parameters_document(job, URLS).decode()
    assert [link for link in links if f">{link}<" in document] == links


def test_what_is_written_can_be_read_with_the_same_models() -> None:
    job, details = whole()
    read = JobJson.model_validate_json(job_json(job, details, URLS))
    assert read.model_dump_json().encode() == job_json(job, details, URLS)
    assert read.end_time == job.end_time
    assert read.json_parameters["circuit"] == LinkJson(
        href=f"{URLS.list}/{job.id}/parameters/circuit/3"
    )
    assert read.errors == [ErrorJson.model_validate_json(error_json(job.error))]  # type: ignore[arg-type]
    listed = [ResultJson.model_validate(item) for item in json.loads(results_json(job, URLS))]
    assert read.results == listed
    ref = JobRef(job.id, job.phase, job.run_id, job.owner, job.creation_time)
    ref_read = RefJson.model_validate_json(ref_json(ref, URLS))
    assert ref_read == RefJson.model_validate(read.model_dump())
    gone = DeletedJson.model_validate_json(deleted_json(job.id, URLS))
    assert (gone.id, gone.url) == (read.id, read.url)


@given(st.lists(st.tuples(st.none() | XML_TEXT, st.none() | XML_TEXT), max_size=3))
def test_the_list_is_the_one_of_the_models(texts: list[tuple[str | None, str | None]]) -> None:
    refs = [
        JobRef(new_job_id(), phase, run_id, owner, NOW)
        for phase in Phase
        for run_id, owner in [*texts, ('\x7f\x85\u2028"\\/\t\n\r', None), (None, "é"), ("", "")]
    ]
    assert list(refs_json(refs, URLS)) == [ref_json(ref, URLS) for ref in refs]


def test_an_awkward_address_of_the_service() -> None:
    urls = Urls('http://host/a"b/jobs')
    ref = JobRef(new_job_id(), Phase.QUEUED, None, None, NOW)
    assert list(refs_json([ref], urls)) == [ref_json(ref, urls)]


@pytest.mark.parametrize(
    "changes",
    [{"quote": None}, {"phase": Phase.ABORTED}, {"circuits_done": 2}, {"calibration_id": None}],
    ids=str,
)
def test_the_state_of_a_job_is_another_after_any_change(changes: dict[str, Any]) -> None:
    job, details = whole()
    before = state_of(Snapshot(job, details), URLS)
    assert before == state_of(Snapshot(job, details), URLS)
    assert before.startswith("7-")
    assert state_of(Snapshot(replace(job, **changes), details), URLS) != before
    assert state_of(Snapshot(job, replace(details, queue_position=2)), URLS) != before


def test_a_moment_is_written_once_for_each_way_to_see_it() -> None:
    found = Snapshot(*whole())
    there, other = URLS, Urls("https://host:8443/quws/async")
    assert snapshot_json(found, there) is snapshot_json(found, there)
    assert snapshot_document(found, there) is snapshot_document(found, there)
    assert snapshot_json(found, other) == job_json(found.job, found.details, other)
    assert snapshot_document(found, other) == job_document(found.job, found.details, other)
