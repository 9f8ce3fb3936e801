"""A request of circuits as Superstaq's clients write it, made to parameters of a job."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic_core import from_json, to_json

from quws.domain.circuits import Language
from quws.domain.compiling import Optimization
from quws.domain.errors import InvalidCircuit, InvalidParameter, KindNotSupported
from quws.domain.kinds import JobKind
from quws.domain.parameters.posted import Posted
from quws.domain.targets import Feature, TargetDescription, TargetKind

METADATA = "superstaq"
"""Under which name the metadata of a job has what the request said beside its circuits."""


class CircuitType(StrEnum):
    """In which library's format circuits are."""

    CIRQ = "cirq"
    QISKIT = "qiskit"


LANGUAGE_OF = {CircuitType.CIRQ: Language.CIRQ_JSON, CircuitType.QISKIT: Language.QPY}


class NewJob(BaseModel):
    """A request of v0.3.0; that of v0.2.0 is made to one."""

    job_type: Literal["submit", "simulate", "compile", "convert"]
    target: str
    circuits: str
    circuit_type: CircuitType
    verbatim: bool = False
    shots: int = Field(0, ge=0, strict=True)
    dry_run: bool = False
    sim_method: Literal["noise-sim", "sim"] | None = None
    tags: list[str] = Field(default_factory=list)
    metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def simulated(self) -> bool:
        """Whether a device is to be simulated, without its noise."""
        return self.dry_run or (self.job_type == "simulate" and self.sim_method != "noise-sim")


def qpy_of(circuits: str) -> bytes:
    """Return the QPY file that Qiskit's circuits came as.

    Raises
    ------
    InvalidCircuit
        It is no base64.

    """
    try:
        return b64decode("".join(circuits.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCircuit("the circuits must be a QPY file in base64") from None


def cirq_circuits(circuits: str) -> list[bytes]:
    """Return Cirq's circuits one by one, of the JSON of one or of a list of them.

    Raises
    ------
    InvalidCircuit
        It is no JSON, of no circuit, or of something else.

    """
    try:
        found = from_json(circuits)
    except ValueError as error:
        raise InvalidCircuit(f"the circuits are no JSON: {str(error)[:200]}") from None
    items = found if isinstance(found, list) else [found]
    if not items:
        raise InvalidCircuit("there are no circuits: send one at least")
    for index, item in enumerate(items):
        if not isinstance(item, dict) or "cirq_type" not in item:
            raise InvalidCircuit(
                f"circuit {index} is not a circuit of Cirq's, as cirq.to_json writes it",
                circuit=index,
            )
    return [to_json(item) for item in items]


def check_job(job: NewJob, target: TargetDescription) -> None:
    """Refuse what cannot be done here, before anything is read.

    Raises
    ------
    KindNotSupported, InvalidParameter

    """
    if job.job_type == "convert":
        raise KindNotSupported("job_type must be submit, simulate or compile, not 'convert'")
    if job.job_type == "compile" and JobKind.COMPILE not in target.job_kinds:
        raise KindNotSupported(f"target {target.name} does not compile alone")
    if job.job_type != "compile" and not job.shots:
        raise InvalidParameter("shots must be a whole number, 1 or more", parameter="shots")
    if job.verbatim and not _runs_as_it_is(target):
        raise InvalidParameter(
            f"verbatim must be false: circuits are always compiled for target {target.name}"
        )
    if job.sim_method == "noise-sim" and target.kind is not TargetKind.EMULATOR:
        raise InvalidParameter(
            f"method 'noise-sim' is for targets that emulate a device, and {target.name} does not"
        )


def _runs_as_it_is(target: TargetDescription) -> bool:
    return target.kind is TargetKind.SIMULATOR or Feature.COMPILING in target.features


def parameters_of(
    job: NewJob, circuits: Sequence[bytes], target: TargetDescription
) -> list[Posted]:
    """Return the parameters of the job that a request asks for."""
    kept = {"circuit_type": job.circuit_type, "job_type": job.job_type, "dry_run": job.dry_run}
    found = [Posted("CIRCUIT", circuit) for circuit in circuits]
    found.append(Posted("LANG", LANGUAGE_OF[job.circuit_type].encode()))
    if job.job_type == "compile":
        found.append(Posted("KIND", JobKind.COMPILE.encode()))
    else:
        found.append(Posted("SHOTS", str(job.shots).encode()))
    if job.verbatim and Feature.COMPILING in target.features:
        found.append(Posted("OPTIMIZATION", Optimization.NONE.encode()))
    found += [Posted("TAG", tag.encode()) for tag in job.tags]
    return [
        *found,
        Posted("TARGET", target.name.encode()),
        Posted("METADATA", json.dumps({**job.metadata, METADATA: kept}).encode()),
        Posted("PHASE", b"RUN"),
    ]


def said_of(metadata: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the request of a job said beside its circuits, and the user's own metadata."""
    own = dict(metadata)
    kept = own.pop(METADATA, None)
    return (kept if isinstance(kept, dict) else {}), own
