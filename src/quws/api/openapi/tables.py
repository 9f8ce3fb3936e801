"""What routes take and answer, for the OpenAPI document: tables by their paths."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from quws.api.kit.filters import MOST_OF_A_PAGE
from quws.domain.batch import CircuitStatus
from quws.domain.formats import Format
from quws.domain.labels import Order
from quws.domain.parameters.specification import Kind
from quws.domain.phases import Phase
from quws.domain.sessions import SessionMode
from quws.domain.targets import TargetStatus
from quws.domain.webhooks import DeliveryState, EventType
from quws.schemas.circuit import CircuitJson
from quws.schemas.health import AvailabilityJson, ReadinessJson
from quws.schemas.job import EntryJson, ErrorJson, JobJson, RefJson, ResultJson
from quws.schemas.labels import ActionJson, DoneJson, LabelsJson, RelabelJson, SelectionJson
from quws.schemas.problem import Problem
from quws.schemas.quota import QuotaJson
from quws.schemas.record import KeysJson, SignedJson
from quws.schemas.session import NewSessionJson, SessionJson, SessionPatchJson
from quws.schemas.target import CalibrationJson, CalibrationRefJson, TargetJson, WholeTargetJson
from quws.schemas.timeslot import NewTimeslotJson, TimeslotJson
from quws.schemas.webhook import (
    DeliveryJson,
    MadeWebhookJson,
    NewWebhookJson,
    RetriedJson,
    SecretJson,
    WebhookJson,
)

_TEXT: dict[str, Any] = {"schema": {"type": "string"}}
_PHASE = {"type": "string", "enum": list(Phase)}
_XML: dict[str, Any] = {"application/xml": _TEXT}
REF = "#/components/schemas/{model}"


def refers(model: type[BaseModel]) -> dict[str, Any]:
    """Return a schema that is a model's, by its name."""
    return {"$ref": REF.format(model=model.__name__)}


