"""Streams between the event loop and threads: what is made takes long, and others are served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

T = TypeVar("T")


def pulled(chunks: AsyncIterator[T], loop: asyncio.AbstractEventLoop) -> Iterator[T]:
    """Yield in a thread what the event loop reads, one at a time."""
    while (found := asyncio.run_coroutine_threadsafe(_next(chunks), loop).result()) is not None:
        yield found


async def made_aside(pieces: Iterator[T]) -> AsyncIterator[T]:
    """Yield on the event loop what threads make, one at a time."""
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece


async def _next(chunks: AsyncIterator[T]) -> T | None:
    return await anext(chunks, None)
