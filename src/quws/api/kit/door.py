"""What a door is: the protocol of another service, for clients that know nothing of quws.

Its routes use the same use cases as all others; what is refused, here or before it gets to a route,
is told in its clients' words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from quws.schemas.problem import Problem


def _as_it_is(header: str) -> str:
    return header


@dataclass(frozen=True, slots=True)
class Door:
    """A protocol, and where it is spoken.

    ``prefixes`` are the paths below which all is the door's. ``error`` writes an error as its
    clients read one, with the headers of the answer. ``authorization`` makes the ``Authorization``
    that its clients send the one that they mean: Basic or Bearer. Whoever asks for an ``open`` path
    need not sign in.
    """

    prefixes: tuple[str, ...]
    router: APIRouter
    error: Callable[[Problem, Mapping[str, str]], Response]
    authorization: Callable[[str], str] = _as_it_is
    open: tuple[str, ...] = ()


def door_of(request: Request) -> Door | None:
    """Return the door that a request came to; None for all that is quws' own."""
    app = request.scope.get("app")
    doors: Sequence[Door] = getattr(app.state, "doors", ()) if app is not None else ()
    path = f"{request.scope['path']}/"
    for door in doors:
        if any(path.startswith(f"{prefix}/") for prefix in door.prefixes):
            return door
    return None
