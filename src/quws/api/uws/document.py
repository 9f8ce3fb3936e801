"""The document of a job, written from a small template.

It is the one of the models in ``xml``, byte for byte, as a test proves: to build a model of a job
that is thrown away as soon as it is written takes most of the time of a request.
"""

from __future__ import annotations

import re
from datetime import datetime
from xml.sax.saxutils import quoteattr

from quws.api.kit.urls import Urls
from quws.api.kit.xml import head, xml_safe, xml_text
from quws.api.uws.xml import NSMAP, OURS, VERSION
from quws.domain.job import Job, Parameter, Result, TimelineEntry
from quws.domain.times import format_instant
from quws.services.snapshots import JobDetails, Snapshot

_DECLARED = " ".join(f"xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in NSMAP.items())
_IN_ATTRIBUTE = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)
_NOT_AS_IT_IS = re.compile(r'[&<>"\t\n\r]')


def job_document(job: Job, details: JobDetails, urls: Urls) -> bytes:
    """Write the document of a job."""
    run_id = "" if job.run_id is None else f"<uws:runId>{xml_text(job.run_id)}</uws:runId>"
    owner = None if job.owner is None else xml_text(job.owner)
    parameters = "".join(_parameter(item, link) for item, link in urls.parameters(job))
    results = "".join(_result(item, job.id, urls) for item in job.results)
    error = ""
    if job.error is not None:
        error = (
            f'<uws:errorSummary type="{job.error.type}" hasDetail="true">'
            f"<uws:message>{xml_text(xml_safe(job.error.message))}</uws:message></uws:errorSummary>"
        )
    return (
        f'{head(urls.stylesheet)}<uws:job {_DECLARED} version="{VERSION}">'
        f"<uws:jobId>{job.id}</uws:jobId>{run_id}"
        f"{_nillable('ownerId', owner)}"
        f"<uws:phase>{job.phase}</uws:phase>"
        f"{_instant('quote', job.quote)}"
        f"<uws:creationTime>{format_instant(job.creation_time)}</uws:creationTime>"
        f"{_instant('startTime', job.start_time)}"
        f"{_instant('endTime', job.end_time)}"
        f"<uws:executionDuration>{job.execution_duration}</uws:executionDuration>"
        f"{_instant('destruction', job.destruction_time)}"
        f"{_several('uws:parameters', parameters)}{_several('uws:results', results)}{error}"
        f"<uws:jobInfo>{_extras(job, details)}</uws:jobInfo></uws:job>"
    ).encode()


def snapshot_document(found: Snapshot, urls: Urls) -> bytes:
    """Write the document of a job, once for all who look at the same moment."""
    key = ("xml", urls)
    content = found.rendered.get(key)
    if content is None:
        content = found.rendered[key] = job_document(found.job, found.details, urls)
    return content


def _parameter(item: Parameter, link: str | None) -> str:
    name = _attribute(xml_safe(item.name))
    if link is None:
        return f'<uws:parameter id="{name}">{xml_text(item.value or "")}</uws:parameter>'
    return f'<uws:parameter id="{name}" byReference="true">{xml_text(link)}</uws:parameter>'


def _result(item: Result, job_id: str, urls: Urls) -> str:
    return (
        f'<uws:result id="{_attribute(item.id)}"'
        f' xlink:href="{_attribute(urls.result(job_id, item.id))}" size="{item.size}"'
        f' mime-type="{_attribute(item.mime_type)}"/>'
    )


def _extras(job: Job, details: JobDetails) -> str:
    optional = ""
    if job.circuits_failed:
        optional += f"<q:circuitsFailed>{job.circuits_failed}</q:circuitsFailed>"
    if job.circuits_aborted:
        optional += f"<q:circuitsAborted>{job.circuits_aborted}</q:circuitsAborted>"
    if details.queue_position is not None:
        optional += f"<q:queuePosition>{details.queue_position}</q:queuePosition>"
    if details.status is not None:
        optional += f"<q:status>{xml_text(xml_safe(details.status))}</q:status>"
    if job.calibration_id is not None:
        optional += f"<q:calibration>{xml_text(xml_safe(job.calibration_id))}</q:calibration>"
    entries = "".join(map(_entry, details.timeline))
    return (
        f'<q:details xmlns:q="{OURS}"><q:target>{xml_text(job.target)}</q:target>'
        f"<q:attempt>{job.attempt}</q:attempt><q:circuits>{job.circuits}</q:circuits>"
        f"<q:circuitsDone>{job.circuits_done}</q:circuitsDone>{optional}"
        f"{_several('q:timeline', entries)}</q:details>"
    )


def _entry(entry: TimelineEntry) -> str:
    message = "" if entry.message is None else f' message="{_attribute(xml_safe(entry.message))}"'
    return (
        f'<q:entry time="{format_instant(entry.time)}" status="{_attribute(entry.status)}"'
        f' source="{_attribute(xml_safe(entry.source))}"{message}/>'
    )


def _several(tag: str, content: str) -> str:
    return f"<{tag}>{content}</{tag}>" if content else f"<{tag}/>"


def _instant(tag: str, instant: datetime | None) -> str:
    return _nillable(tag, None if instant is None else format_instant(instant))


def _nillable(tag: str, written: str | None) -> str:
    if written is None:
        return f'<uws:{tag} xsi:nil="true"></uws:{tag}>'
    return f"<uws:{tag}>{written}</uws:{tag}>"


def _attribute(text: str) -> str:
    """Write a text between two quotes, so that it is read back unchanged."""
    # Mostly nothing is to be done, and to see that takes a tenth of the time.
    return text.translate(_IN_ATTRIBUTE) if _NOT_AS_IT_IS.search(text) else text
