"""The XML documents of UWS 1.1, as models: appendix B of the standard, schema ``UWS.xsd``.

Every element that may be nil is always written, as ``xsi:nil``; elements that
may be missing are left out by not setting them. The namespaces are declared on
the root under the prefixes that clients look for by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import quoteattr

from pydantic_xml import BaseXmlModel, attr, element

from quws.api.kit.urls import Urls
from quws.api.kit.xml import head, xml_safe, xml_text
from quws.domain.job import Job, JobRef
from quws.domain.phases import Phase
from quws.domain.times import format_instant
from quws.services.snapshots import JobDetails

UWS = "http://www.ivoa.net/xml/UWS/v1.0"
OURS = "urn:quws:job:1"
NSMAP = {
    "uws": UWS,
    "xlink": "http://www.w3.org/1999/xlink",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
VERSION = "1.1"


class ParameterXml(BaseXmlModel, tag="parameter", ns="uws", nsmap=NSMAP):
    """One parameter: its value, or a link to it."""

    value: str
    id: str = attr()
    by_reference: str | None = attr("byReference", default=None)
    is_post: str | None = attr("isPost", default=None)


class ParametersXml(BaseXmlModel, tag="parameters", ns="uws", nsmap=NSMAP):
    """All parameters, in the order in which they were posted."""

    parameter: list[ParameterXml] = []


class ResultXml(BaseXmlModel, tag="result", ns="uws", nsmap=NSMAP):
    """A link to one result."""

    id: str = attr()
    href: str = attr(ns="xlink")
    size: int = attr()
    mime_type: str = attr("mime-type")


class ResultsXml(BaseXmlModel, tag="results", ns="uws", nsmap=NSMAP):
    """All results; an empty list is written too."""

    result: list[ResultXml] = []


class ErrorSummaryXml(BaseXmlModel, tag="errorSummary", ns="uws", nsmap=NSMAP):
    """Why a job failed."""

    type: str = attr()
    has_detail: str = attr("hasDetail")
    message: str = element()


class EntryXml(BaseXmlModel, tag="entry", ns="q", nsmap={"q": OURS}):
    """One line of the timeline."""

    time: str = attr()
    status: str = attr()
    source: str = attr()
    message: str | None = attr(default=None)


class TimelineXml(BaseXmlModel, tag="timeline", ns="q", nsmap={"q": OURS}):
    """What happened to the job."""

    entry: list[EntryXml] = []


class ExtrasXml(BaseXmlModel, tag="details", ns="q", nsmap={"q": OURS}):
    """What quws knows of a job beyond UWS.

    No element here may be called as one of UWS is: STILTS looks at local names
    only, and would take it for that.
    """

    target: str = element()
    attempt: int = element()
    circuits: int = element()
    circuits_done: int = element("circuitsDone")
    circuits_failed: int | None = element("circuitsFailed", default=None)
    circuits_aborted: int | None = element("circuitsAborted", default=None)
    queue_position: int | None = element("queuePosition", default=None)
    status: str | None = element(default=None)
    calibration: str | None = element(default=None)
    timeline: TimelineXml


class JobInfoXml(BaseXmlModel, tag="jobInfo", ns="uws", nsmap=NSMAP):
    """The place that UWS leaves to the service."""

    details: ExtrasXml


class JobXml(BaseXmlModel, tag="job", ns="uws", nsmap=NSMAP):
    """A job, in the order of the schema's sequence. Jobs are served by ``document``."""

    version: str = attr()
    job_id: str = element("jobId")
    run_id: str | None = element("runId", default=None)
    owner_id: str | None = element("ownerId", nillable=True)
    phase: str = element()
    quote: str | None = element(nillable=True)
    creation_time: str = element("creationTime")
    start_time: str | None = element("startTime", nillable=True)
    end_time: str | None = element("endTime", nillable=True)
    execution_duration: int = element("executionDuration")
    destruction: str | None = element(nillable=True)
    parameters: ParametersXml
    results: ResultsXml
    error_summary: ErrorSummaryXml | None = element("errorSummary", default=None)
    job_info: JobInfoXml = element("jobInfo")


class JobRefXml(BaseXmlModel, tag="jobref", ns="uws", nsmap=NSMAP):
    """A job in the list."""

    id: str = attr()
    href: str = attr(ns="xlink")
    phase: str = element()
    run_id: str | None = element("runId", default=None)
    owner_id: str | None = element("ownerId", nillable=True)
    creation_time: str = element("creationTime")


class JobsXml(BaseXmlModel, tag="jobs", ns="uws", nsmap=NSMAP):
    """The job list. Lists are served by ``list_head`` and ``list_entries``, which a test
    proves equal to this model: a model of 100,000 jobs takes seconds and much memory.
    """

    version: str = attr()
    jobref: list[JobRefXml] = []


