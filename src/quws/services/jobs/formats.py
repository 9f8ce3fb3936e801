"""Results in other formats than those in which they are kept, made while they are read."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from quws.domain.errors import InvalidFilter, NotFound
from quws.domain.formats import MEDIA_TYPES, Format, media_type, named
from quws.domain.job import Job, circuits_of
from quws.domain.outcome_parts import Extent, extents, read_head
from quws.domain.outcomes import DOCUMENT, UnreadableOutcomes
from quws.schemas.outcomes import comma, packed, parquet, votable
from quws.schemas.outcomes.tables import MEMORY, Frame, Row, streamed_rows, table_named, ways_of
from quws.services.jobs.files import Content, JobFiles
from quws.services.pulled import made_aside, pulled

_TABLES = (Format.VOTABLE, Format.JSON, Format.CSV, Format.PARQUET)
_NAME = "RESPONSEFORMAT"
_HEAD_BYTES = 64 * 1024
"""More than a document of outcomes says of its job before its circuits."""


@dataclass(frozen=True, slots=True)
class Made:
    """A result that is made while it is sent: nobody knows yet how many bytes it has."""

    mime_type: str
    read: Callable[[], AsyncIterator[bytes]]


class JobFormats:
    """Gives results of a job in the format that somebody wants."""

    def __init__(self, files: JobFiles) -> None:
        self._files = files

    async def result(self, job: Job, result_id: str, wanted: str) -> Content | Made:
        """Return a result in a format: as it is kept, or made of what is kept.

        Parameters
        ----------
        wanted
            A short name or a media type.

        Raises
        ------
        NotFound
            The job has no such result.
        InvalidFilter
            There is no such format, or the result cannot be had in it.

        """
        table = _table_of(job, result_id)
        own = await self._files.result(job, result_id) if table is None else None
        form = named(wanted)
        allowed = _formats_of(table, own)
        if form is None or form not in allowed:
            raise InvalidFilter(
                f"{_NAME} of the result '{result_id[:60]}' must be {_listed(allowed)}, not"
                f" '{wanted[:40]}'",
                parameter=_NAME,
            )
        mime_type = media_type(wanted, form)
        kept = own if table is None else await self._kept(job, result_id, table, form)
        if kept is not None:
            return dataclasses.replace(kept, mime_type=mime_type)
        assert table is not None
        if form is Format.PARQUET and not parquet.installed():
            raise InvalidFilter(
                "this service has no Parquet: install quws[parquet]", parameter=_NAME
            )
        source = _document(table, result_id)
        document = await self._files.result(job, source)
        # That of one circuit says nothing of its job.
        versions = {} if circuits_of(source) else await versions_in(document)
        return Made(mime_type, lambda: _made(job, table, form, document, versions))

    async def _kept(self, job: Job, result_id: str, table: str, form: Format) -> Content | None:
        """Return the file that has just that, if there is one."""
        if form is Format.JSON:
            return await self._files.result(job, _document(table, result_id))
        is_whole = result_id in ("result", table) and table != MEMORY
        if is_whole and form.value == job.spec.response_format.value:
            return await self._files.result(job, "result")
        return None


def _table_of(job: Job, result_id: str) -> str | None:
    """Return of which table a result is all, or a part; None where it is of none.

    Raises
    ------
    NotFound
        The job has not, or not yet, what the table is of.

    """
    whole = DOCUMENT[job.spec.kind]
    if result_id in ("result", whole, MEMORY):
        table = MEMORY if result_id == MEMORY else whole
        if not any(item.id == table for item in job.results):
            known = ", ".join(item.id for item in job.results) or "none yet"
            raise NotFound(f"job {job.id} has no result '{result_id}'; it has: {known}")
        return table
    return result_id.partition("-")[0] if circuits_of(result_id) else None


def offered(job: Job, result_id: str) -> list[Format]:
    """Return the formats in which a result of a job can be had here, if it is a table."""
    table = _table_of(job, result_id)
    if table is None:
        return []
    return [
        item
        for item in _formats_of(table, None)
        if item is not Format.PARQUET or parquet.installed()
    ]


def _document(table: str, result_id: str) -> str:
    """Return the result that has it as JSON."""
    return result_id if circuits_of(result_id) else table


def _formats_of(table: str | None, own: Content | None) -> list[Format]:
    if table is not None:
        return [*_TABLES, Format.NPZ] if table == MEMORY else list(_TABLES)
    assert own is not None
    kind = own.mime_type.partition(";")[0]
    return [item for item, mime_type in MEDIA_TYPES.items() if mime_type == kind]


def _listed(allowed: list[Format]) -> str:
    return f"one of {', '.join(allowed)}" if allowed else "left out: it has one format"


async def versions_in(document: Content) -> dict[str, str]:
    """Return the versions of libraries that the document of a job's outcomes begins with."""
    loop = asyncio.get_running_loop()

    def read() -> dict[str, str]:
        try:
            found = read_head(pulled(document.read(0, _HEAD_BYTES), loop))
        except UnreadableOutcomes:
            return {}
        return dict(found.get("versions") or {})

    return await asyncio.to_thread(read)


async def _made(
    job: Job, table: str, form: Format, document: Content, versions: dict[str, str]
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()

    def chunks() -> Iterator[bytes]:
        return pulled(document.read(0, None), loop)

    # Twice through it: what stands at the beginning of a table is known at the end of a document.
    found = await asyncio.to_thread(lambda: extents(chunks()))
    async for piece in made_aside(_pieces(job, table, form, found, versions, chunks)):
        if piece:
            yield piece


def _pieces(
    job: Job,
    table: str,
    form: Format,
    found: list[Extent],
    versions: dict[str, str],
    chunks: Callable[[], Iterator[bytes]],
) -> Iterator[bytes]:
    if form is Format.NPZ:
        return packed.written(chunks(), found)
    registers = [(item.index, item.registers) for item in found]
    shots = job.spec.options.shots_run
    ways = ways_of(item.mitigation for item in found)
    frame = Frame(
        table_named(table, mitigated=bool(ways)),
        job.id,
        job.target,
        shots,
        registers,
        versions,
        ways,
    )
    rows: Iterator[list[Row]] = streamed_rows(frame.table, chunks(), found)
    match form:
        case Format.PARQUET:
            return parquet.written(frame, rows)
        case Format.CSV:
            return map(str.encode, comma.written(frame, rows))
        case _:
            return map(str.encode, votable.written(frame, rows))
