"""Files of many texts, a line each, of which one can be read without the others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator

from pydantic_core import from_json

MIME_TYPE = "application/json"


def write_lines(texts: Iterable[str]) -> Iterator[str]:
    """Write an array of texts, each on a line of its own."""
    for place, text in enumerate(texts):
        yield ("," if place else "[") + json.dumps(text, ensure_ascii=False) + "\n"
    yield "]"


async def read_lines(chunks: AsyncIterator[bytes], wanted: range) -> list[str]:
    """Return some of the texts, of places that follow each other; those that there are."""
    found: list[str] = []
    place = 0
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if place in wanted:
                found.append(from_json(line[1:]))
            place += 1
            if place >= wanted.stop:
                return found
    return found
