"""What the circuits of a job gave, read piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from quws.domain.job import Job, circuits_of
from quws.domain.outcomes import DOCUMENT, CircuitOutcome, read_circuits, read_job
from quws.services.jobs.files import JobFiles


async def outcomes_of(
    files: JobFiles, job: Job, wanted: range | None = None
) -> AsyncIterator[Sequence[CircuitOutcome]]:
    """Yield what circuits gave, in their order: those of a batch in the pieces in which they lie.

    So no more of a large batch is held than one of its files. Where only some are wanted, pieces
    that have none of these are left out.

    Raises
    ------
    NotFound
        There are no outcomes yet, or they are gone.
    UnreadableOutcomes
        Another version has written them.

    """
    document = DOCUMENT[job.spec.kind]
    parts = [item for item in job.results if item.id.startswith(f"{document}-")]
    for item in sorted(parts, key=lambda item: circuits_of(item.id).start):
        there = circuits_of(item.id)
        if wanted is not None and (there.stop <= wanted.start or there.start >= wanted.stop):
            continue
        yield await asyncio.to_thread(read_circuits, await _content(files, job, item.id))
    if not parts:
        found = await _content(files, job, document)
        named = any(item.id == "memory" for item in job.results)
        memory = await _content(files, job, "memory") if named else None
        yield (await asyncio.to_thread(read_job, found, memory)).circuits


async def _content(files: JobFiles, job: Job, result_id: str) -> bytes:
    return await (await files.result(job, result_id)).whole()
