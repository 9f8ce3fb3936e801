"""Rows of the database turned into what the rest of the code knows, and the reverse."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.job import ErrorType, Job, JobError, JobRef, Parameter, Result
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.store import tables as t
from quws.store.jobs.judgements import told_of
from quws.store.statements import Statement

_j = t.jobs.c
_r = t.results.c
RESULTS = select(_r.id, _r.artifact, _r.size, _r.mime_type).order_by(_r.position, _r.id)
"""The results of all jobs, each with what `Result` says."""
_RESULTS = Statement(RESULTS.where(_r.job_id == bindparam("of", type_=_r.job_id.type)))

_PHASES = {phase.value: phase for phase in Phase}
_NOT_BEGUN = frozenset({Phase.PENDING, Phase.HELD, Phase.QUEUED, Phase.SUSPENDED})


class UnreadableJob(Exception):
    """The row of a job holds what this release cannot read."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} cannot be read")
        self.job_id = job_id


def phase_of(stored: str) -> Phase:
    """Return a phase as a row has it; UNKNOWN for one that this release does not know."""
    return _PHASES.get(stored, Phase.UNKNOWN)


def select_refs() -> Select[tuple[str, str, str | None, str, datetime]]:
    """Return a query for what :func:`ref_of` reads."""
    return select(_j.id, _j.phase, _j.run_id, _j.owner, _j.creation_time)


def ref_of(row: Any) -> JobRef:
    """Return what the list says of a job."""
    return JobRef(row.id, phase_of(row.phase), row.run_id, row.owner or None, row.creation_time)


def refs_of(rows: Iterable[Any]) -> list[JobRef]:
    """Return what the list says of each job, of rows that have nothing else."""
    return [
        JobRef(job_id, phase_of(phase), run_id, owner or None, created)
        for job_id, phase, run_id, owner, created in rows
    ]


async def job_of(connection: AsyncConnection, row: Any, *, fresh: bool = False) -> Job:
    """Return a whole job, of whose results another query is asked.

    With ``fresh``, for a job that has not ended, only if a circuit of it is done.

    Raises
    ------
    UnreadableJob

    """
    return await connection.run_sync(read_job, row, fresh)


def read_job(connection: Connection, row: Any, fresh: bool = False) -> Job:
    """Return a whole job; see `job_of`."""
    shown = _shows_results(row, fresh=fresh)
    return read_job_alone(row, _RESULTS.all(connection, {"of": row.id}) if shown else ())


def read_job_with(row: Any, results: Iterable[Sequence[Any]]) -> Job:
    """Return a whole job, of whose results there are the rows already; see `job_of`."""
    return read_job_alone(row, results if _shows_results(row) else ())


def _shows_results(row: Any, *, fresh: bool = False) -> bool:
    return bool(row.circuits_done) or not (fresh or row.phase in _NOT_BEGUN)


def read_job_alone(row: Any, results: Iterable[Sequence[Any]] = ()) -> Job:
    """Return a job of its row, with what rows of its results there are.

    Raises
    ------
    UnreadableJob

    """
    try:
        return _read(row, [Result(*item) for item in results])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableJob(row.id) from error


def _read(row: Any, results: list[Result]) -> Job:
    return Job(
        id=row.id,
        owner=row.owner or None,
        run_id=row.run_id,
        phase=phase_of(row.phase),
        target=row.target,
        creation_time=row.creation_time,
        queued_time=row.queued_time,
        start_time=row.start_time,
        end_time=row.end_time,
        destruction_time=row.destruction_time,
        execution_duration=row.execution_duration,
        quote=row.quote,
        attempt=row.attempt,
        circuits=row.circuits,
        circuits_done=row.circuits_done,
        message=row.message,
        parameters=[Parameter(**item) for item in row.parameters],
        spec=JobSpec.load(row.spec | _changed_labels(row)),
        work=row.size,
        calibration_id=row.calibration_id,
        cost_ms=row.cost_ms,
        error=None if row.error is None else _error_of(row.error),
        results=results,
        name=row.name,
        circuits_failed=row.circuits_failed,
        circuits_aborted=row.circuits_aborted,
        quote_low=row.quote_low,
        quote_high=row.quote_high,
        told=told_of(row.told),
        priority=row.priority,
        shots=row.shots,
        timeslot=row.timeslot,
        session=row.session,
    )


def _changed_labels(row: Any) -> dict[str, Any]:
    """Return the labels that were changed after the job was sent."""
    found = {"tags": row.tags, "metadata": row.metadata}
    return {name: value for name, value in found.items() if value is not None}


_TEXT = Parameter("").mime_type


def parameter_json(item: Parameter) -> dict[str, Any]:
    """Return a parameter as its column has it."""
    if item.artifact is None:
        kept = {"name": item.name, "value": item.value}
        return kept if item.mime_type == _TEXT else kept | {"mime_type": item.mime_type}
    return {
        "name": item.name,
        "artifact": item.artifact,
        "size": item.size,
        "mime_type": item.mime_type,
        "is_post": item.is_post,
    } | ({"count": item.count} if item.count > 1 else {})


def error_json(error: JobError) -> dict[str, Any]:
    """Return an error as its column has it."""
    return {
        "type": error.type.value,
        "code": error.code,
        "message": error.message,
        "detail": error.detail,
    }


def _error_of(stored: dict[str, Any]) -> JobError:
    return JobError(**(stored | {"type": ErrorType(stored["type"])}))
