"""Renders a page: templates lie beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from quws.api.kit.services import auth_method, base_url, caller_of
from quws.api.pages.texts import Texts, texts_for
from quws.domain.times import format_instant

FOLDER = Path(__file__).parent

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
    "Vary": "Accept, Accept-Language, Cookie",
}
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def texts_of(request: Request) -> Texts:
    """Find the texts in the language that the reader prefers."""
    return texts_for(request.headers.get("accept-language", ""))


def render(
    request: Request,
    name: str,
    context: dict[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Render a template as an answer."""
    page = (
        _environment()
        .get_template(name)
        .render(
            base=base_url(request),
            t=texts_of(request),
            caller=caller_of(request),
            auth=auth_method(request),
            here=request.url.path,
            version=_version(),
            **context,
        )
    )
    return HTMLResponse(page, status, {**_HEADERS, **(headers or {})})


def span(seconds: float) -> str:
    """Write a length of time: ``85 ms``, ``1.2 s``, ``3 min 5 s``, ``2 d 4 h``."""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    left = round(seconds)
    parts: list[str] = []
    for size, unit in _UNITS:
        if left >= size or parts:
            parts.append(f"{left // size} {unit}")
            left %= size
    parts.append(f"{left} s")
    return " ".join(part for part in parts[:2] if not part.startswith("0 "))


def size(count: int) -> str:
    """Write a number of bytes: ``812 B``, ``4.1 kB``."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.5 or unit == "GB":
            break
    return f"{value:.1f} {unit}"


def number(value: int) -> str:
    """Write a whole number in groups of three."""
    return f"{value:,}".replace(",", "\u202f")


def readable(instant: datetime) -> str:
    """Write an instant for people, in UTC; a script turns it into the reader's own time."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "instant": format_instant,
        "readable": readable,
        "span": span,
        "size": size,
        "number": number,
    }
    return environment


@cache
def _version() -> str:
    """Name the static files as they are now, so that browsers may keep them for long."""
    digest = sha256()
    for path in sorted((FOLDER / "static").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]
