"""Serves the bytes of results and parameters: whole, in part, or only their headers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from quws.services.jobs.files import Content
from quws.services.jobs.formats import Made

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_SHOWN = ("text/plain", "application/json", "text/csv", "application/x-votable+xml")
"""What a browser may show; it saves anything else, which may be a page with scripts."""
_HEADERS = {
    "Accept-Ranges": "bytes",
    # What users uploaded or made must never run as a page of ours.
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
}


async def serve_payload(request: Request, payload: Content, etag: str) -> Response:
    """Answer with a payload, or with the one range of it that is asked for (RFC 9110, 14).

    Raises
    ------
    NotFound, Unavailable
        The file is gone, or cannot be reached: known before the answer begins.

    """
    headers = _headers(payload.mime_type, etag)
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    start, end, status = 0, payload.size, 200
    wanted = _RANGE.fullmatch(request.headers.get("range", "").strip())
    fresh = request.headers.get("if-range", headers["ETag"]) == headers["ETag"]
    if wanted is not None and fresh and (wanted[1] or wanted[2]):
        if wanted[1]:
            start = int(wanted[1])
            end = min(int(wanted[2]) + 1, payload.size) if wanted[2] else payload.size
        else:
            start = max(payload.size - int(wanted[2]), 0)
        if start >= payload.size or end <= start:
            headers["Content-Range"] = f"bytes */{payload.size}"
            return Response(status_code=416, headers=headers)
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{payload.size}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD" or end == start:
        return Response(status_code=status, headers=headers, media_type=payload.mime_type)
    body = await _begun(payload.read(start, end))
    return StreamingResponse(body, status, headers, media_type=payload.mime_type)


async def serve_made(
    request: Request, made: Made, etag: str, filename: str | None = None
) -> Response:
    """Answer with what is made while it is sent; a range of it cannot be asked for.

    Raises
    ------
    NotFound, Unavailable
        A file is gone, or cannot be reached: known before the answer begins.

    """
    headers = _headers(made.mime_type, etag) | {"Accept-Ranges": "none"}
    if filename is not None:
        headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers=headers, media_type=made.mime_type)
    return StreamingResponse(await _begun(made.read()), headers=headers, media_type=made.mime_type)


def _headers(mime_type: str, etag: str) -> dict[str, str]:
    headers = _HEADERS | {"ETag": f'"{etag}"'}
    if mime_type.partition(";")[0].strip().lower() not in _SHOWN:
        headers["Content-Disposition"] = "attachment"
    return headers


async def _begun(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Read the first chunk: what goes wrong there is told by the status of the answer."""
    first = await anext(chunks, b"")

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return body()
