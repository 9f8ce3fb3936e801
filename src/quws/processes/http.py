"""How the server reads heads of requests and writes those of answers, beyond what uvicorn does.

Nothing of a head that is too long is kept: what is left of it is still too long, so that the
application refuses it in a sentence. A request that comes too slowly, and an answer that nobody
reads, do not hold a connection for ever. And an answer may have a reason phrase of its own,
which is all that some clients show of a refusal.
"""

from __future__ import annotations

import asyncio
from typing import Any

from typing_extensions import override
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quws.api.kit.heads import MAX_HEADER_BYTES, MAX_HEADERS, MAX_URI
from quws.api.kit.phrase import Worded
from quws.processes.connections import Connections

_MAX_HEAD = MAX_URI + 2 * MAX_HEADER_BYTES
"""When a head that has not ended yet is not read on."""
_LINGER_SECONDS = 1.0
_PATIENCE_SECONDS = 20.0
"""How long a request may take to come, if it is a small one."""
_BYTES_A_SECOND = 4096
"""Of a larger one each so many bytes give it a second more."""
_UNREAD_SECONDS = 60.0
"""How long a client may read nothing of what waits for it."""


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 with heads that have an end, and connections that do.

    Parameters
    ----------
    connections
        All of the server.

    """

    def __init__(
        self,
        *arguments: Any,
        connections: Connections,
        patience: float = _PATIENCE_SECONDS,
        unread: float = _UNREAD_SECONDS,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        _tell_phrases()
        self._all = connections
        self._patience = patience
        self._unread = unread
        self._head: int | None = None
        self._begun = False
        self._kept = 0
        self._refused = False
        self._owing_since = 0.0
        self._came = 0
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._owe()
        self._call("request", self._patience, self._look_for_request)
        self._all.opened(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        for timer in self._timers.values():
            timer.cancel()
        self._all.closed(self)
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        """Read on, unless a head does not end."""
        if self._refused:
            return
        self._came += len(data)
        self._begun = False
        super().data_received(data)
        # What has begun just now may stand behind the large body of the request before.
        if self._head is not None and not self._begun and not self.transport.is_closing():
            self._head += len(data)
            if self._head > _MAX_HEAD:
                self._refuse_head()

    @override
    def on_message_begin(self) -> None:
        """Begin with a head."""
        super().on_message_begin()
        self._head = self._kept = 0
        self._begun = True

    @override
    def on_url(self, url: bytes) -> None:
        """Keep a URI, or instead of one that is too long one that nobody takes for another."""
        super().on_url(url)
        if len(self.url) > MAX_URI:
            self.url = b"/" + b"x" * MAX_URI

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep only so many headers that they can be told to be too many, or too long."""
        if len(self.headers) <= MAX_HEADERS and self._kept <= MAX_HEADER_BYTES:
            self._kept += len(name) + len(value)
            super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        """End the head."""
        self._head = None
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        """Take a request as one that came whole."""
        super().on_message_complete()
        if not self.cycle.response_complete:
            self._all.asked(self)

    @override
    def on_response_complete(self) -> None:
        """Begin to wait for the next request, unless it is there."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._owe()
            self._all.owes(self)

    @override
    def pause_writing(self) -> None:
        """Hold answers back, and see whether the client reads what it has."""
        super().pause_writing()
        self._call("unread", self._unread, self._look_for_reader, self._waiting_bytes())

    @override
    def resume_writing(self) -> None:
        """Go on with the answer."""
        super().resume_writing()
        if timer := self._timers.pop("unread", None):
            timer.cancel()

    def give_way(self) -> None:
        """End, since another connection needs the place."""
        self.transport.close()

    def _owe(self) -> None:
        self._owing_since = self.loop.time()
        self._came = 0

    def _call(self, name: str, seconds: float, function: Any, *arguments: Any) -> None:
        self._timers[name] = self.loop.call_later(seconds, function, *arguments)

    def _look_for_request(self) -> None:
        """Refuse a request that has had its time, and look again at any other."""
        if self.transport.is_closing():
            return
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and (not self.cycle.more_body or self.flow.read_paused):
            self._owe()  # It is for the service to go on.
        left = self._owing_since + self._patience + self._came / _BYTES_A_SECOND - self.loop.time()
        if left > 0:
            self._call("request", left, self._look_for_request)
        elif (self._came or self._head is not None) and not (
            answering and self.cycle.response_started
        ):
            self._refuse(
                b"408 Request Timeout", b"request_timeout: the request did not come in time"
            )
        else:
            self.transport.close()

    def _look_for_reader(self, waited: int) -> None:
        """End an answer of which nothing was read meanwhile."""
        waits = self._waiting_bytes()
        if waits == waited:
            self.transport.abort()
        else:
            self._call("unread", self._unread, self._look_for_reader, waits)

    def _waiting_bytes(self) -> int:
        return self.transport.get_write_buffer_size()

    def _refuse_head(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._refused = True
            self.transport.close()  # In the middle of another answer.
        else:
            self._refuse(
                b"431 Request Header Fields Too Large",
                b"headers_too_large: the head of the request does not end",
            )

    def _refuse(self, status: bytes, sentence: bytes) -> None:
        self._refused = True
        self.transport.write(
            b"HTTP/1.1 %b\r\ncontent-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b\n"
            % (status, len(sentence) + 1, sentence)
        )
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # Before the application answers as well.
            return
        # Closed at once, what is still on its way would take the answer with it.
        self.transport.write_eof()
        self._call("linger", _LINGER_SECONDS, self.transport.close)


class _StatusLines(dict[int, bytes]):
    """The first lines of answers: with the phrase of a status that has one of its own."""

    @override
    def __getitem__(self, status: int) -> bytes:
        if isinstance(status, Worded):
            return f"HTTP/1.1 {int(status)} {status.phrase}\r\n".encode("ascii")
        return super().__getitem__(status)


def _tell_phrases() -> None:
    # ASGI has no place for a reason phrase, and this is the one place where uvicorn looks one up.
    if not isinstance(httptools_impl.STATUS_LINE, _StatusLines):
        httptools_impl.STATUS_LINE = _StatusLines(httptools_impl.STATUS_LINE)
