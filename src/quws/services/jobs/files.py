"""The bytes that belong to a job: its parameters, its circuits and its results."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from quws.artifacts import ArtifactMissing, ArtifactStore, ArtifactStoreUnavailable
from quws.artifacts.parameters import read_circuits, read_parameter
from quws.domain.errors import NotFound
from quws.domain.job import Job, Parameter, Result
from quws.domain.parameters.posted import Posted
from quws.store.jobs.store import JobStore


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a result or a parameter: how many, what, and a way to read a part."""

    size: int
    mime_type: str
    read: Callable[[int, int | None], AsyncIterator[bytes]]


class JobFiles:
    """The files of jobs. Whoever has the job in hand was asked already whether it is theirs."""

    def __init__(self, store: JobStore, artifacts: ArtifactStore) -> None:
        self._store = store
        self._artifacts = artifacts

    def result(self, job: Job, result_id: str) -> Content:
        """Return the content of one result of a job.

        Raises
        ------
        NotFound
            The job has no such result.

        """
        for item in job.results:
            if item.id == result_id:
                return self._content(item)
        known = ", ".join(item.id for item in job.results) or "none yet"
        raise NotFound(f"job {job.id} has no result '{result_id[:60]}'; it has: {known}")

    def parameter(self, job: Job, name: str, position: int = 0) -> Content:
        """Return the content of a parameter; ``position`` counts the repetitions of its name.

        Raises
        ------
        NotFound
            The job has no such parameter, or fewer of this name.

        """
        found = [item for item in job.parameters if item.name.upper() == name.upper()]
        if position >= len(found):
            raise NotFound(f"job {job.id} has no parameter '{name[:60]}'")
        return self._content(found[position])

    async def circuits(self, job: Job, only: int | None = None) -> list[str]:
        """Return the circuits of a job: all, or ``only`` the one of an index.

        Raises
        ------
        NotFound
            Their files are gone.

        """
        try:
            return await read_circuits(self._artifacts, job.parameters, only)
        except ArtifactMissing:
            raise NotFound("the circuits are not there any more") from None

    async def posted(self, parameter: Parameter) -> Posted:
        """Return a parameter as it was posted.

        Raises
        ------
        NotFound
            Its file is gone.

        """
        try:
            value = await read_parameter(self._artifacts, parameter)
        except ArtifactMissing:
            raise NotFound("the file is not there any more") from None
        return Posted(parameter.name, value, parameter.mime_type, parameter.by_reference)

    async def drop(self, job_id: str) -> None:
        """Delete all files of a job that is gone, now or by the next sweep."""
        try:
            await self._artifacts.delete(job_id)
        except ArtifactStoreUnavailable:
            return  # The prefix is on the list of garbage, or a sweep finds it as an orphan.
        await self._store.garbage.forget(job_id)

    def _content(self, item: Result | Parameter) -> Content:
        if item.artifact is None:
            assert isinstance(item, Parameter)
            content = (item.value or "").encode()

            async def inline(start: int, end: int | None) -> AsyncIterator[bytes]:
                yield content[start:end]

            return Content(len(content), item.mime_type, inline)
        key = item.artifact

        async def stored(start: int, end: int | None) -> AsyncIterator[bytes]:
            try:
                async for chunk in self._artifacts.stream(key, start, end):
                    yield chunk
            except ArtifactMissing:
                raise NotFound("the file is not there any more") from None

        return Content(item.size, item.mime_type, stored)
