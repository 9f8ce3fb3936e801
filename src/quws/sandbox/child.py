"""One child process as its parent sees it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import monotonic

import structlog

from quws.sandbox import confine, lines
from quws.sandbox.folder import ChildFolder
from quws.sandbox.messages import CircuitsFinished, FromChild, MessageFault, Ready, ToChild
from quws.sandbox.roles import unexpected

_log = structlog.get_logger(__name__)


class ChildLost(Exception):
    """A child ended before it had answered. ``status`` is negative for a signal."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        super().__init__(describe_exit(status))


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose requests a child takes; the anonymous user has no name."""

    name: str | None


class Child:
    """One child, which takes one request after another, all of one owner."""

    def __init__(
        self,
        kill: Callable[[int], None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        folder: ChildFolder | None = None,
    ) -> None:
        self._folder = folder
        self._kill = kill
        self._reader = reader
        self._writer = writer
        self.pid: int | None = None
        self.owner: Owner | None = None
        """Whose requests it takes, from the first one on; None where it takes one only."""
        self.born = monotonic()
        self.served = 0
        self.cpu_before = 0.0
        """Seconds of processor time that it had used before its present request."""
        self._resting = False
        self.spawned = asyncio.Event()
        self.exited: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    @property
    def folder(self) -> ChildFolder:
        """Where it may write. Goes with it."""
        assert self._folder is not None
        return self._folder

    def has_place(self) -> bool:
        """Whether its folder is there, if it was given one."""
        return self._folder is None or self._folder.is_there()

    def is_fit(self) -> bool:
        """Whether it lives, has its place, and is done with what it was asked."""
        return self._resting and not self.exited.done() and self.has_place()

    def give(self, owner: Owner | None) -> None:
        """Note whose the next request is.

        Raises
        ------
        ValueError
            It has served somebody else.

        """
        if self.served and (owner is None or owner != self.owner):
            raise ValueError("a child serves one owner")
        self.owner = owner
        if self.served and self.pid is not None:
            self.cpu_before = confine.cpu_used_by(self.pid)
        self.served += 1

    async def send(self, message: ToChild) -> None:
        """Send the child one message.

        Raises
        ------
        ChildLost
            It has ended.

        """
        self._resting = False
        try:
            self._writer.write(lines.encode(message))
            await self._writer.drain()
        except OSError:
            raise ChildLost(await self.exited) from None

    async def ask(self, request: ToChild) -> FromChild:
        """Give the child a request that has one answer, and return that.

        Raises
        ------
        ChildLost
            It ended before it had answered.
        MessageFault
            The answer is none that anybody understands, or there is none.

        """
        await self.send(request)
        async for message in self.messages():
            return message
        if self._resting:
            raise MessageFault("the child is ready again without an answer")
        raise ChildLost(await self.exited)

    async def messages(self) -> AsyncIterator[FromChild]:
        """Receive what the child says, until it is ready for another request or ends well.

        Raises
        ------
        ChildLost
            It ended otherwise.
        MessageFault
            It said what nobody understands; it is killed for that.

        """
        while line := await self._line():
            try:
                message = lines.decode_from_child(line)
            except MessageFault:
                self.kill()
                raise
            if isinstance(message, Ready):
                self._resting = True
                return
            if isinstance(message, CircuitsFinished):
                for each in message.each():
                    yield each
                continue
            yield message
        status = await self.exited
        if status != 0:
            raise ChildLost(status)

    async def rests(self, seconds: float) -> bool:
        """Whether it is ready for another request, or is so within some seconds."""
        if not self._resting:
            try:
                async with asyncio.timeout(seconds):
                    async for _ in self.messages():
                        return False
            except (ChildLost, MessageFault, TimeoutError):
                return False
        return self._resting

    async def empty(self) -> bool:
        """Remove what it has written; whether all of it could be."""
        folder = self._folder
        # To hand it to a thread takes longer than what there is to do after most jobs.
        return folder is None or folder.empty_at_once() or await asyncio.to_thread(folder.empty)

    async def ready(self) -> bool:
        """Wait until the child says that it can take a request; False when it never will."""
        line = await self._line()
        # Two sockets: the child may be heard before the zygote has told its pid.
        await self.spawned.wait()
        if not line:
            return False
        try:
            message = lines.decode_from_child(line)
            if not isinstance(message, Ready):
                raise unexpected(message)
        except MessageFault as fault:
            _log.error("child speaks nonsense", why=str(fault))
            self.kill()
            return False
        return True

    async def _line(self) -> bytes:
        try:
            line = await self._reader.readline()
        except (OSError, ValueError):
            self.kill()
            return b""
        # Killed in the middle of a message, it said nothing.
        return line if line.endswith(b"\n") else b""

    def kill(self) -> None:
        """Kill the child and whatever it started. Does not wait; ``exited`` tells."""
        if self.pid is not None and not self.exited.done():
            self._kill(self.pid)

    async def close(self) -> None:
        """Kill the child if it still lives, and wait until it is gone."""
        self.kill()
        try:
            await self.exited
            if self._folder is not None:
                await asyncio.to_thread(self._folder.remove)
        finally:
            self.disconnect()

    def disconnect(self) -> None:
        """Hear no more of the child, say no more to it, and let its folder go."""
        self._writer.close()
        if self._folder is not None:
            self._folder.remove()

    def ended(self, status: int | None) -> None:
        """Note that the child is gone (called by its pool)."""
        self.spawned.set()
        if not self.exited.done():
            self.exited.set_result(status)


def describe_exit(status: int | None) -> str:
    """Say in plain words how a process ended."""
    if status is None:
        return "it was stopped"
    if status >= 0:
        return f"it ended with status {status}"
    try:
        return f"it was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"it was killed by signal {-status}"
