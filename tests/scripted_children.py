"""Children whose process is a script of the test: everything but the process is the real thing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from quws.sandbox.child import Child, Owner
from quws.sandbox.lines import decode_to_child, encode
from quws.sandbox.messages import FromChild, Ready, ToChild
from quws.sandbox.pool import ChildPool, ChildrenUnavailable, NoFolder

NOBODY = 2**22 + 1
"""A process id that Linux gives to nobody."""


class Killed(Exception):
    """The worker has killed the child while it listened."""


class Process:
    """The inside of a child, as a script plays it."""

    def __init__(
        self, child: Child, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.child = child
        self._reader = reader
        self.writer = writer
        self.heard: list[ToChild] = []
        self.killed = asyncio.Event()

    async def hear(self) -> Any:
        """Wait for the next message of the worker."""
        line = await self._reader.readline()
        if not line:
            raise Killed
        message = decode_to_child(line)
        self.heard.append(message)
        return message

    def say(self, *messages: FromChild) -> None:
        for message in messages:
            self.writer.write(encode(message))

    def say_raw(self, line: bytes) -> None:
        self.writer.write(line)

    def end(self, status: int = 0) -> None:
        """End, once all that was said is under way."""
        if not self.child.exited.done():
            self.writer.close()
            self.child.ended(status)

    def kill(self) -> None:
        self.killed.set()
        self.end(-signal.SIGKILL)


Script = Callable[[Process], Awaitable[None]]


class ScriptedChildren(ChildPool):
    """Hands out children that follow the scripts, one after the other; the last one again."""

    def __init__(self, *scripts: Script, scratch: Callable[[], Path] | None = None) -> None:
        super().__init__("a script of the test", spares=0, scratch=scratch)
        self.scripts = deque(scripts)
        self.processes: list[Process] = []
        self.scarce: str | None = None
        """Why no child can be had."""
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Scripts need no zygote."""

    async def acquire(self, owner: Owner | None = None) -> Child:
        if self.scarce is not None:
            raise ChildrenUnavailable(self.scarce)
        if owner is not None and (kept := self._kept.take(owner)):
            kept.give(owner)
            return kept
        try:
            folder = self._make_folder()
        except OSError as error:
            raise NoFolder(str(error)) from error
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as undone:
            # Whoever asks may give up meanwhile.
            undone.callback(theirs.close)
            reader, writer = await asyncio.open_connection(sock=ours)
            undone.callback(writer.close)
            other = await asyncio.open_connection(sock=theirs)
            undone.pop_all()
        child = Child(self.kill, reader, writer, folder)
        process = Process(child, *other)
        child.pid = NOBODY + len(self.processes)
        child.spawned.set()
        self.processes.append(process)
        script = self.scripts.popleft() if len(self.scripts) > 1 else self.scripts[0]
        self._running.append(asyncio.create_task(self._play(script, process)))
        process.say(Ready())
        assert await child.ready()
        child.give(owner)
        return child

    async def _play(self, script: Script, process: Process) -> None:
        with contextlib.suppress(Killed):
            await script(process)
        process.end()

    def kill(self, pid: int) -> None:
        self.processes[pid - NOBODY].kill()

    async def finish(self) -> None:
        """See that no script failed; those that go on are stopped."""
        for task, process in zip(self._running, self.processes, strict=True):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            for writer in (process.writer, process.child._writer):
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()


async def until(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    """Look again and again until something is true."""
    async with asyncio.timeout(60):
        while True:
            found = condition()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.005)
