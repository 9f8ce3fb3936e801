"""What FastAPI cannot know of our handlers, which read their requests themselves.

Forms and queries are case-insensitive and repeatable in ways that a function's
signature does not express, and every resource has several renderings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from quws.api.kit.filters import MOST_OF_A_PAGE
from quws.domain.formats import Format
from quws.domain.labels import Order
from quws.domain.parameters.specification import Kind, Specification, Specifications
from quws.domain.phases import Phase
from quws.domain.targets import TargetStatus
from quws.domain.webhooks import DeliveryState, EventType
from quws.schemas.health import AvailabilityJson, ReadinessJson
from quws.schemas.job import EntryJson, ErrorJson, JobJson, RefJson, ResultJson
from quws.schemas.labels import ActionJson, DoneJson, LabelsJson, RelabelJson, SelectionJson
from quws.schemas.problem import Problem
from quws.schemas.quota import QuotaJson
from quws.schemas.record import KeysJson, SignedJson
from quws.schemas.target import CalibrationJson, CalibrationRefJson, TargetJson, WholeTargetJson
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
_REF = "#/components/schemas/{model}"


def _refers(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF.format(model=model.__name__)}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_Fields = dict[str, tuple[dict[str, Any], str]]
"""Names, each with the schema of its values and what it is for."""

_TYPES: dict[Kind, dict[str, Any]] = {
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.NUMBER: {"type": "number"},
    Kind.FLAG: {"type": "boolean"},
    Kind.OBJECT: {"type": "string"},
    Kind.INSTANT: {"type": "string"},
}
_ACTION: _Fields = {
    "ACTION": ({"type": "string", "enum": ["DELETE"]}, "DELETE deletes the job."),
}
_BULK: _Fields = {
    "ACTION": (
        {"type": "string", "enum": ["RUN", "ABORT", "DELETE", "LABEL"]},
        "What is done with all of them; LABEL changes labels.",
    ),
}
_WEBHOOK: _Fields = {
    "URL": ({"type": "string"}, "The http or https URL that is told."),
    "EVENT": (
        _array({"type": "string", "enum": list(EventType)}),
        "Of what it is told; of all where none is given.",
    ),
}
_RUN: _Fields = {
    "PHASE": ({"type": "string", "enum": ["RUN"]}, "RUN starts the job at once."),
}

_STATUS_FORM: _Fields = {
    "STATUS": (
        {"type": "string", "enum": list(TargetStatus)},
        "The new status; online lifts what was set before.",
    ),
    "MESSAGE": ({"type": "string"}, "Why, in words, for users."),
    "UNTIL": ({"type": "string"}, "The instant at which it is lifted by itself."),
}
_QUERIES: dict[str, _Fields] = {
    "/jobs": {
        "PHASE": (_array(_PHASE), "Only jobs in one of these phases."),
        "AFTER": ({"type": "string"}, "Only jobs created later than this ISO 8601 instant."),
        "BEFORE": ({"type": "string"}, "Only jobs created earlier than this instant."),
        "LAST": ({"type": "integer", "minimum": 1}, "Only the first so many of the list."),
        "TAG": (_array({"type": "string"}), "Only jobs that have all of these tags."),
        "RUNID": ({"type": "string"}, "Only jobs of this run id."),
        "TARGET": ({"type": "string"}, "Only jobs of this target."),
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
    },
}
_QUERIES["/jobs/{job_id}/timeline"] = {
    "STATUS": ({"type": "string"}, "Only entries of this status; repeatable."),
    "SOURCE": ({"type": "string"}, "Only entries from this source; repeatable."),
}
_FILTER = ("PHASE", "AFTER", "BEFORE", "TAG", "RUNID", "TARGET", "TEXT")
_QUERIES["/selection"] = {name: _QUERIES["/jobs"][name] for name in _FILTER}
_QUERIES["/quota"] = {"OWNER": ({"type": "string"}, "Whose, for operators.")}
_QUERIES["/webhooks/{webhook_id}/deliveries"] = {
    "STATE": ({"type": "string", "enum": list(DeliveryState)}, "Only messages in this state."),
}
_QUERIES["/jobs/{job_id}/results/{result_id}"] = {
    "RESPONSEFORMAT": (
        {"type": "string"},
        f"The format: {', '.join(Format)}, or its media type; else the one that is kept.",
    ),
}
_QUERIES["/jobs/{job_id}/provenance"] = {
    "RESPONSEFORMAT": ({"type": "string"}, "votable or json, or its media type."),
}
_VALUE = {"text/plain": _TEXT, "application/json": {"schema": {}}}
_BYTES = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_ZIP = {"application/zip": {"schema": {"type": "string", "format": "binary"}}}
_EVENTS: dict[str, Any] = {"text/event-stream": _TEXT}
_CONTENT: dict[str, dict[str, Any]] = {
    "/jobs": {
        **_XML,
        "application/json": {"schema": _array(_refers(RefJson))},
        "text/html": _TEXT,
    },
    "/jobs/{job_id}": {
        **_XML,
        "application/json": {"schema": _refers(JobJson)},
        "text/html": _TEXT,
    },
    "/jobs/{job_id}/events": _EVENTS,
    "/events": _EVENTS,
    "/webhooks": {"application/json": {"schema": _array(_refers(WebhookJson))}},
    "/webhooks/{webhook_id}": {"application/json": {"schema": _refers(WebhookJson)}},
    "/webhooks/{webhook_id}/deliveries": {
        "application/json": {"schema": _array(_refers(DeliveryJson))},
    },
    "/selection": {"application/json": {"schema": _refers(SelectionJson)}, "text/html": _TEXT},
    "/jobs/{job_id}/timeline": {"application/json": {"schema": _array(_refers(EntryJson))}},
    "/jobs/{job_id}/labels": {"application/json": {"schema": _refers(LabelsJson)}},
    "/jobs/{job_id}/error": {
        "application/x-votable+xml": _TEXT,
        "application/json": {"schema": _refers(ErrorJson)},
    },
    "/jobs/{job_id}/parameters": {**_XML, "application/json": {"schema": {"type": "object"}}},
    "/jobs/{job_id}/results": {
        **_XML,
        "application/json": {"schema": _array(_refers(ResultJson))},
    },
    "/jobs/{job_id}/results/{result_id}": _BYTES,
    "/jobs/{job_id}/bundle.zip": _ZIP,
    "/jobs/{job_id}/provenance": {
        "application/x-votable+xml": _TEXT,
        "application/json": {"schema": {"type": "object"}},
    },
    "/jobs/{job_id}/record": {"application/json": {"schema": _refers(SignedJson)}},
    "/keys": {"application/json": {"schema": _refers(KeysJson)}},
    "/jobs/{job_id}/parameters/{name}": _BYTES,
    "/jobs/{job_id}/parameters/{name}/{position}": _BYTES,
    "/capabilities": {"text/xml": _TEXT},
    "/availability": {
        "text/xml": _TEXT,
        "application/json": {"schema": _refers(AvailabilityJson)},
    },
    "/health/live": {"text/plain": _TEXT},
    "/health/ready": {"application/json": {"schema": _refers(ReadinessJson)}},
}
_VOTABLE: dict[str, Any] = {"application/x-votable+xml": _TEXT}
_CONTENT |= {
    "/quota": {"application/json": {"schema": _refers(QuotaJson)}, "text/html": _TEXT},
    "/targets": {
        **_VOTABLE,
        "application/json": {"schema": _array(_refers(TargetJson))},
        "text/html": _TEXT,
    },
    "/targets/{name}": {
        **_VOTABLE,
        "application/json": {"schema": _refers(WholeTargetJson)},
        "text/html": _TEXT,
    },
    "/targets/{name}/calibrations": {
        **_VOTABLE,
        "application/json": {"schema": _array(_refers(CalibrationRefJson))},
    },
    "/targets/{name}/calibrations/{calibration_id}": {
        **_VOTABLE,
        "application/json": {"schema": _refers(CalibrationJson)},
    },
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "The same request under the same key makes one job, however often it is sent.",
}
_ERROR = {
    "text/plain": _TEXT,
    "application/problem+json": {"schema": _refers(Problem)},
    "text/html": _TEXT,
}
_STATUS = {
    "303": "Go on with a GET of the Location",
    "400": "A query parameter or the body is malformed",
    "401": "Sign in",
    "403": "Refused: a bad parameter, somebody else's job, or not in this phase",
    "404": "There is no such job, child, result or parameter",
    "413": "The body is too large",
    "415": "The body is neither a form nor JSON",
    "429": "The caller has too many requests under way, has tried wrong passwords, or a quota is"
    " used up that is free again by itself",
    "503": "Not right now",
    "507": "The disk of the service is nearly full",
}
_MODELS: tuple[type[BaseModel], ...] = (
    AvailabilityJson,
    JobJson,
    RefJson,
    ResultJson,
    ErrorJson,
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
)
_JSON_BODIES: dict[str, type[BaseModel]] = {
    "/jobs/{job_id}/labels": RelabelJson,
    "/selection": ActionJson,
    "/webhooks": NewWebhookJson,
}
_ANSWERS: dict[tuple[str, str], tuple[str, type[BaseModel] | None, str]] = {
    ("/selection", "post"): ("200", DoneJson, "What was done"),
    ("/webhooks", "post"): ("201", MadeWebhookJson, "The webhook"),
    ("/webhooks/secret", "post"): ("201", SecretJson, "The secret, told only here"),
    ("/webhooks/{webhook_id}", "delete"): ("204", None, "It is gone"),
    ("/webhooks/{webhook_id}/retry", "post"): ("200", RetriedJson, "How many there are"),
}
"""What is answered otherwise than by a redirection."""
_KEEPING = ("/jobs", "/sync", "/jobs/{job_id}/rerun", "/jobs/{job_id}", "/jobs/{job_id}/parameters")
"""Where what is sent is kept."""

_REFUSING = ("/jobs", "/sync", "/targets", "/events", "/selection", "/webhooks", "/quota")


def describe(app: FastAPI, specifications: Specifications) -> dict[str, Any]:
    """Write the OpenAPI document, once."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    # What has a default is always written, except in errors.
    schemas: dict[str, Any] = {"Problem": Problem.model_json_schema(ref_template=_REF)}
    for model in _MODELS:
        schema = model.model_json_schema(ref_template=_REF, mode="serialization")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    document["components"] = {"schemas": schemas}
    job = _described(specifications.job)
    control = _described(item for item in specifications if item.control)
    forms = {
        "/jobs": job | control | _RUN,
        "/jobs/{job_id}": _ACTION | control | job,
        "/jobs/{job_id}/phase": {"PHASE": control["PHASE"]},
        "/jobs/{job_id}/rerun": control | _RUN,
        "/jobs/{job_id}/executionduration": {"EXECUTIONDURATION": control["EXECUTIONDURATION"]},
        "/jobs/{job_id}/destruction": {"DESTRUCTION": control["DESTRUCTION"]},
        "/jobs/{job_id}/parameters": job,
        "/jobs/{job_id}/labels": _labels(control | job),
        "/selection": _BULK | _labels(control | job),
        "/webhooks": _WEBHOOK,
        "/sync": job,
        "/targets/{name}": _STATUS_FORM,
    }
    queries = _QUERIES | {"/sync": job}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation, forms.get(path), queries.get(path))
    app.openapi_schema = document
    return document