def array(items: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


Fields = dict[str, tuple[dict[str, Any], str]]
"""Names, each with the schema of its values and what it is for."""

TYPES: dict[Kind, dict[str, Any]] = {
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.FLAG: {"type": "boolean"},
    Kind.OBJECT: {"type": "string"},
    Kind.INSTANT: {"type": "string"},
}
ACTION: Fields = {
    "ACTION": ({"type": "string", "enum": ["DELETE"]}, "DELETE deletes the job."),
}
CIRCUIT: Fields = {
    "ACTION": ({"type": "string", "enum": ["ABORT"]}, "ABORT leaves it out; the others go on."),
}
CIRCUITS: Fields = {
    **CIRCUIT,
    "INDEX": (array({"type": "string"}), "Which circuits, as in 3,5-9."),
}
BULK: Fields = {
    "ACTION": (
        {"type": "string", "enum": ["RUN", "ABORT", "DELETE", "LABEL"]},
        "What is done with all of them; LABEL changes labels.",
    ),
}
WEBHOOK: Fields = {
    "URL": ({"type": "string"}, "The http or https URL that is told."),
    "EVENT": (
        array({"type": "string", "enum": list(EventType)}),
        "Of what it is told; of all where none is given.",
    ),
}
RUN: Fields = {
    "PHASE": ({"type": "string", "enum": ["RUN"]}, "RUN starts the job at once."),
}

STATUS_FORM: Fields = {
    "STATUS": (
        {"type": "string", "enum": list(TargetStatus)},
        "The new status; online lifts what was set before.",
    ),
    "MESSAGE": ({"type": "string"}, "Why, in words, for users."),
    "UNTIL": ({"type": "string"}, "The instant at which it is lifted by itself."),
}
TIMESLOT_FORM: Fields = {
    "START": ({"type": "string"}, "The instant at which it begins."),
    "END": ({"type": "string"}, "The instant at which it ends."),
    "MINUTES": ({"type": "integer", "minimum": 1}, "How long it is, instead of END."),
}
SESSION_FORM: Fields = {
    "TARGET": ({"type": "string"}, "The target; else the one that is the default of jobs."),
    "MODE": (
        {"type": "string", "enum": list(SessionMode)},
        "Whether others wait while it has nothing to run (dedicated), or run (batch).",
    ),
    "MAX_SECONDS": ({"type": "integer", "minimum": 1}, "Its whole time, from its first job on."),
    "IDLE_SECONDS": (
        {"type": "integer", "minimum": 0},
        "After how long without a job to run it is inactive.",
    ),
}
SESSION_ACTION: Fields = {
    "ACTION": (
        {"type": "string", "enum": ["CLOSE", "CANCEL"]},
        "CLOSE takes no new jobs, CANCEL aborts those that wait as well.",
    ),
}
QUERIES: dict[str, Fields] = {
    "/jobs": {
        "PHASE": (array(_PHASE), "Only jobs in one of these phases."),
        "AFTER": ({"type": "string"}, "Only jobs created later than this ISO 8601 instant."),
        "BEFORE": ({"type": "string"}, "Only jobs created earlier than this instant."),
        "LAST": ({"type": "integer", "minimum": 1}, "Only the first so many of the list."),
        "TAG": (array({"type": "string"}), "Only jobs that have all of these tags."),
        "RUNID": ({"type": "string"}, "Only jobs of this run id."),
        "TARGET": ({"type": "string"}, "Only jobs of this target."),
        "SESSION": ({"type": "string"}, "Only jobs of this session."),
        "TEXT": ({"type": "string"}, "Only jobs with this in their name, run id or a tag."),
        "SORT": (
            {"type": "string", "enum": list(Order)},
            "The order, as JSON; with a minus sign the largest first.",
        ),
        "LIMIT": (
            {"type": "integer", "minimum": 1, "maximum": MOST_OF_A_PAGE},
            "As JSON, a page of so many; the header Link has the next one.",
        ),
        "PAST": (
            {"type": "string"},
            "As JSON, where a page begins, by the link to it.",
        ),
        "IDEMPOTENCY-KEY": (
            {"type": "string"},
            "Only the job that the caller made with this Idempotency-Key.",
        ),
    },
    "/jobs/{job_id}": {
        "WAIT": (
            {"type": "integer", "minimum": -1},
            "Answer when the phase changes, or after so many seconds; -1 for as long as the"
            " service allows.",
        ),
        "PHASE": (_PHASE, "With WAIT: answer at once if the job is not in this phase."),
        "OUTCOMES": (
            {"type": "boolean"},
            "As JSON, with what a COMPLETED job gave: the member `outcomes` is its result `counts`,"
            " `expectation` or `compilation` where that has at most 64 KiB, else null.",
        ),
    },
}
QUERIES["/jobs/{job_id}/timeline"] = {
    "STATUS": ({"type": "string"}, "Only entries of this status; repeatable."),
    "SOURCE": ({"type": "string"}, "Only entries from this source; repeatable."),
}
_FILTER = ("PHASE", "AFTER", "BEFORE", "TAG", "RUNID", "TARGET", "SESSION", "TEXT")
QUERIES["/selection"] = {name: QUERIES["/jobs"][name] for name in _FILTER}
QUERIES["/quota"] = {"OWNER": ({"type": "string"}, "Whose, for operators.")}
QUERIES["/webhooks/{webhook_id}/deliveries"] = {
    "STATE": ({"type": "string", "enum": list(DeliveryState)}, "Only messages in this state."),
}
QUERIES["/jobs/{job_id}/circuits"] = {
    "STATUS": (
        array({"type": "string", "enum": list(CircuitStatus)}),
        "Only circuits that stand in one of these.",
    ),
    "LIMIT": QUERIES["/jobs"]["LIMIT"],
    "PAST": ({"type": "integer"}, "The index behind which the page begins."),
}
QUERIES["/jobs/{job_id}/results/{result_id}"] = {
    "RESPONSEFORMAT": (
        {"type": "string"},
        f"The format: {', '.join(Format)}, or its media type; else the one that is kept.",
    ),
}
QUERIES["/jobs/{job_id}/provenance"] = {
    "RESPONSEFORMAT": ({"type": "string"}, "votable or json, or its media type."),
}
VALUE = {"text/plain": _TEXT, "application/json": {"schema": {}}}
BYTES = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
ZIP = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}
_EVENTS: dict[str, Any] = {"text/event-stream": _TEXT}
CONTENT: dict[str, dict[str, Any]] = {
    "/jobs": {
        **_XML,
        "application/json": {"schema": array(refers(RefJson))},
        "text/html": _TEXT,
    },
    "/jobs/{job_id}": {
        **_XML,
        "application/json": {"schema": refers(JobJson)},
        "text/html": _TEXT,
    },
    "/jobs/{job_id}/events": _EVENTS,
    "/events": _EVENTS,
    "/webhooks": {"application/json": {"schema": array(refers(WebhookJson))}},
    "/webhooks/{webhook_id}": {"application/json": {"schema": refers(WebhookJson)}},
    "/webhooks/{webhook_id}/deliveries": {
        "application/json": {"schema": array(refers(DeliveryJson))},
    },
    "/selection": {"application/json": {"schema": refers(SelectionJson)}, "text/html": _TEXT},
    "/jobs/{job_id}/timeline": {"application/json": {"schema": array(refers(EntryJson))}},
    "/jobs/{job_id}/labels": {"application/json": {"schema": refers(LabelsJson)}},
    "/jobs/{job_id}/circuits": {
        "application/json": {"schema": array(refers(CircuitJson))},
        "text/html": _TEXT,
    },
    "/jobs/{job_id}/circuits/{index}": {
        "application/json": {"schema": refers(CircuitJson)},
        "text/html": _TEXT,
    },
    "/jobs/{job_id}/error": {
        "application/x-votable+xml": _TEXT,
        "application/json": {"schema": refers(ErrorJson)},
    },
    "/jobs/{job_id}/parameters": {**_XML, "application/json": {"schema": {"type": "object"}}},
    "/jobs/{job_id}/results": {
        **_XML,
        "application/json": {"schema": array(refers(ResultJson))},
    },
    "/jobs/{job_id}/results/{result_id}": BYTES,
    "/jobs/{job_id}/bundle.zip": ZIP,
    "/jobs/{job_id}/provenance": {
        "application/x-votable+xml": _TEXT,
        "application/json": {"schema": {"type": "object"}},
    },
    "/jobs/{job_id}/record": {"application/json": {"schema": refers(SignedJson)}},
    "/keys": {"application/json": {"schema": refers(KeysJson)}},
    "/jobs/{job_id}/parameters/{name}": BYTES,
    "/jobs/{job_id}/parameters/{name}/{position}": BYTES,
    "/capabilities": {"text/xml": _TEXT},
    "/availability": {
        "text/xml": _TEXT,
        "application/json": {"schema": refers(AvailabilityJson)},
    },
    "/health/live": {"text/plain": _TEXT},
    "/health/ready": {"application/json": {"schema": refers(ReadinessJson)}},
}
_VOTABLE: dict[str, Any] = {"application/x-votable+xml": _TEXT}
CONTENT |= {
    "/timeslots": {"application/json": {"schema": array(refers(TimeslotJson))}},
    "/timeslots.ics": {"text/calendar": _TEXT},
    "/targets/{name}/timeslots": {
        "application/json": {"schema": array(refers(TimeslotJson))},
        "text/html": _TEXT,
    },
    "/targets/{name}/timeslots.ics": {"text/calendar": _TEXT},
    "/targets/{name}/timeslots/{slot_id}": {"application/json": {"schema": refers(TimeslotJson)}},
    "/sessions": {
        "application/json": {"schema": array(refers(SessionJson))},
        "text/html": _TEXT,
    },
    "/sessions/{session_id}": {"application/json": {"schema": refers(SessionJson)}},
    "/quota": {"application/json": {"schema": refers(QuotaJson)}, "text/html": _TEXT},
    "/targets": {
        **_VOTABLE,
        "application/json": {"schema": array(refers(TargetJson))},
        "text/html": _TEXT,
    },
    "/targets/{name}": {
        **_VOTABLE,
        "application/json": {"schema": refers(WholeTargetJson)},
        "text/html": _TEXT,
    },
    "/targets/{name}/calibrations": {
        **_VOTABLE,
        "application/json": {"schema": array(refers(CalibrationRefJson))},
    },
    "/targets/{name}/calibrations/{calibration_id}": {
        **_VOTABLE,
        "application/json": {"schema": refers(CalibrationJson)},
    },
}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "The same request under the same key makes one job, however often it is sent.",
}
ERROR = {
    "text/plain": _TEXT,
    "application/problem+json": {"schema": refers(Problem)},
    "text/html": _TEXT,
}
STATUS = {
    "303": "Go on with a GET of the Location",
    "400": "A query parameter or the body is malformed",
    "401": "Sign in",
    "403": "Refused: a bad parameter, somebody else's job, or not in this phase",
    "404": "There is no such job, child, result or parameter",
    "409": "The target is booked for that time",
    "413": "The body is too large",
    "415": "The body is neither a form nor JSON",
    "429": "The caller has too many requests under way, has tried wrong passwords, or a quota is"
    " used up that is free again by itself",
    "503": "Not right now",
    "507": "The disk of the service is nearly full",
}
MODELS: tuple[type[BaseModel], ...] = (
    AvailabilityJson,
    JobJson,
    RefJson,
    ResultJson,
    ErrorJson,
    CircuitJson,
    TargetJson,
    WholeTargetJson,
    CalibrationRefJson,
    CalibrationJson,
    SignedJson,
    KeysJson,
    LabelsJson,
    RelabelJson,
    WebhookJson,
    MadeWebhookJson,
    NewWebhookJson,
    SecretJson,
    DeliveryJson,
    RetriedJson,
    SelectionJson,
    ActionJson,
    DoneJson,
    QuotaJson,
    TimeslotJson,
    NewTimeslotJson,
    SessionJson,
    NewSessionJson,
    SessionPatchJson,
)
JSON_BODIES: dict[str, type[BaseModel]] = {
    "/jobs/{job_id}/labels": RelabelJson,
    "/selection": ActionJson,
    "/webhooks": NewWebhookJson,
    "/targets/{name}/timeslots": NewTimeslotJson,
    "/sessions": NewSessionJson,
}
ANSWERS: dict[tuple[str, str], tuple[str, type[BaseModel] | None, str]] = {
    ("/selection", "post"): ("200", DoneJson, "What was done"),
    ("/sessions", "post"): ("201", SessionJson, "The session"),
    ("/sessions/{session_id}", "post"): ("200", SessionJson, "The session"),
    ("/sessions/{session_id}", "patch"): ("200", SessionJson, "The session"),
    ("/sessions/{session_id}", "delete"): ("200", SessionJson, "The session"),
    ("/targets/{name}/timeslots", "post"): ("201", TimeslotJson, "The timeslot"),
    ("/targets/{name}/timeslots/{slot_id}", "delete"): ("204", None, "It is cancelled"),
    ("/webhooks", "post"): ("201", MadeWebhookJson, "The webhook"),
    ("/webhooks/secret", "post"): ("201", SecretJson, "The secret, told only here"),
    ("/webhooks/{webhook_id}", "delete"): ("204", None, "It is gone"),
    ("/webhooks/{webhook_id}/retry", "post"): ("200", RetriedJson, "How many there are"),
}
"""What is answered otherwise than by a redirection."""
KEEPING = ("/jobs", "/sync", "/jobs/{job_id}/rerun", "/jobs/{job_id}", "/jobs/{job_id}/parameters")
"""Where what is sent is kept."""

REFUSING = (
    "/jobs",
    "/sync",
    "/targets",
    "/sessions",
    "/timeslots",
    "/events",
    "/selection",
    "/webhooks",
    "/quota",
)
