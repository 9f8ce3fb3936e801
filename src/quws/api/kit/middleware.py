"""What every request passes through: paths made clean, faults answered."""

from __future__ import annotations

import re
import secrets

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quws.api.kit.errors import answer, problem

_log = structlog.get_logger(__name__)


class CleanPath:
    """Makes a path the one that was meant.

    A slash at its end goes: old clients append one, and a redirect would turn
    their POST into a GET. Two slashes are one: some join a URL that ends in a slash
    with a path that begins with one. So goes the prefix of the public URL, if the proxy in
    front has not taken it off.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http":
            path = re.sub("/{2,}", "/", scope["path"])
            if self._prefix and f"{path}/".startswith(f"{self._prefix}/"):
                path = path[len(self._prefix) :]
            scope = {**scope, "path": path.rstrip("/") or "/"}
        await self._app(scope, receive, send)


class FaultBarrier:
    """Turns a fault of ours into a 500 with a reference, and logs it with a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; answer what nobody else has answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            # Nobody is there any more who could be answered, and nothing is wrong here.
            _log.info("the client went away", path=scope["path"])
        except Exception:
            reference = secrets.token_hex(6)
            _log.exception("fault", reference=reference, path=scope["path"])
            if started:
                raise
            response = answer(
                Request(scope, receive),
                problem(
                    500,
                    "internal_error",
                    f"something went wrong in the service; its log has more under {reference}",
                    reference=reference,
                ),
            )
            await response(scope, receive, send)