def _described(specifications: Iterable[Specification]) -> _Fields:
    return {item.name: (_schema(item), _what(item)) for item in specifications}


def _labels(known: _Fields) -> _Fields:
    """Return the labels of a job as fields of a form."""
    tags, what = known["TAG"][0], known["TAG"][1]
    return {
        **{name: known[name] for name in ("NAME", "RUNID", "METADATA")},
        "TAG": (tags, f"{what} These are all that there shall be."),
        "ADDTAG": (tags, "A tag that there shall be beside the others."),
        "REMOVETAG": (tags, "A tag that there shall not be."),
    }


def _schema(specification: Specification) -> dict[str, Any]:
    schema = dict(_TYPES[specification.kind])
    for limit, value in (("minimum", specification.low), ("maximum", specification.high)):
        if value is not None:
            schema[limit] = value
    if specification.choices:
        schema["enum"] = list(specification.choices)
    return _array(schema) if specification.repeatable else schema


def _what(specification: Specification) -> str:
    others = " or ".join(specification.aliases)
    return f"{specification.help} {others} is the same." if others else specification.help


def _complete(
    path: str, method: str, operation: dict[str, Any], form: _Fields | None, query: _Fields | None
) -> None:
    responses = _answers(path, method)
    for status in sorted(_refusals(path, method)):
        responses[status] = {"description": _STATUS[status], "content": _ERROR}
    if _CONTENT.get(path) is _BYTES and method == "get":
        responses["206"] = {"description": "The range that was asked for", "content": _BYTES}
        responses["304"] = {"description": "Unchanged"}
        responses["416"] = {"description": "There is no such range"}
    if _CONTENT.get(path) is _ZIP:
        responses["304"] = {"description": "Unchanged"}
    if path == "/jobs/{job_id}/events":
        responses["204"] = {"description": "The client has seen the end of the job"}
    if path == "/jobs" and method == "post":
        del responses["404"]
    operation["responses"] = responses
    if (method == "get" or path == "/selection") and query is not None:
        operation.setdefault("parameters", []).extend(
            {"name": name, "in": "query", "schema": schema, "description": what}
            for name, (schema, what) in query.items()
        )
    if path in ("/jobs", "/sync", "/jobs/{job_id}/rerun") and method == "post":
        operation.setdefault("parameters", []).append(_KEY)
    if method == "post" and form is not None:
        operation["requestBody"] = {"content": _form(form)}
        if model := _JSON_BODIES.get(path):
            content = operation["requestBody"]["content"]
            content["application/json"] = {"schema": _refers(model)}
    if method == "put":
        operation["requestBody"] = {
            "content": {"application/octet-stream": {"schema": {"type": "string"}}}
        }


