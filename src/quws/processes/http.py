"""How the server reads heads of requests and writes those of answers, beyond what uvicorn does.

Nothing of a head that is too long is kept: what is left of it is still too long, so that the
application refuses it in a sentence. And an answer may have a reason phrase of its own, which
is all that some clients show of a refusal.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import override
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from quws.api.kit.heads import MAX_HEADER_BYTES, MAX_HEADERS, MAX_URI
from quws.api.kit.phrase import Worded

_MAX_HEAD = MAX_URI + 2 * MAX_HEADER_BYTES
"""When a head that has not ended yet is not read on."""
_LINGER_SECONDS = 1.0


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 with heads that have an end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        _tell_phrases()
        self._head: int | None = None
        self._begun = False
        self._kept = 0
        self._refused = False

    @override
    def data_received(self, data: bytes) -> None:
        """Read on, unless a head does not end."""
        if self._refused:
            return
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

    def _refuse_head(self) -> None:
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.close()  # In the middle of another answer.
            return
        sentence = b"headers_too_large: the head of the request does not end\n"
        self.transport.write(
            b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
            b"content-type: text/plain; charset=utf-8\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(sentence), sentence)
        )
        # Closed at once, what is still on its way would take the answer with it.
        self.transport.write_eof()
        self.loop.call_later(_LINGER_SECONDS, self.transport.close)


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
