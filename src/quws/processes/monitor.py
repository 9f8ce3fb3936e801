"""A small HTTP server beside the real work: metrics and health of any process.

It runs in the event loop of the process that it tells of, so that an answer says
that the loop turns. It is for operators' networks, and nobody signs in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from quws.services.health import Health
from quws.telemetry import metrics

if TYPE_CHECKING:
    import uvicorn

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def monitored(
    host: str,
    port: int,
    health: Health,
    refresh: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[None]:
    """Answer ``/metrics``, ``/health/live`` and ``/health/ready`` while the block lasts.

    Parameters
    ----------
    port
        0 for not at all.
    refresh
        Runs before the metrics are written.

    """
    if not port:
        yield
        return

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        status, content_type, body = await _answer(scope["path"], health, refresh)
        headers = [(b"content-type", content_type.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    server = _server(app, host, port)
    # uvicorn ends the process when it cannot listen; what does the work must not end for that.
    serving = asyncio.create_task(_serve(server))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _server(app: ASGIApp, host: str, port: int) -> uvicorn.Server:
    import uvicorn  # noqa: PLC0415 - not for processes that have no such port

    class Quiet(uvicorn.Server):
        """Leaves signals to the process in which it runs."""

        @override
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return Quiet(config)


async def _serve(server: uvicorn.Server) -> None:
    try:
        await server.serve()
    except SystemExit:
        _log.error("no metrics and no health checks: the port cannot be listened on")


async def _answer(
    path: str, health: Health, refresh: Callable[[], Awaitable[None]] | None
) -> tuple[int, str, bytes]:
    match path.rstrip("/"):
        case "/metrics":
            if refresh is not None:
                await refresh()
            return 200, metrics.CONTENT_TYPE, metrics.exposition()
        case "/health/live":
            return 200, "text/plain", b"ok"
        case "/health/ready":
            found = (await health.report()).readiness()
            status = 200 if found.ready else 503
            return status, "application/json", found.model_dump_json().encode()
        case _:
            return 404, "text/plain", b"here are /metrics, /health/live and /health/ready\n"
