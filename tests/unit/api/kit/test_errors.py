"""An error has the format of whoever is told, with or without pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from answers import expect, json_of, refusal_of
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from quws.api.kit.body import MalformedBody, UnsupportedMediaType
from quws.api.kit.errors import http_error, refused
from quws.api.kit.middleware import FaultBarrier
from quws.api.kit.pages import Pages
from quws.domain.errors import (
    Forbidden,
    IllegalMove,
    InvalidCircuit,
    InvalidFilter,
    InvalidParameter,
    KeyUsed,
    NotFound,
    Refusal,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnknownTarget,
)
from quws.schemas.problem import Problem

pytestmark = pytest.mark.anyio

JSON = {"Accept": "application/json"}
HTML = {"Accept": "text/html"}
WRONG = InvalidCircuit("there is no gate 'hadamard'", line=5, column=2, circuit=1)


def unasked(*_: object) -> Response:
    raise AssertionError


async def nowhere(*_: Any) -> Response:
    raise AssertionError("this page is not meant")


def shown(request: Request, problem: Problem, headers: Mapping[str, str]) -> Response:
    return HTMLResponse(f"<p>{problem.code}: {problem.detail}", problem.status, headers)


PAGES = Pages(
    problem=shown,
    sign_in=nowhere,
    jobs=nowhere,
    selection=unasked,
    acted=unasked,
    job=nowhere,
    circuits=nowhere,
    circuit=nowhere,
    quota=unasked,
    targets=nowhere,
    target=nowhere,
    sessions=nowhere,
    timeslots=unasked,
)


def failing(error: Exception, pages: Pages | None = None) -> httpx.AsyncClient:
    """A client of an application in which every request ends in an error."""

    async def fail(request: Request) -> Response:
        raise error

    app = Starlette(
        routes=[Route("/", fail, methods=["GET"]), Route("/", fail, methods=["PUT"])],
        middleware=[Middleware(FaultBarrier)],
        exception_handlers={Refusal: refused, HTTPException: http_error},
    )
    app.state.pages = pages
    transport = httpx.ASGITransport(app)
    return httpx.AsyncClient(transport=transport, base_url="http://quws.test")


async def test_a_problem_has_the_members_that_programs_read() -> None:
    async with failing(WRONG) as http:
        answer = await http.get("/", headers=JSON)
    assert json_of(answer, 403) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "CIRCUIT, line 5, column 2: there is no gate 'hadamard'",
        "code": "invalid_payload",
        "parameter": "CIRCUIT",
        "circuit": 1,
        "line": 5,
        "column": 2,
    }
    assert answer.headers["content-type"] == "application/problem+json"


async def test_members_that_say_nothing_are_left_out() -> None:
    async with failing(NotFound("there is no job 7")) as http:
        found = json_of(await http.get("/", headers=JSON), 404)
    assert set(found) == {"type", "title", "status", "detail", "code"}
    # Where no place in a circuit can be named, that is said.
    async with failing(InvalidCircuit("too many qubits")) as http:
        found = json_of(await http.get("/", headers=JSON), 403)
    assert (found["line"], found["column"], found["detail"]) == (
        None,
        None,
        "CIRCUIT: too many qubits",
    )


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (InvalidParameter("x"), 403),
        (InvalidCircuit("x"), 403),
        (UnknownTarget("x"), 403),
        (KeyUsed("x"), 403),
        (Forbidden("x"), 403),
        (IllegalMove("x"), 403),
        (InvalidFilter("x"), 400),
        (MalformedBody("x"), 400),
        (Unauthenticated("x"), 401),
        (NotFound("x"), 404),
        (TooLarge("x"), 413),
        (TooManyRequests("x"), 429),
        (UnsupportedMediaType("x"), 415),
        (TooManyRequests("x"), 429),
        (Unavailable("x"), 503),
    ],
    ids=lambda item: getattr(item, "code", str(item)),
)
async def test_every_refusal_has_its_status(refusal: Refusal, status: int) -> None:
    async with failing(refusal) as http:
        answer = await http.get("/")
    sentence = refusal_of(answer, status, refusal.code)
    assert sentence in ("x\n", "CIRCUIT: x\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers.get("retry-after") == ("5" if status in (429, 503) else None)


async def test_a_browser_gets_a_page_where_there_are_pages() -> None:
    refusal = Unavailable("the database does not answer")
    async with failing(refusal, PAGES) as http:
        page = expect(await http.get("/", headers=HTML), 503)
        assert page.text == "<p>unavailable: the database does not answer"
        assert page.headers["retry-after"] == "5"
        # Others are told as if there were none.
        text, program = await http.get("/"), await http.get("/", headers=JSON)
        refusal_of(text, 503, "unavailable")
        assert json_of(program, 503)["code"] == "unavailable"
        assert (text.headers["retry-after"], program.headers["retry-after"]) == ("5", "5")
    async with failing(refusal) as http:
        refusal_of(await http.get("/", headers=HTML), 503, "unavailable")


async def test_the_router_refuses_in_the_same_way() -> None:
    async with failing(AssertionError("not asked")) as http:
        found = json_of(await http.get("/nothing/here", headers=JSON), 404)
        assert (found["code"], found["detail"]) == (
            "not_found",
            "there is nothing at /nothing/here",
        )
        answer = await http.post("/")
    # Of all routes of the path, not only of the first.
    assert answer.headers["allow"] == "GET, HEAD, PUT"
    sentence = refusal_of(answer, 405, "method_not_allowed")
    assert sentence == "POST is not possible here; allowed are GET, HEAD, PUT\n"


async def test_a_fault_is_told_by_a_reference_and_nothing_else() -> None:
    with capture_logs() as logged:
        async with failing(RuntimeError("secret: 42")) as http:
            found = json_of(await http.get("/", headers=JSON), 500)
            sentence = refusal_of(await http.get("/"), 500, "internal_error")
    assert found["code"] == "internal_error"
    assert found["reference"] in found["detail"]
    assert "secret" not in str(found) + sentence
    assert [item["reference"] in found["detail"] for item in logged] == [True, False]
    assert logged[1]["reference"] in sentence
    assert all(item["exc_info"] for item in logged)


async def test_an_answer_that_broke_off_is_not_ended_as_if_it_were_whole() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("half")(scope, receive, send)
        raise RuntimeError("the other half")

    transport = httpx.ASGITransport(FaultBarrier(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://quws.test") as http:
        with pytest.raises(RuntimeError, match="the other half"):
            await http.get("/")
