"""The door of Superstaq's clients, in both versions of their protocol."""

from __future__ import annotations

from fastapi import APIRouter

from quws.api.doors.superstaq import v2, v3
from quws.api.doors.superstaq.errors import error_response
from quws.api.kit.door import Door

router = APIRouter()
router.routes.extend([*v3.router.routes, *v2.router.routes])


def bearer(header: str) -> str:
    """Return what these clients mean that send a token alone as their ``Authorization``."""
    return header if " " in header else f"Bearer {header}"


DOOR = Door((v3.PREFIX, v2.PREFIX), router, error_response, authorization=bearer)
