"""The server's own part of HTTP: heads that have an end, and phrases behind statuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from quws.api.kit.heads import MAX_HEADERS, MAX_URI, HeadLimits
from quws.api.kit.phrase import Worded
from quws.processes.http import Protocol

pytestmark = pytest.mark.anyio
SECONDS = 20

Ask = Callable[..., Awaitable[bytes]]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the path, the number of headers and the length of the body."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    text = f"{scope['path'][:20]} {len(scope['headers'])} {length}\n"
    status = Worded(403, "no\r\nX: ä") if scope["path"] == "/no" else 200
    await PlainTextResponse(text, status)(scope, receive, send)


@asynccontextmanager
async def serving() -> AsyncIterator[Ask]:
    """Serve it; give a function that sends pieces and returns all that comes back."""
    config = uvicorn.Config(HeadLimits(echo), lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    address = server.sockets[0].getsockname()

    async def ask(*pieces: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*address)
        try:
            async with asyncio.timeout(SECONDS):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async with server:
        yield ask


def request(path: str = "/", headers: bytes = b"", *, last: bool = True) -> bytes:
    close = b"Connection: close\r\n" if last else b""
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path.encode(), headers, close)


def many(count: int) -> bytes:
    return b"".join(b"X-%d: 1\r\n" % number for number in range(count))


async def test_a_head_of_a_sane_length_comes_whole() -> None:
    async with serving() as ask:
        answer = await ask(request("/some?a=b", many(MAX_HEADERS - 1)))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"/some 100 0\n")


async def test_a_head_may_come_a_byte_at_a_time() -> None:
    sent = request("/some", many(5))
    async with serving() as ask:
        answer = await ask(*[bytes([byte]) for byte in sent])
    assert answer.endswith(b"/some 6 0\n")


@pytest.mark.parametrize("count", [MAX_HEADERS, 1_000, 4_000])
async def test_too_many_headers(count: int) -> None:
    async with serving() as ask:
        answer = await ask(request("/", many(count)))
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large: the request has")


@pytest.mark.parametrize(
    "path",
    [
        "/" + "x" * MAX_URI,
        "/a?" + "x" * MAX_URI,
        "/?" + "x" * MAX_URI + "&b#c",
        "http://localhost/?" + "x" * MAX_URI,
        "/" + "%41" * 50_000,
    ],
    ids=len,
)
async def test_a_uri_that_is_too_long(path: str) -> None:
    async with serving() as ask:
        answer = await ask(request(path))
    assert answer.startswith(b"HTTP/1.1 414 ")
    assert b"uri_too_long: " in answer


@pytest.mark.parametrize("begin", [b"X-Long: ", b"X-1: 1\r\nX", b""], ids=["value", "name", "uri"])
async def test_a_head_that_does_not_end(begin: bytes) -> None:
    line = b"GET / HTTP/1.1\r\n" if begin else b"GET /"
    async with serving() as ask:
        answer = await ask(line + begin, *[b"x" * 65_536] * 6)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.endswith(b"\n\r\nheaders_too_large: the head of the request does not end\n")


async def test_a_request_may_stand_right_behind_a_large_one() -> None:
    body = b"x" * 3_000_000
    large = b"POST /large HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    next_one = request("/next", many(50))
    async with serving() as ask:
        answer = await ask(large + next_one[:300], next_one[300:])
    assert b"/large 1 3000000\n" in answer
    assert answer.endswith(b"/next 51 0\n")


async def test_an_answer_may_have_a_phrase_of_its_own() -> None:
    async with serving() as ask:
        answer = await ask(request("/no", last=False) + request("/"))
    assert answer.startswith(b"HTTP/1.1 403 Forbidden: no X: ?\r\n")
    assert b"HTTP/1.1 200 OK\r\n" in answer
