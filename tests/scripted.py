"""A service over real HTTP that answers what a test has written down, and nothing else."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from quws.domain.phases import Phase
from quws.schemas.job import JobJson, WholeJobJson
from quws.schemas.problem import PROBLEM_TYPE

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
JOB = "01990000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: dict[str, list[str]]
    form: dict[str, list[str]]
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """What one request is answered with; a status of 0 hangs up instead."""

    content: bytes = b""
    status: int = 200
    mime_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


HANG_UP = Answer(status=0)


def document(content: Any) -> Answer:
    return Answer(json.dumps(content).encode())


def problem(status: int, code: str, detail: str) -> Answer:
    content = {"type": "about:blank", "title": "x", "status": status}
    content |= {"detail": detail, "code": code}
    return Answer(json.dumps(content).encode(), status, PROBLEM_TYPE)


def page(status: int) -> Answer:
    """What a proxy says in its own words."""
    return Answer(b"<html>Bad day</html>", status, "text/html")


def see_other(place: str) -> Answer:
    return Answer(status=303, headers={"Location": place})


def _shape(more: dict[str, Any]) -> type[JobJson]:
    return WholeJobJson if "outcomes" in more else JobJson


def job(phase: Phase, **more: Any) -> Answer:
    """A job's document as the API writes it."""
    values: dict[str, Any] = {
        "id": JOB,
        "url": f"http://elsewhere/jobs/{JOB}",
        "phase": phase,
        "run_id": None,
        "owner": "anonymous",
        "creation_time": NOW,
        "json_parameters": {},
        "queued_time": None,
        "start_time": None,
        "end_time": None,
        "destruction_time": None,
        "execution_duration": 600,
        "quote": None,
        "errors": [],
        "results": [],
        "target": "simulator",
        "calibration_id": None,
        "calibration_url": None,
        "status": None,
        "attempt": 1,
        "circuits": 1,
        "circuits_done": 0,
        "queue_position": None,
        "tags": [],
        "metadata": {},
        "timeline": [],
    }
    return Answer(_shape(more).model_validate(values | more).model_dump_json().encode())


class Scripted:
    """The service. Answers come in the order in which they were written down."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self._answers: deque[Answer] = deque()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                service._handle(self)

            do_POST = do_DELETE = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def will(self, *answers: Answer) -> Self:
        """Write down what comes next."""
        self._answers.extend(answers)
        return self

    @property
    def said_all(self) -> bool:
        """Whether every answer has been asked for."""
        return not self._answers

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0))).decode()
        self.asked.append(
            Asked(
                handler.command,
                parts.path,
                parse_qs(parts.query),
                parse_qs(body),
                {name.lower(): value for name, value in handler.headers.items()},
            )
        )
        answer = self._answers.popleft() if self._answers else page(599)
        if not answer.status:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.mime_type)
        handler.send_header("Content-Length", str(len(answer.content)))
        # Whoever asks may have nobody to close what is left open.
        handler.send_header("Connection", "close")
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer.content)


def scripted() -> Iterator[Scripted]:
    """Run one, for a fixture."""
    service = Scripted()
    yield service
    service.stop()
