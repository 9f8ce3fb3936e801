"""Child processes as their parent sees them: a zygote, spares, and children kept for owners."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from quws import __version__
from quws.domain.errors import Unavailable
from quws.sandbox import confine
from quws.sandbox.child import Child, Owner
from quws.sandbox.control import (
    Alive,
    Command,
    Exited,
    Kill,
    Loaded,
    NotSpawned,
    Report,
    RoleConfig,
    Spawn,
    Spawned,
    Unusable,
)
from quws.sandbox.folder import ChildFolder
from quws.sandbox.kept import KeptChildren
from quws.sandbox.messages import FromChild, ToChild
from quws.sandbox.stillborn import Stillborn
from quws.sandbox.zygote_line import ZygoteLine

_LINE_LIMIT = 16 * 1024 * 1024
_START_SECONDS = 120.0
"""Vendors' packages take up to half a minute of a core to load."""
_RESTART_SECONDS = 0.5
_UNUSABLE_SECONDS = (10.0, 20.0, 40.0, 80.0, 160.0)
"""After how long to look again whether what was missing is there: each look loads libraries."""
_REFILL_SECONDS = 0.05
_REST_SECONDS = 1.0
"""How long a child may look after itself between an answer and the next request."""
_KEPT = 8
_log = structlog.get_logger(__name__)


class ChildrenUnavailable(Exception):
    """No child can be had: the zygote does not start. The sentence says why, if that is known."""


class NoFolder(ChildrenUnavailable):
    """There is no folder that a child could write in. The sentence says why."""


