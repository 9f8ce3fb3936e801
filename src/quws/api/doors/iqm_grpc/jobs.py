"""The service ``Jobs``: jobs of IQM's circuits, from their making to their results."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID

from quws.api.doors.iqm.measurements import measurements_json
from quws.api.doors.iqm.use import (
    IN_TIMESLOT,
    gave,
    known_here,
    sent,
    snapshot_of,
)
from quws.api.doors.iqm.use import submit as submit_circuits
from quws.api.doors.iqm_grpc.calls import Call
from quws.api.doors.iqm_grpc.chunks import chunks
from quws.api.doors.iqm_grpc.computers import computer_by_id, computer_of
from quws.api.doors.iqm_grpc.errors import JobDeleted, ServerCancel
from quws.api.doors.iqm_grpc.messages import (
    JOB_STATUS,
    JOB_TYPE,
    JobEvent,
    JobInput,
    JobMessage,
    Keepalive,
    read_uuid,
    timestamp,
    uuid_message,
)
from quws.domain.errors import KindNotSupported, NotFound
from quws.domain.job import Job
from quws.domain.phases import FINAL, Phase
from quws.services.snapshots import Snapshot
from quws.services.standing import gone

SERVICE = "Jobs"
_CIRCUIT = JOB_TYPE["CIRCUIT"].number
_STATUS = {
    Phase.PENDING: "IN_QUEUE",
    Phase.HELD: "IN_QUEUE",
    Phase.QUEUED: "IN_QUEUE",
    Phase.SUSPENDED: "IN_QUEUE",
    Phase.EXECUTING: "EXECUTING",
    Phase.COMPLETED: "COMPLETED",
    Phase.ERROR: "FAILED",
}


def job_message(found: Snapshot, computer: Any) -> Any:
    """Write a job; ``computer`` is its target."""
    job, details = found.job, found.details
    status = _status(job)
    times = [entry.time for entry in details.timeline]
    message = JobMessage(
        id=uuid_message(UUID(job.id)),
        type=_CIRCUIT,
        quantum_computer=computer,
        input=JobInput(job_type=_CIRCUIT, shots=job.spec.options.shots_run, circuits=job.circuits),
        status=JOB_STATUS[status].number,
        created_at=timestamp(job.creation_time),
        updated_at=timestamp(max([job.creation_time, *times])),
    )
    if status == "IN_QUEUE" and details.queue_position is not None:
        message.queue_position = details.queue_position
    if job.error is not None:
        message.error = job.error.message
    if job.start_time is not None:
        message.execution_started_at.CopyFrom(timestamp(job.start_time))
        if job.end_time is not None:
            message.execution_ended_at.CopyFrom(timestamp(job.end_time))
    return message


def _status(job: Job) -> str:
    if job.phase is Phase.ABORTED:
        return "CANCELLED" if job.start_time is None else "INTERRUPTED"
    return _STATUS[job.phase]


async def submit(call: Call) -> Any:
    """Make a job of circuits, and queue it."""
    message = call.message
    if message.type != _CIRCUIT:
        raise KindNotSupported("jobs here are of circuits: the type must be CIRCUIT, not PULSE")
    services = call.services
    record = await computer_by_id(services.targets, message.qc_id)
    more = [IN_TIMESLOT] if message.use_timeslot else []
    job = await submit_circuits(services.jobs, call.caller, record, message.payload, *more)
    return await _told(call, await snapshot_of(services.jobs, call.caller, job.id))


async def get(call: Call) -> Any:
    """Tell how a job is."""
    return await _told(call, await _snapshot(call))


async def cancel(call: Call) -> Any:
    """Stop a job that is not over."""
    await call.services.jobs.control.abort(call.caller, _id(call))
    return await _told(call, await _snapshot(call))


async def subscribe(call: Call) -> AsyncGenerator[Any, None]:
    """Tell how a job is now, and again after every change, until it is over.

    What is told between, where nothing has changed, says that the stream is open still.
    """
    follower, job_id = call.services.jobs.follower, _id(call)
    computer = seen = found = None
    async with aclosing(follower.follow(call.caller, job_id)) as snapshots:
        try:
            async for found in snapshots:
                known_here(found)
                if computer is None:
                    computer = await computer_of(call.services.targets, found.job.target)
                message = job_message(found, computer)
                if message == seen:
                    yield JobEvent(keepalive=Keepalive())
                else:
                    seen = message
                    yield JobEvent(update=message)
        except NotFound:
            if seen is None:
                raise
            raise JobDeleted(f"job {job_id} was deleted") from None
    if found is not None and found.job.phase in FINAL:
        return
    if not follower.closing.is_set():
        raise gone()
    raise ServerCancel("this process is about to end; subscribe again in some seconds")


async def payload(call: Call) -> AsyncGenerator[Any, None]:
    """Return the request that the job was made of."""
    job = (await _snapshot(call)).job
    async for chunk in chunks(await sent(call.services.jobs.files, job)):
        yield chunk


async def results(call: Call) -> AsyncGenerator[Any, None]:
    """Return the bits of each shot, as JSON: by measurement key, of one circuit after the other."""
    job = (await _snapshot(call)).job
    async for chunk in chunks(await gave(call.services.jobs.files, job, measurements_json)):
        yield chunk


def _id(call: Call) -> str:
    return str(read_uuid(call.message.id, "id"))


async def _snapshot(call: Call) -> Snapshot:
    return await snapshot_of(call.services.jobs, call.caller, _id(call))


async def _told(call: Call, found: Snapshot) -> Any:
    return job_message(found, await computer_of(call.services.targets, found.job.target))


FUNCTIONS = {
    "SubmitJobV1": submit,
    "GetJobV1": get,
    "SubscribeToJobV1": subscribe,
    "GetJobPayloadV1": payload,
    "GetJobResultsV1": results,
    "CancelJobV1": cancel,
}
