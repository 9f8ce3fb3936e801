"""Serves the bytes of results and parameters: whole, in part, or only their headers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from quws.services.jobs.files import Content

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
    headers = _HEADERS | {"ETag": f'"{etag}"'}
    if payload.mime_type.partition(";")[0].strip().lower() not in _SHOWN:
        headers["Content-Disposition"] = "attachment"
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
    chunks = payload.read(start, end)
    first = await anext(aiter(chunks), b"")

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    return StreamingResponse(body(), status, headers, media_type=payload.mime_type)
