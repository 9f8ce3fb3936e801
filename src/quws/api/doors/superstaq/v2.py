"""Version v0.2.0 of the protocol: each circuit of a request is a job of its own to the client.

Here they are one job: circuit K of it is ``JOB:K``.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quws.api.doors.superstaq.job import Found, compiled_together, find_job
from quws.api.doors.superstaq.names import user_document, user_id
from quws.api.doors.superstaq.request import CircuitType, NewJob
from quws.api.doors.superstaq.use import records_of, submit, target_info, target_of, target_rows
from quws.api.kit.json_body import read_json
from quws.api.kit.routing import PlainRoute
from quws.api.kit.services import caller_of, jobs_of
from quws.domain.errors import InvalidParameter, NotFound, Refusal
from quws.domain.phases import Phase
from quws.domain.targets import MOST_CIRCUITS

PREFIX = "/v0.2.0"
_STATUS = {
    "received": "Submitted",
    "awaiting_compile": "Queued",
    "compiling": "Running",
    "pending": "Queued",
    "running": "Running",
    "completed": "Done",
    "failed": "Failed",
}
_UNDER_WAY = frozenset({Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED})
_CANCELLED = {CircuitType.CIRQ: "Canceled", CircuitType.QISKIT: "Cancelled"}
"""Each library knows one spelling, and not the other."""

router = APIRouter(route_class=PlainRoute, prefix=PREFIX, include_in_schema=False)


class OldJob(BaseModel):
    """A request of circuits."""

    cirq_circuits: str | None = None
    qiskit_circuits: str | None = None
    target: str
    shots: int = Field(0, ge=0, strict=True)
    method: str | None = None
    options: str = "{}"

    def circuits(self) -> tuple[str, CircuitType]:
        """Return the circuits, and whose they are.

        Raises
        ------
        InvalidParameter

        """
        if self.cirq_circuits is not None and self.qiskit_circuits is None:
            return self.cirq_circuits, CircuitType.CIRQ
        if self.qiskit_circuits is not None and self.cirq_circuits is None:
            return self.qiskit_circuits, CircuitType.QISKIT
        raise InvalidParameter("send either cirq_circuits or qiskit_circuits")

    def verbatim(self) -> bool:
        """Whether the circuits are to run as they are.

        Raises
        ------
        InvalidParameter

        """
        try:
            options = from_json(self.options)
        except ValueError:
            options = None
        if not isinstance(options, dict):
            raise InvalidParameter("options must be the JSON of an object", parameter="options")
        return options.get("verbatim") is True


class Ids(BaseModel):
    """Which circuits are meant, of which jobs."""

    job_ids: list[str] = Field(max_length=MOST_CIRCUITS)

    def by_job(self) -> dict[str, list[int]]:
        """Return the indices of circuits by their jobs.

        Raises
        ------
        NotFound
            One is no id.

        """
        found: dict[str, list[int]] = {}
        for item in self.job_ids:
            job, _, index = item.partition(":")
            if not (index.isascii() and index.isdigit() and len(index) <= len(str(MOST_CIRCUITS))):
                raise NotFound(f"there is no job {item[:60]}")
            found.setdefault(job, []).append(int(index))
        return found


class TargetQuestion(BaseModel):
    """Which target is asked about."""

    target: str


class TargetFilter(BaseModel):
    """Which targets are asked for."""

    simulator: bool | None = None
    supports_submit: bool | None = None
    supports_submit_qubo: bool | None = None
    supports_compile: bool | None = None
    available: bool | None = None
    retired: bool | None = None
    accessible: bool | None = None


@router.get("")
async def get_version(request: Request) -> Response:
    """Say that this version is spoken."""
    return JSONResponse({}, headers={"superstaq_version": "0.2.0"})


@router.post("/jobs")
async def create_jobs(request: Request) -> Response:
    """Make a job of circuits, and queue it."""
    old = await read_json(request, OldJob)
    circuits, circuit_type = old.circuits()
    if old.method not in (None, "dry-run", "sim", "noise-sim"):
        raise InvalidParameter(f"method must be dry-run, sim or noise-sim, not '{old.method[:40]}'")
    new = NewJob(
        job_type="simulate" if old.method in ("sim", "noise-sim") else "submit",
        target=old.target,
        circuits=circuits,
        circuit_type=circuit_type,
        verbatim=old.verbatim(),
        shots=old.shots,
        dry_run=old.method == "dry-run",
        sim_method="noise-sim" if old.method == "noise-sim" else None,
    )
    job = await submit(request, new)
    ids = [f"{job.id}:{index}" for index in range(job.circuits)]
    return JSONResponse({"job_ids": ids, "status": "Submitted"})


@router.post("/fetch_jobs")
async def fetch_jobs(request: Request) -> Response:
    """Show circuits, with what they gave."""
    told: dict[str, Any] = {}
    for job_id, indices in (await read_json(request, Ids)).by_job().items():
        found = await find_job(request, job_id, indices)
        for index in indices:
            told[f"{job_id}:{index}"] = _circuit(found, index)
    return JSONResponse(told)


@router.post("/cancel_jobs")
async def cancel_jobs(request: Request) -> Response:
    """Stop circuits that are not over; the others of their jobs go on."""
    jobs, caller = jobs_of(request), caller_of(request)
    wanted = (await read_json(request, Ids)).by_job()
    # All of them, before any is stopped.
    numbers = {job_id: (await jobs.reader.get(caller, job_id)).circuits for job_id in wanted}
    succeeded: list[str] = []
    refusal: Refusal | None = None
    for job_id, indices in wanted.items():
        stopped = set(indices)
        try:
            if stopped == set(range(numbers[job_id])):
                await jobs.control.abort(caller, job_id)
            else:
                stopped = await jobs.circuits.abort(caller, job_id, stopped)
        except Refusal as error:
            refusal = refusal or error
            continue
        succeeded += [f"{job_id}:{index}" for index in sorted(stopped)]
    if refusal is not None and not succeeded:
        raise refusal
    return JSONResponse({"succeeded": succeeded})


@router.post("/compile")
@router.post("/aqt_compile")
@router.post("/qscout_compile")
async def compile_circuits(request: Request) -> Response:
    """Have circuits compiled, wait for it, and return them."""
    old = await read_json(request, OldJob)
    circuits, circuit_type = old.circuits()
    new = NewJob(
        job_type="compile",
        target=old.target,
        circuits=circuits,
        circuit_type=circuit_type,
        verbatim=old.verbatim(),
    )
    job = await submit(request, new)
    caller, follower = caller_of(request), jobs_of(request).follower
    phase = job.phase
    while phase in _UNDER_WAY:
        waiting = follower.wait(caller, job.id, -1, phase, blocking=_UNDER_WAY)
        before, phase = phase, (await waiting).job.phase
        if phase is before:
            sentence = f"job {job.id} is {phase} still, and goes on; send fewer circuits"
            return JSONResponse({"message": sentence}, 504)
    return JSONResponse(await compiled_together(request, job.id))


@router.get("/balance")
async def get_balance(request: Request) -> Response:
    """Say what the caller has to spend: nothing costs anything here."""
    return JSONResponse({"balance": 0.0})


@router.get("/user_info")
async def get_user(request: Request) -> Response:
    """Say who asks, without the token."""
    caller = caller_of(request)
    return JSONResponse({str(user_id(caller)): user_document(caller)})


@router.post("/targets")
async def get_targets(request: Request) -> Response:
    """List the targets of which all is true that the body says."""
    asked = (await read_json(request, TargetFilter)).model_dump(exclude_none=True)
    found = target_rows(await records_of(request), asked)
    return JSONResponse({"superstaq_targets": found})


@router.post("/target_info")
async def get_target_info(request: Request) -> Response:
    """Tell what is known of a target."""
    question = await read_json(request, TargetQuestion)
    return JSONResponse({"target_info": target_info(await target_of(request, question.target))})


def _circuit(found: Found, index: int) -> dict[str, Any]:
    job = found.job
    if index >= job.circuits:
        raise NotFound(f"there is no job {job.id}:{index}")
    status, message = found.statuses[index], found.messages[index]
    compiled = found.compiled[index]
    told = {
        "status": _STATUS.get(status, _CANCELLED[found.circuit_type]),
        "target": found.target,
        "shots": job.spec.options.shots,
        "num_qubits": found.qubits[index],
        "samples": found.counts[index],
        "input_circuit": found.inputs[index],
        "compiled_circuit": None if compiled is None else compiled.text,
        "provider_id": None,
        "circuit_type": found.circuit_type,
        "data": None,
        "state_vector": None,
        "pulse_gate_circuits": None,
    }
    if message is not None:
        told["failure"] = {"error": message}
    return told
