"""The parameters of a request, byte for byte: from the query, a form, a multipart form, or JSON.

Starlette's own form parser cuts fields at 1 MiB and replaces bytes that are
not UTF-8; a job's parameters must come back as they were sent.
"""

from __future__ import annotations

import asyncio
import re
from urllib.parse import unquote_to_bytes

from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from quws.api.kit.json_fields import NoJson, parse_json
from quws.api.kit.services import http_settings, specifications_of
from quws.domain.errors import Refusal, TooLarge
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.specification import Specifications

SMALL_BODY = 64 * 1024
"""The most that is read where no circuits are sent."""
_MAX_FIELDS = 10_100
_AT_ONCE = 64 * 1024
"""Bodies up to this are taken apart on the event loop, larger ones beside it, and piecemeal."""
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_BINARY = "application/octet-stream"
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(?:; ?[\w.+-]+=\"?[\w .+-]+\"?)*", re.ASCII)


class UnsupportedMediaType(Refusal):
    """The body is of a type that has no parameters in it."""

    code = "unsupported_media_type"


class EncodedBody(UnsupportedMediaType):
    """The body is compressed."""


class MalformedBody(Refusal):
    """The body is not what its type says."""

    code = "malformed_body"


async def read_posted(request: Request, *, circuits: bool = False) -> list[Posted]:
    """Read the parameters of a POST: those of the query first, then those of the body.

    Parameters
    ----------
    circuits
        Whether circuits may be among them, so that the body may be large.

    Raises
    ------
    TooLarge
        Before the body is read, when its length is announced.
    UnsupportedMediaType
        The body is neither a form nor JSON, or it is compressed.
    MalformedBody
        It is not what its type says.

    """
    return parse_form(request.scope["query_string"]) + await read_form(request, circuits=circuits)


async def read_form(request: Request, *, circuits: bool = False) -> list[Posted]:
    """Read the parameters of a body alone, as `read_posted` does."""
    body = await read_body(request, circuits=circuits)
    if not body:
        return []
    content_type = request.headers.get("content-type", _FORM)
    specifications = specifications_of(request)
    if len(body) <= _AT_ONCE:
        return _parse(body, content_type, specifications)
    # Others are served meanwhile.
    return await asyncio.to_thread(_parse, body, content_type, specifications)


async def read_body(request: Request, *, circuits: bool = False) -> bytes:
    """Read a body of at most the size that the service takes, which is small without circuits.

    Raises
    ------
    TooLarge
        It is larger; before it is read, when its length is announced.
    UnsupportedMediaType
        It is compressed.

    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", ""):
        raise EncodedBody(
            f"the body must come as it is, without Content-Encoding, not as '{coding[:40]}'"
        )
    limit = http_settings(request).max_body
    if not circuits:
        limit = min(limit, SMALL_BODY)
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def parse_form(data: bytes) -> list[Posted]:
    """Read ``name=value&…``; repeated names and empty values are kept.

    Raises
    ------
    MalformedBody
        There are too many fields.

    """
    if data.count(b"&") >= _MAX_FIELDS:
        raise MalformedBody(f"the form has more than {_MAX_FIELDS} fields")
    posted = []
    start = 0
    while start < len(data):
        # One by one: all of them at once would be the body once more.
        end = data.find(b"&", start)
        end = len(data) if end < 0 else end
        field = data[start:end]
        start = end + 1
        if field:
            name, _, value = field.partition(b"=")
            posted.append(Posted(_unquoted(name).decode("utf-8", "replace"), _unquoted(value)))
    return posted


def _parse(body: bytes, content_type: str, specifications: Specifications) -> list[Posted]:
    def whole(name: str) -> bool:
        found = specifications.find(name)
        return found is not None and found.whole

    media_type, options = parse_options_header(content_type)
    match media_type.decode("latin-1").lower():
        case "application/x-www-form-urlencoded":
            return parse_form(body)
        case "multipart/form-data":
            return _parse_multipart(body, options.get(b"boundary", b""))
        case "application/json":
            try:
                return parse_json(body, _MAX_FIELDS, whole)
            except NoJson as fault:
                raise MalformedBody(str(fault)) from None
        case other:
            raise UnsupportedMediaType(
                f"the body must be {_FORM}, {_MULTIPART} or {_JSON}, not '{other[:60]}'"
            )


def _unquoted(data: bytes) -> bytes:
    """Resolve ``+`` and ``%41``, a piece at a time: the library's own takes 80 times its size."""
    data = data.replace(b"+", b" ")
    if b"%" not in data:
        return data
    found = bytearray()
    start = 0
    while start < len(data):
        end = start + _AT_ONCE
        # No piece ends within an escape.
        cut = data.rfind(b"%", end - 2, end)
        if cut != -1 and end < len(data):
            end = cut
        found += unquote_to_bytes(data[start:end])
        start = end
    return bytes(found)


def _parse_multipart(body: bytes, boundary: bytes) -> list[Posted]:
    parts: list[Posted] = []
    headers: dict[bytes, bytes] = {}
    name, value, content = bytearray(), bytearray(), bytearray()

    def part_begin() -> None:
        headers.clear()
        content.clear()

    def header_field(data: bytes, start: int, end: int) -> None:
        name.extend(data[start:end])

    def header_value(data: bytes, start: int, end: int) -> None:
        value.extend(data[start:end])

    def header_end() -> None:
        headers[bytes(name).lower()] = bytes(value)
        name.clear()
        value.clear()

    def part_data(data: bytes, start: int, end: int) -> None:
        content.extend(data[start:end])

    def part_end() -> None:
        _, options = parse_options_header(headers.get(b"content-disposition", b""))
        if b"name" not in options:
            raise MalformedBody("a part of the multipart body has no name")
        uploaded = b"filename" in options
        mime_type = headers.get(b"content-type", b"").decode("latin-1")
        parts.append(
            Posted(
                options[b"name"].decode("utf-8", "replace"),
                bytes(content),
                mime_type if _MEDIA_TYPE.fullmatch(mime_type) else _BINARY if uploaded else _TEXT,
                uploaded,
            )
        )
        if len(parts) > _MAX_FIELDS:
            raise MalformedBody(f"the multipart body has more than {_MAX_FIELDS} parts")

    complete = False

    def end() -> None:
        nonlocal complete
        complete = True

    delimiter = b"--" + boundary
    if not body.startswith(delimiter):
        # What stands before the first part is not for anybody (RFC 2046, section 5.1.1).
        body = body[max(body.find(b"\r\n" + delimiter), 0) :]
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": part_begin,
                "on_header_field": header_field,
                "on_header_value": header_value,
                "on_header_end": header_end,
                "on_part_data": part_data,
                "on_part_end": part_end,
                "on_end": end,
            },
        )
        parser.write(body)
        parser.finalize()
    except Refusal:
        raise
    except Exception as error:
        # The parser's own errors, and whatever else a broken body makes it throw.
        raise MalformedBody("the multipart body is malformed") from error
    if not complete:
        raise MalformedBody("the multipart body is cut short")
    return parts


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the request body is larger than the {limit} bytes that are allowed")
