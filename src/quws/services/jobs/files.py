"""The bytes that belong to a job: its parameters, its circuits and its results."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from quws.artifacts import ArtifactMissing, ArtifactStore, ArtifactStoreUnavailable
from quws.artifacts.parameters import (
    read_bindings,
    read_circuits,
    read_parameter,
    read_some,
)
from quws.domain.errors import NotFound
from quws.domain.job import Job, Parameter, Result, circuits_of
from quws.domain.outcome_texts import NEXT
from quws.domain.parameters.posted import Posted
from quws.domain.payloads import BINARY_TYPE, as_bytes
from quws.store.jobs.store import JobStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a result or a parameter: how many, what, and a way to read a part."""

    size: int
    mime_type: str
    read: Callable[[int, int | None], AsyncIterator[bytes]]

    async def whole(self) -> bytes:
        """Read all of it into memory.

        Raises
        ------
        NotFound, Unavailable
            The file is gone, or cannot be reached.

        """
        return b"".join([chunk async for chunk in self.read(0, None)])


class JobFiles:
    """The files of jobs. Whoever has the job in hand was asked already whether it is theirs."""

    def __init__(self, store: JobStore, artifacts: ArtifactStore) -> None:
        self._store = store
        self._artifacts = artifacts

    async def result(self, job: Job, result_id: str) -> Content:
        """Return the content of one result of a job.

        That of a circuit of a large batch is cut out of the file that it has in common with others.

        Raises
        ------
        NotFound
            The job has no such result.

        """
        for item in job.results:
            if item.id == result_id:
                return self.content(item)
        wanted = circuits_of(result_id)
        for item in job.results if len(wanted) == 1 else ():
            circuits = circuits_of(item.id)
            if wanted[0] in circuits and item.id.startswith(result_id.partition("-")[0]):
                return await self._cut(item, circuits.index(wanted[0]))
        known = ", ".join(item.id for item in job.results) or "none yet"
        raise NotFound(f"job {job.id} has no result '{result_id[:60]}'; it has: {known}")

    async def parameter(self, job: Job, name: str, position: int | None = None) -> Content:
        """Return the content of a parameter; ``position`` counts the repetitions of its name.

        Without a position it is the first one, or all circuits of a large batch.

        Raises
        ------
        NotFound
            The job has no such parameter, or fewer of this name.

        """
        found = [item for item in job.parameters if item.name.upper() == name.upper()]
        place = position or 0
        if place >= sum(item.count for item in found):
            raise NotFound(f"job {job.id} has no parameter '{name[:60]}'")
        if found[0].count == 1:
            return self.content(found[place])
        if position is None:
            return self.content(found[0])
        (text,) = await self._there(read_some(self._artifacts, found[0], range(place, place + 1)))
        return _in_memory(*_sent(text))

    async def circuits(self, job: Job, wanted: range | None = None) -> list[str]:
        """Return the circuits of a job: all, or those of some indices.

        Raises
        ------
        NotFound
            Their files are gone.

        """
        reading = read_circuits(self._artifacts, job.parameters, wanted)
        return await self._there(reading, "the circuits are")

    async def circuit(self, job: Job, index: int) -> str:
        """Return the text of one circuit, which is that of all where they differ in values.

        Raises
        ------
        NotFound
            Its file is gone.

        """
        places = range(index, index + 1)
        found = await self.circuits(job, places) or await self.circuits(job, range(1))
        return found[0]

    async def values(self, job: Job, index: int) -> dict[str, float]:
        """Return the values that one circuit has for the parameters of its text.

        Raises
        ------
        NotFound
            Their file is gone.

        """
        found = await self._there(read_bindings(self._artifacts, job.parameters))
        return {} if found is None else found.of(index)

    async def posted(self, parameter: Parameter) -> list[Posted]:
        """Return a parameter as it was posted, as often as it was.

        Raises
        ------
        NotFound
            Its file is gone.

        """
        if parameter.count > 1:
            circuits = read_some(self._artifacts, parameter, range(parameter.count))
            return [Posted(parameter.name, *_sent(text)) for text in await self._there(circuits)]
        value = await self._there(read_parameter(self._artifacts, parameter))
        return [Posted(parameter.name, value, parameter.mime_type, parameter.by_reference)]

    async def _there(self, reading: Awaitable[T], what: str = "the file is") -> T:
        try:
            return await reading
        except ArtifactMissing:
            raise NotFound(f"{what} not there any more") from None

    async def drop(self, job_id: str) -> None:
        """Delete all files of a job that is gone, now or by the next sweep."""
        try:
            await self._artifacts.delete(job_id)
        except ArtifactStoreUnavailable:
            return  # The prefix is on the list of garbage, or a sweep finds it as an orphan.
        await self._store.garbage.forget(job_id)

    def content(self, item: Result | Parameter) -> Content:
        """Return the content of a result, or of a parameter as it is kept."""
        if item.artifact is None:
            assert isinstance(item, Parameter)
            return _in_memory((item.value or "").encode(), item.mime_type)
        return Content(item.size, item.mime_type, partial(self._stored, item.artifact))

    async def _cut(self, item: Result, place: int) -> Content:
        """Return one of the circuits in a file of some."""
        begin, end = await _line(self._stored(item.artifact), place + 1)
        begin += len(NEXT) if place else 0

        def read(first: int, last: int | None) -> AsyncIterator[bytes]:
            return self._stored(item.artifact, begin + first, end if last is None else begin + last)

        return Content(end - begin, item.mime_type, read)

    async def _stored(
        self, key: str, start: int = 0, end: int | None = None
    ) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._artifacts.stream(key, start, end):
                yield chunk
        except ArtifactMissing:
            raise NotFound("the file is not there any more") from None


def _sent(text: str) -> tuple[bytes, str]:
    """Return a circuit as it was sent, and its type."""
    binary = as_bytes(text)
    if binary is None:
        return text.encode(), Parameter("CIRCUIT").mime_type
    return binary, BINARY_TYPE


def _in_memory(content: bytes, mime_type: str) -> Content:
    async def read(start: int, end: int | None) -> AsyncIterator[bytes]:
        yield content[start:end]

    return Content(len(content), mime_type, read)


async def _line(chunks: AsyncIterator[bytes], number: int) -> tuple[int, int]:
    """Return where a line begins and ends, without its newline; counted from 0."""
    begin = offset = 0
    async for chunk in chunks:
        position = 0
        while (found := chunk.find(b"\n", position)) >= 0:
            if number == 0:
                return begin, offset + found
            number -= 1
            position = found + 1
            begin = offset + position
        offset += len(chunk)
    return begin, offset