def _answers(path: str, method: str) -> dict[str, Any]:
    """Return what a request is answered with that is granted."""
    responses: dict[str, Any] = {}
    if (path, method) in _ANSWERS:
        status, model, what = _ANSWERS[path, method]
        responses[status] = {"description": what}
        if model is not None:
            content = {"application/json": {"schema": _refers(model)}}
            responses[status]["content"] = content
        if path != "/selection":
            return responses
    if method != "get" or path.startswith("/sync"):
        responses["303"] = {"description": _STATUS["303"]}
    else:
        responses["200"] = {"description": "OK", "content": _CONTENT.get(path, _VALUE)}
    return responses


def _refusals(path: str, method: str) -> list[str]:
    refusals = ["503"]
    if path == "/keys":
        refusals.append("404")
    if path.startswith(_REFUSING):
        refusals += ["400", "401", "403", "404", "429"]
    if method in ("post", "put"):
        refusals += ["413", "415"]
        if path in _KEEPING or path.startswith("/jobs/{job_id}/parameters/"):
            refusals.append("507")
    return refusals


def _form(fields: _Fields) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            name: field | {"description": what} for name, (field, what) in fields.items()
        },
    }
    return {
        "application/x-www-form-urlencoded": {"schema": schema},
        "multipart/form-data": {"schema": schema},
        "application/json": {"schema": schema},
    }