class ChildPool:
    """Children of one role, some of them ready ahead of need.

    Parameters
    ----------
    role
        What the children are for, as ``module:Class`` of a ``Role``, which the zygote imports.
    options
        What that class takes by keyword. May hold secrets: they are shown nowhere.
    name
        What the children serve, for whoever lists the processes of the machine.
    spares
        How many wait ready for whoever comes.
    kept
        How many that have served wait at most for more requests of their owners.
    interpreter
        The Python that runs them.
    leash_seconds
        How long they live on when this process is frozen; None for ever.
    scratch
        Tells where the folders are made in which they write, if they do. May raise ``OSError``.

    """

    def __init__(
        self,
        role: str,
        options: dict[str, Any] | None = None,
        *,
        name: str | None = None,
        spares: int,
        kept: int = _KEPT,
        interpreter: str = sys.executable,
        leash_seconds: float | None = None,
        scratch: Callable[[], Path] | None = None,
    ) -> None:
        self._scratch = scratch
        self._no_folder: NoFolder | None = None
        self._role = role
        self._options = options or {}
        self._name = name
        self._leash_seconds = leash_seconds
        self._spares = spares
        self._interpreter = interpreter
        self._ready: deque[Child] = deque()
        self._kept = KeptChildren(kept, self.retire)
        self._getting_ready = 0
        self._stillborn = Stillborn()
        self._children: dict[int, Child] = {}
        self._spawning: dict[int, Child] = {}
        self._number = 0
        self._zygote: ZygoteLine | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._loaded = False
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._trouble: str | None = None
        self._said: str | None = None
        """The trouble that the log tells of already."""
        self._unusable = 0
        """How often in a row that was so."""
        self.versions: dict[str, str] = {}
        """Those of the libraries that they have loaded, once one was asked."""
        self.apart = False
        """Whether others must read the texts of circuits for them; known with the first child."""

    def start(self) -> None:
        """Start the zygote, from the main thread; returns before it has loaded its libraries.

        Raises
        ------
        ChildrenUnavailable
            The interpreter cannot be started.

        """
        if self._closing:
            return
        if missing := confine.missing():
            _log.warning("children are not closed in as they should be", they_can=missing)
        try:
            self._start_zygote()
        except OSError as error:
            raise ChildrenUnavailable(
                f"the interpreter {self._interpreter} cannot be started: {error.strerror}"
            ) from None
        if self._leash_seconds is not None:
            self._keep(self._stay_on_leash(self._leash_seconds))

    async def probe(self) -> None:
        """Make sure that children can be had.

        Raises
        ------
        Unavailable
            Not yet, or not just now.

        """
        if not self._loaded:
            raise Unavailable("the process that children are forked from has not loaded")

    async def acquire(self, owner: Owner | None = None) -> Child:
        """Take a child that is ready, rather one that has served its owner before.

        Parameters
        ----------
        owner
            Whose request it gets: from then on it takes those of nobody else. None for a
            request after which it goes.

        Raises
        ------
        ChildrenUnavailable

        """
        child = None if owner is None else self._kept.take(owner)
        if child is None:
            child = await self._spare()
        child.give(owner)
        return child

    async def _spare(self) -> Child:
        self._no_folder = None
        try:
            async with asyncio.timeout(_START_SECONDS):
                async with self._changed:
                    await self._changed.wait_for(lambda: self._loaded or self._trouble)
                    if self._trouble is not None:
                        raise ChildrenUnavailable(self._trouble)
                    while True:
                        self._discard_homeless()
                        while self._ready:
                            child = self._ready.popleft()
                            if not child.exited.done():
                                self._refill_soon()
                                return child
                            child.disconnect()
                        # Not before: the dead among them do not count.
                        self._refill(need=1)
                        if self._no_folder is not None:
                            raise self._no_folder
                        await self._changed.wait()
        except TimeoutError:
            raise ChildrenUnavailable("no child process could be started in time") from None

    async def ask(self, request: ToChild) -> FromChild:
        """Give a child a request that has one answer; the child goes afterwards.

        Raises
        ------
        ChildLost
            It ended before it had answered.
        MessageFault
            The answer is none that anybody understands.
        ChildrenUnavailable
            No child can be had.

        """
        child = await self.acquire()
        try:
            return await child.ask(request)
        finally:
            self.retire(child)

    def kill(self, pid: int) -> None:
        """Kill a child's process group, through the zygote, which knows whether it still lives."""
        self._command(Kill(pid=pid))

    def retire(self, child: Child) -> None:
        """Kill a child and let it go, without waiting until it is gone."""
        child.kill()
        child.exited.add_done_callback(lambda _: child.disconnect())

    async def release(self, child: Child) -> None:
        """Keep a child that has done its request for the next one of its owner.

        Where it cannot take one, or there was to be one only, it is killed and gone.
        """
        try:
            if child.owner is not None and await child.rests(_REST_SECONDS) and await child.empty():
                self._kept.keep(child)
            elif self._scratch is None:
                self.retire(child)
            else:
                await child.close()
        except BaseException:
            self.retire(child)
            raise

    async def close(self) -> None:
        """Kill everybody and wait for the zygote to end."""
        self._closing = True
        self._kept.clear()
        for task in self._tasks:
            task.cancel()
        if self._zygote is not None:
            self._zygote.close()
            self._zygote = None
        if self._process is not None:
            # At the end of its control stream it kills its children and goes.
            process = self._process
            try:
                await asyncio.to_thread(process.wait, 2)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)
        for child in [*self._children.values(), *self._spawning.values()]:
            child.ended(None)
            child.disconnect()

    # -- the zygote -------------------------------------------------------------

    def _start_zygote(self) -> None:
        config = RoleConfig(
            role=self._role, options=self._options, leash_seconds=self._leash_seconds
        )
        self._zygote = ZygoteLine(
            self._interpreter, config, self._name, heard=self._heard, lost=self._zygote_lost
        )
        self._process = self._zygote.process

    def _heard(self, report: Report) -> None:
        match report:
            case Loaded(apart=apart):
                self._trouble = self._said = None
                self.apart = apart
                self._loaded = True
                self._refill()
                self._keep(self._tell())
            case Unusable(why=why):
                self._trouble = why
            case NotSpawned(number=number):
                self._spawning.pop(number).ended(None)
            case Spawned(number=number, pid=pid):
                child = self._spawning.pop(number)
                child.pid = pid
                self._children[pid] = child
                child.spawned.set()
            case Exited(pid=pid, status=status):
                child = self._children.pop(pid)
                child.ended(status)
                if child in self._ready:
                    # The first to go when memory is short are those that wait.
                    self._ready.remove(child)
                    child.disconnect()
                    self._refill_soon()
                elif self._kept.forget(child):
                    child.disconnect()

    def _zygote_lost(self) -> None:
        assert self._zygote is not None and self._process is not None
        self._zygote.close()
        self._zygote = None
        loaded, self._loaded = self._loaded, False
        lost = [*self._children.values(), *self._spawning.values()]
        self._children.clear()
        self._spawning.clear()
        for child in (*self._ready, *self._kept.clear()):
            child.disconnect()
        self._ready.clear()
        self._getting_ready = 0
        for child in lost:
            child.ended(-signal.SIGKILL)
        if not self._closing:
            self._keep(self._restart(self._process, loaded=loaded))

    async def _stay_on_leash(self, seconds: float) -> None:
        while True:
            self._command(Alive())
            await asyncio.sleep(seconds / 4)

    async def _restart(self, process: subprocess.Popen[bytes], *, loaded: bool) -> None:
        try:
            # Its stream ends a moment before it does, and only its own status tells why.
            status = await asyncio.to_thread(process.wait, 1)
        except subprocess.TimeoutExpired:
            process.kill()
            status = await asyncio.to_thread(process.wait)
        if not loaded and status > 0 and self._trouble is None:
            self._trouble = (
                f"{self._interpreter} ended before it was ready; is quws {__version__} installed"
                " in its environment? The log above says more"
            )
        if self._trouble is None:
            _log.error("zygote lost", role=self._role, status=status)
        elif self._trouble != self._said:
            self._unusable = 0
            _log.error("no process for circuits can be had", name=self._name, why=self._trouble)
        self._said = self._trouble
        await self._tell()
        # One that had loaded was most likely killed: nobody need wait for longer than that takes.
        pause = 0.0 if loaded else _RESTART_SECONDS
        while not self._closing:
            await asyncio.sleep(self._pause() if self._trouble else pause)
            pause = _RESTART_SECONDS
            try:
                self._start_zygote()
            except OSError as error:
                _log.error("zygote does not start", error=str(error))
            else:
                return

    def _pause(self) -> float:
        turn = min(self._unusable, len(_UNUSABLE_SECONDS) - 1)
        self._unusable += 1
        return _UNUSABLE_SECONDS[turn]

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _command(self, command: Command, *fds: int) -> None:
        if self._zygote is not None:
            self._zygote.tell(command, *fds)

    # -- spares -------------------------------------------------------------------

    def _refill(self, need: int = 0) -> None:
        if self._zygote is None or not self._loaded or self._stillborn.recent:
            return
        missing = max(self._spares, need) - len(self._ready) - self._getting_ready
        for _ in range(missing):
            self._getting_ready += 1
            self._keep(self._spawn())

    def _refill_soon(self) -> None:
        # Not at once: getting the next child ready would take a core from the
        # one that has just got its job, and most jobs are short.
        asyncio.get_running_loop().call_later(_REFILL_SECONDS, self._refill)

    def _discard_homeless(self) -> None:
        """Let those go whose folder somebody has removed: they can write nowhere."""
        for child in [child for child in self._ready if not child.has_place()]:
            self._ready.remove(child)
            self.retire(child)

    async def _spawn(self) -> None:
        zygote = self._zygote
        try:
            folder = await asyncio.to_thread(self._make_folder)
        except OSError as error:
            # Whoever needs a child hears of it, and tries again.
            self._no_folder = NoFolder(str(error))
            if zygote is self._zygote:
                self._getting_ready -= 1
            await self._tell()
            return
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours, limit=_LINE_LIMIT)
            child = Child(self.kill, reader, writer, folder)
            if zygote is None or zygote is not self._zygote:
                child.disconnect()
                return
            self._number += 1
            self._spawning[self._number] = child
            path = None if folder is None else folder.path
            self._command(Spawn(number=self._number, folder=path), theirs.fileno())
        ready = False
        try:
            ready = await child.ready()
        finally:
            if not ready:
                child.disconnect()
        async with self._changed:
            if zygote is self._zygote:
                self._getting_ready -= 1
                if ready:
                    self._ready.append(child)
                    self._stillborn.forget()
                else:
                    self._keep(self._refill_after(self._stillborn.note()))
            self._changed.notify_all()
        if not ready and zygote is self._zygote:
            _log.error("child died while it got ready", status=await child.exited)

    async def _refill_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._stillborn.over()
        self._refill()
        await self._tell()

    def _make_folder(self) -> ChildFolder | None:
        return None if self._scratch is None else ChildFolder(self._scratch())

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
