"""What is longer than a message may be, sent in pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from quws.api.doors.iqm_grpc.messages import DataChunk

_BYTES = 256 * 1024
"""Of one piece: a message of more than 4 MiB is refused by clients."""


async def chunks(pieces: AsyncIterator[str]) -> AsyncGenerator[Any, None]:
    """Yield a text as messages, of which each but the last is of the same size."""
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece.encode()
        start = 0
        while len(waiting) - start >= _BYTES:
            yield DataChunk(data=bytes(waiting[start : start + _BYTES]))
            start += _BYTES
        del waiting[:start]
    if waiting:
        yield DataChunk(data=bytes(waiting))


async def whole(text: str) -> AsyncGenerator[Any, None]:
    """Yield a text that is there already as messages."""

    async def pieces() -> AsyncIterator[str]:
        yield text

    async for chunk in chunks(pieces()):
        yield chunk
