"""The server's own part of HTTP: heads that have an end, and phrases behind statuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from quws.api.kit.heads import MAX_HEADERS, MAX_URI, HeadLimits
from quws.api.kit.phrase import Worded
from quws.processes.connections import Connections
from quws.processes.http import Protocol

pytestmark = pytest.mark.anyio
SECONDS = 20


class Served:
    """A server with an application."""

    def __init__(self, address: tuple[str, int], state: ServerState) -> None:
        self._address = address
        self._state = state

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection."""
        return await asyncio.open_connection(*self._address, limit=2_000_000)

    async def __call__(self, *pieces: bytes) -> bytes:
        """Send pieces and return all that comes back until the connection ends."""
        reader, writer = await self.connect()
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

    async def has(self, connections: int) -> None:
        """Wait until it has so many connections."""
        async with asyncio.timeout(SECONDS):
            while len(self._state.connections) != connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


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
    if scope["path"] == "/much":
        text = "x" * 50_000_000
    status = Worded(403, "no\r\nX: ä") if scope["path"] == "/no" else 200
    await PlainTextResponse(text, status)(scope, receive, send)


@asynccontextmanager
async def serving(
    application: ASGIApp = echo, limit: int = 100, **options: float
) -> AsyncIterator[Served]:
    """Serve it with so many connections at most."""
    connections = Connections(limit)
    config = uvicorn.Config(HeadLimits(application), lifespan="off", log_config=None, ws="none")
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: Protocol(
            config=config, server_state=state, app_state={}, connections=connections, **options
        ),
        "127.0.0.1",
        0,
    )
    async with server:
        yield Served(server.sockets[0].getsockname(), state)


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


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /half HTTP/1.1\r\nX-",
        b"\r\n",
        request("/whole", last=False) + b"GET /half",
        b"POST /half HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf",
        b"POST /half HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
    ],
    ids=["head", "nothing", "second", "body", "chunk"],
)
async def test_a_request_that_does_not_come_whole_is_ended(sent: bytes) -> None:
    async with serving(patience=0.2) as ask:
        answer = await ask(sent)
    assert b"HTTP/1.1 408 Request Timeout\r\n" in answer
    assert answer.endswith(b"\n\r\nrequest_timeout: the request did not come in time\n")


async def test_who_says_nothing_is_told_nothing() -> None:
    async with serving(patience=0.2) as ask:
        assert await ask() == b""


async def test_who_is_answered_may_take_long() -> None:
    """The patience is with the client, and ends where it is for the service to go on."""
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await end.wait()
        await echo(scope, receive, send)

    async with serving(application=slow, limit=1, patience=0.05) as ask:
        answer = asyncio.create_task(ask(request("/slow")))
        await begun.wait()
        assert await ask(b"GET /") == b""  # Somebody comes, and goes: there is no place.
        end.set()
        assert (await answer).endswith(b"/slow 1 0\n")


async def test_who_reads_nothing_is_ended() -> None:
    async with serving(unread=0.2) as ask:
        _, writer = await ask.connect()
        writer.write(request("/much", last=False))
        await ask.has(1)
        await ask.has(0)
        writer.close()


async def test_who_reads_slowly_gets_all() -> None:
    async with serving(unread=0.2) as ask:
        reader, writer = await ask.connect()
        writer.write(request("/much"))
        length = 0
        async with asyncio.timeout(SECONDS):
            while piece := await reader.read(4_000_000):
                length += len(piece)
                await asyncio.sleep(0.02)
        writer.close()
    assert length > 50_000_000


async def test_the_oldest_without_a_request_gives_way() -> None:
    async with serving(limit=2) as ask:
        oldest, writer = await ask.connect()
        writer.write(b"GET /half")
        await ask.has(1)
        assert (await ask(request("/1"))).endswith(b"/1 1 0\n")
        _, other = await ask.connect()
        await ask.has(2)
        assert (await ask(request("/2"))).endswith(b"/2 1 0\n")
        assert await oldest.read() == b""
        assert (await ask(request("/3"))).endswith(b"/3 1 0\n")
        writer.close()
        other.close()
