"""Which rendering of a resource a client wants."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

from starlette.requests import Request


class Rendering(StrEnum):
    """The renderings that a resource can have."""

    XML = "xml"
    JSON = "json"
    HTML = "html"


_TYPES = {
    "application/xml": Rendering.XML,
    "text/xml": Rendering.XML,
    "application/json": Rendering.JSON,
    "application/problem+json": Rendering.JSON,
    "text/html": Rendering.HTML,
    "application/xhtml+xml": Rendering.HTML,
}

_USUAL_LENGTH = 300
"""Longer ones are not remembered."""


def rendering_of(request: Request) -> Rendering:
    """Return the rendering that the Accept header asks for.

    XML unless the client prefers another type by name: a wildcard never means
    HTML or JSON (UWS 1.1, section 2.2.2). Java's own client names ``text/html``
    before its wildcards although it wants none, so beside a wildcard HTML needs
    the XHTML that every browser names too.
    """
    given = [value for name, value in request.scope["headers"] if name == b"accept"]
    accept = b",".join(given)
    return _rendering(accept) if len(accept) <= _USUAL_LENGTH else _decide(accept)


@lru_cache(maxsize=256)
def _rendering(accept: bytes) -> Rendering:
    return _decide(accept)


def _decide(accept: bytes) -> Rendering:
    best, best_quality = Rendering.XML, 0.0
    wildcard = 0.0
    names = set()
    for part in accept.decode("latin-1").split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = _quality(parameters)
        names.add(name.lower())
        if name in ("*/*", "application/*", "text/*"):
            wildcard = max(wildcard, quality)
        found = _TYPES.get(name.lower())
        if found is not None and (
            quality > best_quality or (quality == best_quality and found is Rendering.XML)
        ):
            best, best_quality = found, quality
    if best is Rendering.HTML and wildcard and "application/xhtml+xml" not in names:
        return Rendering.XML
    return best if best_quality >= wildcard else Rendering.XML


def wants_json(request: Request) -> bool:
    """Whether the client asks for JSON by name."""
    return rendering_of(request) is Rendering.JSON


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.lower().startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
