"""What every call passes through: who asks, its message, its line in the log, and its errors."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any
from urllib.parse import unquote

import grpc
import structlog
from google.protobuf.message import DecodeError
from starlette.requests import Request

from quws.api.doors.iqm_grpc.errors import StreamEnded, Told, told, told_fault
from quws.api.doors.iqm_grpc.messages import PACKAGE, methods_of, request_class
from quws.api.kit.auth import AuthSettings, Identification
from quws.api.kit.body import MalformedBody
from quws.api.kit.refusals import reason_of
from quws.api.kit.services import Services
from quws.domain.caller import Caller
from quws.domain.errors import Refusal, Unavailable
from quws.telemetry import logs, metrics, tracing

_log = structlog.get_logger(__name__)
_REQUEST_ID = "x-request-id"
_PATIENCE_SECONDS = 300.0
"""How long a request may take to come."""
_UNREAD_SECONDS = 300.0
"""How long a message of an answer may take to be read, or to find room on its way."""
_OF_BROWSERS = "cookie"
"""A session of a browser is none of a program, which has a token."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is served: who asks, and what for."""

    services: Services
    caller: Caller
    message: Any


Unary = Callable[[Call], Awaitable[Any]]
"""Answers a call with one message."""
Streaming = Callable[[Call], AsyncGenerator[Any, None]]
"""Answers a call with one message after the other."""


class Calls:
    """Serves calls: each by its function, and all alike in all else."""

    def __init__(self, services: Services, auth: AuthSettings) -> None:
        self._services = services
        self._identification = Identification(auth)

    def handlers(self, service: str, functions: Mapping[str, Unary | Streaming]) -> Any:
        """Return what serves a service, whose methods are these functions by their names."""
        name = f"{PACKAGE}.{service}"
        found = {}
        for method in methods_of(service):
            serve = partial(self._serve, f"{name}/{method.name}", method, functions[method.name])
            # As if there were any number of requests, which looks the same on the wire: the library
            # would have read the only one before anybody knows who sends it. And it is parsed here,
            # so that what is wrong with it is told.
            make = (
                grpc.stream_stream_rpc_method_handler
                if method.server_streaming
                else grpc.stream_unary_rpc_method_handler
            )
            found[method.name] = make(serve, response_serializer=_write)
        return grpc.method_handlers_generic_handler(name, found)

    async def _serve(
        self, name: str, method: Any, function: Any, sent: AsyncIterator[bytes], context: Any
    ) -> Any:
        request = _request(f"/{name}", _headers(context), context.peer(), self._services)
        headers = request.headers
        request_id = logs.request_id(headers.get(_REQUEST_ID))
        mark = (_REQUEST_ID, request_id)
        context.set_trailing_metadata((mark,))
        parent = {field: headers[field] for field in tracing.fields() if field in headers}
        with (
            logs.about(request=request_id),
            tracing.span(name, parent, server=True, request=request_id),
            _observed(name) as seen,
        ):
            try:
                return await self._answered(method, function, request, sent, context)
            except _NotRead:
                # Nor would it read why: what is told waits behind the message. The call has its
                # place no more; what of it is left goes with the connection.
                raise asyncio.CancelledError from None
            except (Refusal, StreamEnded) as refusal:
                if isinstance(refusal, Unavailable):
                    _log.warning("unavailable", error=str(refusal), path=name)
                seen.error = error = told(refusal)
            except Exception as fault:  # noqa: BLE001 - it is logged, and told by a reference
                if context.cancelled():
                    # Nobody is there any more who could be answered, and nothing is wrong here.
                    raise asyncio.CancelledError from None
                reference = secrets.token_hex(6)
                _log.error("fault", reference=reference, path=name, exc_info=fault)
                seen.error = error = told_fault(reference)
        return await context.abort(error.status, error.sentence, (*error.metadata, mark))

    async def _answered(
        self,
        method: Any,
        function: Any,
        request: Request,
        sent: AsyncIterator[bytes],
        context: Any,
    ) -> Any:
        """Return the answer to a call; None where it was sent as a stream."""
        caller = await self._identification.caller(request)
        call = Call(self._services, caller, _parsed(method, await _received(sent)))
        if not method.server_streaming:
            return await function(call)
        async with aclosing(function(call)) as messages:
            async for message in messages:
                try:
                    async with asyncio.timeout(_UNREAD_SECONDS):
                        await context.write(message)
                except TimeoutError:
                    raise _NotRead from None
        return None


class _NotRead(Exception):
    """Whoever has called does not read the answer."""


@dataclass(slots=True)
class _Seen:
    """How a call went."""

    error: Told | None = None


@contextmanager
def _observed(name: str) -> Iterator[_Seen]:
    """Log and count a call when it is answered."""
    start = perf_counter()
    seen = _Seen()
    # Of who goes away before there is an answer.
    status = grpc.StatusCode.CANCELLED
    try:
        yield seen
        status = grpc.StatusCode.OK if seen.error is None else seen.error.status
    finally:
        seconds = perf_counter() - start
        error = seen.error
        metrics.called(name, status.name, seconds)
        tracing.describe(status=status.name)
        _log.info(
            "request",
            method="gRPC",
            path=name,
            status=status.name,
            seconds=round(seconds, 4),
            **{} if error is None else {"code": error.code, "reason": reason_of(error.sentence)},
        )


def _write(message: Any) -> bytes:
    found: bytes = message.SerializeToString()
    return found


async def _received(sent: AsyncIterator[bytes]) -> bytes:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await anext(sent)
    except StopAsyncIteration:
        raise MalformedBody("the call came without a request") from None
    except TimeoutError:
        raise MalformedBody("the request did not come in time") from None


def _parsed(method: Any, content: bytes) -> Any:
    message = request_class(method)()
    name = message.DESCRIPTOR.name
    try:
        message.MergeFromString(content)
    except DecodeError:
        raise MalformedBody(f"the request is no {name}") from None
    if not _has_text(message):
        raise MalformedBody(f"the request is no {name}: text in it is no UTF-8")
    missing = message.FindInitializationErrors()
    if missing:
        raise MalformedBody(
            f"the request is no whole {name}: {', '.join(missing)} must be there, with a value that"
            " is known"
        )
    return message


def _has_text(message: Any) -> bool:
    """Whether all texts of a message are text: the library takes any bytes, and gives them back."""
    for field in message.DESCRIPTOR.fields:
        found = getattr(message, field.name)
        if field.type == field.TYPE_STRING and not isinstance(found, str):
            return False
        if field.type == field.TYPE_MESSAGE and not _has_text(found):
            return False
    return True


def _headers(context: Any) -> list[tuple[str, str]]:
    """Return the metadata of a call that are text."""
    return [
        (name, value)
        for name, value in context.invocation_metadata() or ()
        if isinstance(value, str) and name != _OF_BROWSERS
    ]


def _request(path: str, headers: list[tuple[str, str]], peer: str, services: Services) -> Request:
    """Return a call as a request, by which it is found out who sends it."""
    return Request(
        {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [
                (name.encode("ascii"), value.encode("latin-1", "replace"))
                for name, value in headers
            ],
            "client": _address(peer),
            "state": {"services": services},
        }
    )


def _address(peer: str) -> tuple[str, int] | None:
    """Return from where a call comes: ``ipv4:127.0.0.1:50000``, ``ipv6:[::1]:50000``."""
    kind, _, place = unquote(peer).partition(":")
    host, _, port = place.rpartition(":")
    if kind not in ("ipv4", "ipv6") or not port.isdigit():
        return None
    return host.strip("[]"), int(port)