def modelled_job(job: Job, details: JobDetails, urls: Urls) -> bytes:
    """Write the document of a job from the models: the reference for the one from a template."""
    optional: dict[str, Any] = {}
    if job.run_id is not None:
        optional["run_id"] = job.run_id
    if job.error is not None:
        optional["error_summary"] = ErrorSummaryXml(
            type=job.error.type, has_detail="true", message=xml_safe(job.error.message)
        )
    document = JobXml(
        version=VERSION,
        job_id=job.id,
        owner_id=job.owner,
        phase=job.phase,
        quote=_instant(job.quote),
        creation_time=format_instant(job.creation_time),
        start_time=_instant(job.start_time),
        end_time=_instant(job.end_time),
        execution_duration=job.execution_duration,
        destruction=_instant(job.destruction_time),
        parameters=_parameters(job, urls),
        results=_results(job, urls),
        job_info=JobInfoXml(details=_extras(job, details)),
        **optional,
    )
    return _bytes(document, urls)


def parameters_document(job: Job, urls: Urls) -> bytes:
    """Write the list of a job's parameters."""
    return _bytes(_parameters(job, urls), urls)


def results_document(job: Job, urls: Urls) -> bytes:
    """Write the list of a job's results."""
    return _bytes(_results(job, urls), urls)


def list_document(refs: Sequence[JobRef], urls: Urls) -> bytes:
    """Write a whole job list from the models: the reference for the streamed one."""
    entries = []
    for ref in refs:
        optional = {} if ref.run_id is None else {"run_id": ref.run_id}
        entries.append(
            JobRefXml(
                id=ref.id,
                href=urls.job(ref.id),
                phase=ref.phase,
                owner_id=ref.owner,
                creation_time=format_instant(ref.creation_time),
                **optional,
            )
        )
    return _bytes(JobsXml(version=VERSION, jobref=entries), urls)


def list_head(urls: Urls) -> str:
    """Write the beginning of a streamed job list."""
    declared = " ".join(f"xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in NSMAP.items())
    return f'{head(urls.stylesheet)}<uws:jobs {declared} version="{VERSION}">'


def list_entries(refs: Iterable[JobRef], urls: Urls) -> str:
    """Write some entries of a streamed job list."""
    # An id has nothing to be escaped.
    before = quoteattr(urls.job(""))
    before, quote = before[:-1], before[-1]
    # Mostly they are all of one.
    owners: dict[str | None, str] = {None: '<uws:ownerId xsi:nil="true"/>'}
    written = []
    for job_id, phase, run_id, owner, created in refs:
        if (whose := owners.get(owner)) is None:
            whose = owners[owner] = f"<uws:ownerId>{xml_text(owner or '')}</uws:ownerId>"
        written.append(
            f'<uws:jobref id="{job_id}" xlink:href={before}{job_id}{quote}>{_PHASES[phase]}'
            f"{'' if run_id is None else f'<uws:runId>{xml_text(run_id)}</uws:runId>'}{whose}"
            f"<uws:creationTime>{format_instant(created)}</uws:creationTime></uws:jobref>"
        )
    return "".join(written)


_PHASES = {phase: f"<uws:phase>{phase}</uws:phase>" for phase in Phase}
LIST_END = "</uws:jobs>\n"


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _parameters(job: Job, urls: Urls) -> ParametersXml:
    written = []
    for item, link in urls.parameters(job):
        if link is None:
            written.append(ParameterXml(id=xml_safe(item.name), value=item.value or ""))
        else:
            written.append(ParameterXml(id=xml_safe(item.name), by_reference="true", value=link))
    return ParametersXml(parameter=written)


def _results(job: Job, urls: Urls) -> ResultsXml:
    return ResultsXml(
        result=[
            ResultXml(
                id=item.id,
                href=urls.result(job.id, item.id),
                size=item.size,
                mime_type=item.mime_type,
            )
            for item in job.results
        ]
    )


def _extras(job: Job, details: JobDetails) -> ExtrasXml:
    optional: dict[str, Any] = {}
    if job.circuits_failed:
        optional["circuits_failed"] = job.circuits_failed
    if job.circuits_aborted:
        optional["circuits_aborted"] = job.circuits_aborted
    if details.queue_position is not None:
        optional["queue_position"] = details.queue_position
    if details.status is not None:
        optional["status"] = xml_safe(details.status)
    if job.calibration_id is not None:
        optional["calibration"] = xml_safe(job.calibration_id)
    entries = []
    for entry in details.timeline:
        message = {} if entry.message is None else {"message": xml_safe(entry.message)}
        entries.append(
            EntryXml(
                time=format_instant(entry.time),
                status=entry.status,
                source=xml_safe(entry.source),
                **message,
            )
        )
    return ExtrasXml(
        target=job.target,
        attempt=job.attempt,
        circuits=job.circuits,
        circuits_done=job.circuits_done,
        timeline=TimelineXml(entry=entries),
        **optional,
    )


def _bytes(document: BaseXmlModel, urls: Urls) -> bytes:
    written = document.to_xml(exclude_unset=True, encoding="UTF-8")
    root = written if isinstance(written, bytes) else written.encode()
    return head(urls.stylesheet).encode() + root
