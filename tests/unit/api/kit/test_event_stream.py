"""Server-sent events as a browser's EventSource reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request

from quws.api.kit.event_stream import (
    KEEP_ALIVE,
    RETRY,
    event,
    last_event_id,
    no_events,
    no_more_events,
    stream_events,
)

pytestmark = pytest.mark.anyio


def read(stream: str) -> list[tuple[str, str, str]]:
    """Read a stream as the standard has it: type, data and last id of each event."""
    found, last = [], ""
    for block in stream.split("\n\n"):
        kind, data = "message", []
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                kind = value
            elif name == "data":
                data.append(value)
            elif name == "id":
                last = value
        if data:
            found.append((kind, "\n".join(data), last))
    return found


def test_events_are_read_back() -> None:
    sent = [
        RETRY,
        event("job", '{"id": "1"}', "7-ab"),
        KEEP_ALIVE,
        event("log", "two\nlines: \n\nand a blank one", "8"),
        event("server_cancel", "{}"),
    ]
    assert read("".join(sent)) == [
        ("job", '{"id": "1"}', "7-ab"),
        ("log", "two\nlines: \n\nand a blank one", "8"),
        # An event without an id leaves what the client goes on from.
        ("server_cancel", "{}", "8"),
    ]


def test_nothing_between_keeps_events_back() -> None:
    async def events() -> AsyncIterator[str]:
        yield RETRY

    for answer in (stream_events(events()), no_events()):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
    # 204 is what makes a browser stay away; an empty 200 would bring it back.
    assert no_more_events().status_code == 204


def test_a_client_says_how_far_it_has_got() -> None:
    scope = {"type": "http", "headers": [(b"last-event-id", b"7-ab")]}
    assert last_event_id(Request(scope)) == "7-ab"
    assert last_event_id(Request({"type": "http", "headers": []})) is None
