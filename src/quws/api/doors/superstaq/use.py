"""What both versions of the protocol do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from quws.api.doors.superstaq.names import find_target, target_name
from quws.api.doors.superstaq.request import (
    CircuitType,
    NewJob,
    check_job,
    cirq_circuits,
    parameters_of,
    qpy_of,
)
from quws.api.kit.services import batches_of, caller_of, jobs_of, targets_of
from quws.domain.errors import InvalidParameter, UnknownTarget
from quws.domain.job import Job
from quws.domain.kinds import JobKind
from quws.domain.targets import TargetDescription, TargetKind, TargetRecord, TargetStatus


async def records_of(request: Request) -> list[TargetRecord]:
    """Return the targets that take jobs."""
    reports = await targets_of(request).all()
    return [item.record for item in reports if item.record.objection is None]


async def target_of(request: Request, name: str) -> TargetDescription:
    """Find a target that takes jobs.

    Raises
    ------
    UnknownTarget

    """
    known = [
        record.description
        for record in await records_of(request)
        if record.state.status is not TargetStatus.RETIRED
    ]
    found = find_target(name, known)
    if found is None:
        names = ", ".join(map(target_name, known)) or "none yet"
        raise UnknownTarget(f"there is no target '{name[:60]}'; there are: {names}")
    return found


async def submit(request: Request, job: NewJob) -> Job:
    """Make the job that a request asks for, and queue it.

    Raises
    ------
    Refusal
        As with any other job.

    """
    target = await target_of(request, job.target)
    check_job(job, target)
    if job.simulated and target.kind is not TargetKind.SIMULATOR:
        target = await _simulator(request, target)
    caller = caller_of(request)
    if job.circuit_type is CircuitType.QISKIT:
        file = await asyncio.to_thread(qpy_of, job.circuits)
        circuits = await batches_of(request).of_qpy(caller, file, target)
    else:
        circuits = await asyncio.to_thread(cirq_circuits, job.circuits)
    return await jobs_of(request).submission.submit(caller, parameters_of(job, circuits, target))


async def _simulator(request: Request, device: TargetDescription) -> TargetDescription:
    """Find what computes for a device that is not to run itself."""
    for record in await records_of(request):
        if record.description.kind is TargetKind.SIMULATOR and record.state.takes_work:
            return record.description
    raise InvalidParameter(
        f"a simulation instead of {device.name} is not possible: no simulator is there"
    )


def target_info(target: TargetDescription) -> dict[str, Any]:
    """Return what clients may know of a target."""
    coupling = target.coupling
    return {
        "num_qubits": target.qubits,
        "target": target_name(target),
        "target_description": target.title,
        "native_gate_set": target.native_gates or None,
        "coupling_map": None if coupling is None else [list(pair) for pair in coupling],
        "max_circuits": target.max_circuits,
        "max_experiments": target.max_circuits,
        "max_shots": target.max_shots,
        "supports_midcircuit_measurement": "mid-circuit measurement" in target.features,
        "simulator": target.kind is TargetKind.SIMULATOR,
    }


def target_rows(
    records: Sequence[TargetRecord], wanted: Mapping[str, bool]
) -> dict[str, dict[str, bool]]:
    """Return what a list of targets says of those of which all is true that is asked for."""
    rows = {target_name(record.description): target_row(record) for record in records}
    return {
        name: row
        for name, row in rows.items()
        if all(row.get(flag, value) is value for flag, value in wanted.items())
    }


def target_row(record: TargetRecord) -> dict[str, bool]:
    """Return what a list of targets says of one, beside its name."""
    target, state = record.description, record.state
    retired = state.status is TargetStatus.RETIRED
    return {
        "supports_submit": not retired,
        "supports_submit_qubo": False,
        "supports_compile": not retired and JobKind.COMPILE in target.job_kinds,
        "available": state.takes_work,
        "retired": retired,
        "simulator": target.kind is TargetKind.SIMULATOR,
        "accessible": True,
    }
