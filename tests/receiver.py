"""A receiver of webhooks: a real server that takes, fails, hangs, redirects or is away."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from quws.domain.webhooks import signature

HANG = 0
"""Instead of a status: no answer at all."""


@dataclass
class Got:
    """A message that came."""

    path: str
    headers: dict[str, str]
    body: bytes
    answer: int | bytes = 204
    """What it was answered with."""

    @property
    def type(self) -> str:
        return str(self.content["type"])

    @property
    def job(self) -> str:
        return str(self.content["data"]["id"])

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    def signed_with(self, secret: str) -> bool:
        """Whether one of its signatures is that of a secret, as the standard has it."""
        seconds = int(self.headers["webhook-timestamp"])
        mine = signature([secret], self.headers["webhook-id"], seconds, self.body)
        return mine in self.headers["webhook-signature"].split()


@dataclass
class Receiver:
    """What came, and what is answered: 204 where nothing else was said."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    _will: deque[int | bytes] = field(default_factory=deque)
    _came: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/told"

    def will(self, *answers: int | bytes) -> None:
        """Say with what the next messages are answered: a status, or a whole head."""
        self._will += answers

    async def waits_for(self, count: int) -> Sequence[Got]:
        """Return the messages once there are so many."""
        async with asyncio.timeout(20), self._came:
            await self._came.wait_for(lambda: len(self.got) >= count)
        return self.got

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one message; of a sender that is gone before it has sent it, nothing."""
        try:
            await self._take(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        answer = self._will.popleft() if self._will else 204
        async with self._came:
            self.got.append(Got(first.split()[1], headers, body, answer))
            self._came.notify_all()
        if answer == HANG:
            await reader.read()  # Until the sender hangs up.
        elif isinstance(answer, bytes):
            writer.write(answer)
        else:
            writer.write(f"HTTP/1.1 {answer} x\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()


@asynccontextmanager
async def receiving(port: int = 0) -> AsyncIterator[Receiver]:
    """Listen while the block lasts; on the port that it had when it comes back."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
