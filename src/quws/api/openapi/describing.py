"""What FastAPI cannot know of our handlers, which read their requests themselves.

Forms and queries are case-insensitive and repeatable in ways that a function's
signature does not express, and every resource has several renderings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from quws.api.openapi.tables import (
    ACTION,
    ANSWERS,
    BULK,
    BYTES,
    CIRCUIT,
    CIRCUITS,
    CONTENT,
    ERROR,
    JSON_BODIES,
    KEEPING,
    KEY,
    MODELS,
    QUERIES,
    REF,
    REFUSING,
    RUN,
    SESSION_ACTION,
    SESSION_FORM,
    STATUS,
    STATUS_FORM,
    TIMESLOT_FORM,
    TYPES,
    VALUE,
    WEBHOOK,
    ZIP,
    Fields,
    array,
    refers,
)
from quws.domain.parameters.specification import Specification, Specifications
from quws.schemas.problem import Problem
from quws.schemas.session import SessionPatchJson


def describe(app: FastAPI, specifications: Specifications) -> dict[str, Any]:
    """Write the OpenAPI document, once."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    # What has a default is always written, except in errors.
    schemas: dict[str, Any] = {"Problem": Problem.model_json_schema(ref_template=REF)}
    for model in MODELS:
        schema = model.model_json_schema(ref_template=REF, mode="serialization")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    document["components"] = {"schemas": schemas}
    job = _described(specifications.job)
    control = _described(item for item in specifications if item.control)
    forms = {
        "/jobs": job | control | RUN,
        "/jobs/{job_id}": ACTION | control | job,
        "/jobs/{job_id}/phase": {"PHASE": control["PHASE"]},
        "/jobs/{job_id}/rerun": control | RUN,
        "/jobs/{job_id}/executionduration": {"EXECUTIONDURATION": control["EXECUTIONDURATION"]},
        "/jobs/{job_id}/destruction": {"DESTRUCTION": control["DESTRUCTION"]},
        "/jobs/{job_id}/parameters": job,
        "/jobs/{job_id}/labels": _labels(control | job),
        "/jobs/{job_id}/circuits": CIRCUITS,
        "/jobs/{job_id}/circuits/{index}": CIRCUIT,
        "/selection": BULK | _labels(control | job),
        "/webhooks": WEBHOOK,
        "/sync": job,
        "/targets/{name}": STATUS_FORM,
        "/targets/{name}/timeslots": TIMESLOT_FORM,
        "/sessions": SESSION_FORM,
        "/sessions/{session_id}": SESSION_ACTION,
    }
    queries = QUERIES | {"/sync": job}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete(path, method, operation, forms.get(path), queries.get(path))
    app.openapi_schema = document
    return document


def _described(specifications: Iterable[Specification]) -> Fields:
    return {item.name: (_schema(item), _what(item)) for item in specifications}


def _labels(known: Fields) -> Fields:
    """Return the labels of a job as fields of a form."""
    tags, what = known["TAG"][0], known["TAG"][1]
    return {
        **{name: known[name] for name in ("NAME", "RUNID", "METADATA")},
        "TAG": (tags, f"{what} These are all that there shall be."),
        "ADDTAG": (tags, "A tag that there shall be beside the others."),
        "REMOVETAG": (tags, "A tag that there shall not be."),
    }


def _schema(specification: Specification) -> dict[str, Any]:
    schema = dict(TYPES[specification.kind])
    for limit, value in (("minimum", specification.low), ("maximum", specification.high)):
        if value is not None:
            schema[limit] = value
    if specification.choices:
        schema["enum"] = list(specification.choices)
    return array(schema) if specification.repeatable else schema


def _what(specification: Specification) -> str:
    others = " or ".join(specification.aliases)
    return f"{specification.help} {others} is the same." if others else specification.help


def _complete(
    path: str, method: str, operation: dict[str, Any], form: Fields | None, query: Fields | None
) -> None:
    responses = _answers(path, method)
    for status in sorted(_refusals(path, method)):
        responses[status] = {"description": STATUS[status], "content": ERROR}
    if CONTENT.get(path) is BYTES and method == "get":
        responses["206"] = {"description": "The range that was asked for", "content": BYTES}
        responses["304"] = {"description": "Unchanged"}
        responses["416"] = {"description": "There is no such range"}
    if CONTENT.get(path) is ZIP:
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
        operation.setdefault("parameters", []).append(KEY)
    if method == "post" and form is not None:
        operation["requestBody"] = {"content": _form(form)}
        if model := JSON_BODIES.get(path):
            content = operation["requestBody"]["content"]
            content["application/json"] = {"schema": refers(model)}
    if (path, method) == ("/sessions/{session_id}", "patch"):
        content = {"application/json": {"schema": refers(SessionPatchJson)}}
        operation["requestBody"] = {"content": content}
    if method == "put":
        operation["requestBody"] = {
            "content": {"application/octet-stream": {"schema": {"type": "string"}}}
        }


def _answers(path: str, method: str) -> dict[str, Any]:
    """Return what a request is answered with that is granted."""
    responses: dict[str, Any] = {}
    if (path, method) in ANSWERS:
        status, model, what = ANSWERS[path, method]
        responses[status] = {"description": what}
        if model is not None:
            content = {"application/json": {"schema": refers(model)}}
            responses[status]["content"] = content
        if path != "/selection":
            return responses
    if method != "get" or path.startswith("/sync"):
        responses["303"] = {"description": STATUS["303"]}
    else:
        responses["200"] = {"description": "OK", "content": CONTENT.get(path, VALUE)}
    return responses


def _refusals(path: str, method: str) -> list[str]:
    refusals = ["503"]
    if path == "/keys":
        refusals.append("404")
    if path.startswith(REFUSING):
        refusals += ["400", "401", "403", "404", "429"]
    if (path, method) == ("/targets/{name}/timeslots", "post"):
        refusals.append("409")
    if method in ("post", "put", "patch"):
        refusals += ["413", "415"]
        if path in KEEPING or path.startswith("/jobs/{job_id}/parameters/"):
            refusals.append("507")
    return refusals


def _form(fields: Fields) -> dict[str, Any]:
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
