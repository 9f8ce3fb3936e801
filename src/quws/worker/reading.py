"""Has circuits read for children that must not read them: those hold a secret, or a network."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quws.domain.bindings import Bindings
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.failures import refused
from quws.domain.job import JobError
from quws.sandbox.child import Child, ChildLost
from quws.sandbox.messages import (
    CircuitRefused,
    CircuitsRead,
    CircuitsWanted,
    CircuitsWritten,
    MessageFault,
    NoRoom,
    ReadCircuits,
)
from quws.sandbox.pool import ChildPool
from quws.sandbox.roles import unexpected

_MEMORY_BYTES = 4 << 30
_CPU_SECONDS = 600
_FILE_BYTES = 1 << 30


class NoRoomToRead(OSError):
    """There is no room for what was read."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The circuits of a job as they were submitted, with what is known of their languages.

    ``bindings`` make a circuit each of the only one.
    """

    circuits: Sequence[str]
    languages: Sequence[Language | None]
    limits: CircuitLimits
    bindings: Bindings | None = None

    @property
    def count(self) -> int:
        """How many circuits the job has."""
        return len(self.circuits) if self.bindings is None else self.bindings.count


class Readers:
    """Processes without secrets, network and other programs, which read circuits for others."""

    def __init__(self, pool: ChildPool) -> None:
        self._pool = pool
        self._started = False

    def start(self) -> None:
        """Begin to load the parsers, from the main thread; does nothing the second time.

        Raises
        ------
        ChildrenUnavailable

        """
        if not self._started:
            self._started = True
            self._pool.start()

    async def close(self) -> None:
        """End the processes."""
        await self._pool.close()

    async def hand(self, texts: Texts, wanted: CircuitsWanted, child: Child) -> JobError | None:
        """Read what a child wants, and hand it over. Gives why the job must fail, if it must.

        Raises
        ------
        ChildLost
            The child is gone, or died who read for it.
        ChildrenUnavailable
        MessageFault
            It wants what there is not, or who read talks nonsense.
        OSError
            There is no room.

        """
        if max(wanted.circuits) >= texts.count:
            raise MessageFault("circuits that the job has not")
        reading = asyncio.ensure_future(self._read(texts, wanted.circuits, child))
        either: set[asyncio.Future[Any]] = {reading, child.exited}
        try:
            # Whoever stops a job kills its child, and knows of no other.
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise ChildLost(child.exited.result())
        finally:
            reading.cancel()
            await asyncio.wait({reading})
        answer = reading.result()
        if isinstance(answer, CircuitRefused):
            return refused(InvalidCircuit(answer.sentence, line=answer.line, column=answer.column))
        await child.send(CircuitsRead(file=answer))
        return None

    async def _read(
        self, texts: Texts, indices: Sequence[int], child: Child
    ) -> CircuitRefused | str:
        """Read circuits into a file of a child's folder, and return its name."""
        self.start()
        places = indices if texts.bindings is None else [0]
        reader = await self._pool.acquire()
        try:
            answer = await reader.ask(
                ReadCircuits(
                    circuits=[texts.circuits[index] for index in places],
                    languages=[texts.languages[index] for index in places],
                    bindings=None if texts.bindings is None else texts.bindings.some(indices),
                    limits=texts.limits,
                    memory_bytes=_MEMORY_BYTES,
                    cpu_seconds=_CPU_SECONDS,
                    file_bytes=_FILE_BYTES,
                    folder=str(reader.folder.path),
                )
            )
            match answer:
                case CircuitRefused():
                    return answer
                case NoRoom(sentence=sentence):
                    raise NoRoomToRead(sentence)
                case CircuitsWritten(file=written):
                    name = f"transcripts-{indices[0]}.jsonl"
                    with reader.folder.open(written, _FILE_BYTES) as content:
                        await asyncio.to_thread(child.folder.add, name, content)
                    return name
                case _:
                    raise unexpected(answer)
        finally:
            self._pool.retire(reader)
