"""A request of circuits as IQM's clients write it: made to parameters of a job, and again itself.

Each of its circuits is a CIRCUIT of the job, and its shots are SHOTS. What else it says is kept in
the metadata of the job.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from quws.api.kit.body import MalformedBody
from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.parameters.posted import Posted
from quws.domain.words import first_fault

METADATA = "iqm"
"""Under which name the metadata of a job has what the request said beside its circuits."""


class QubitName(BaseModel):
    """What a qubit is called in the circuits, and on the target."""

    logical_name: str
    physical_name: str


_MAPPING = TypeAdapter(list[QubitName])


class CircuitsRequest(BaseModel):
    """What is asked for; fields that are not known here are kept as they came."""

    model_config = ConfigDict(extra="allow")

    circuits: list[Any] = Field(min_length=1)
    shots: int = Field(1, gt=0)
    calibration_set_id: UUID | None = None
    qubit_mapping: list[QubitName] | None = None
    heralding_mode: Literal["none", "zeros"] = "none"
    dd_mode: Literal["disabled", "enabled"] = "disabled"
    active_reset_cycles: int | None = None
    max_circuit_duration_over_t2: float | None = None

    def without_effect(self) -> list[str]:
        """Name what was asked for and makes no difference on targets of this service."""
        found = []
        if self.dd_mode == "enabled":
            found.append("dd_mode: no pulses are put between the gates")
        if self.active_reset_cycles:
            found.append("active_reset_cycles: each shot begins with all qubits in the state 0")
        return found


def read_request(body: bytes) -> CircuitsRequest:
    """Read the body of a request.

    Raises
    ------
    MalformedBody
        It is no JSON, or of another shape.

    """
    try:
        return CircuitsRequest.model_validate(from_json(body, allow_inf_nan=False))
    except ValidationError as error:
        place, why = first_fault(error)
        where = f" at '{place[:60]}'" if place else ""
        raise MalformedBody(f"the request is not right{where}: {why}") from None
    except ValueError as error:
        raise MalformedBody(f"the request is no JSON: {str(error)[:200]}") from None


def parameters_of(request: CircuitsRequest, target: str, present: UUID) -> list[Posted]:
    """Return the parameters of the job that a request asks for.

    Parameters
    ----------
    present
        The calibration set that the target has now.

    Raises
    ------
    InvalidParameter, InvalidCircuit
        It asks for what cannot be done here.

    """
    if request.calibration_set_id not in (None, present):
        raise InvalidParameter(
            f"calibration_set_id must be null or {present}, which target {target} has now, not"
            f" {request.calibration_set_id}"
        )
    if request.heralding_mode != "none":
        raise InvalidParameter(
            "heralding_mode must be 'none': no shots are left out here, since each begins with all"
            " qubits in the state 0"
        )
    names = _physical(request.qubit_mapping or [])
    found = []
    for index, circuit in enumerate(request.circuits):
        if isinstance(circuit, str):
            raise InvalidCircuit(
                f"circuits[{index}] is a text, as QIR is; here it must be an object with"
                " 'instructions'",
                circuit=index,
            )
        _rename(circuit, names)
        found.append(Posted("CIRCUIT", to_json(circuit)))
    kept = request.model_dump(mode="json", exclude={"circuits", "shots"}, exclude_unset=True)
    single = {
        "LANG": Language.IQM_JSON,
        "SHOTS": str(request.shots),
        "MEMORY": "true",
        "TARGET": target,
        "METADATA": json.dumps({METADATA: kept}),
        "PHASE": "RUN",
    }
    return found + [Posted(name, value.encode()) for name, value in single.items()]


def rest_of(metadata: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a request said beside circuits and shots, and what it called its qubits.

    ``metadata`` is that of the job that was made of it.
    """
    kept = metadata.get(METADATA)
    rest = dict(kept) if isinstance(kept, dict) else {}
    try:
        mapping = _MAPPING.validate_python(rest.get("qubit_mapping") or [])
    except ValidationError:
        # Whoever sends a job otherwise may write into its metadata what they like.
        mapping = []
    return rest, {item.physical_name: item.logical_name for item in mapping}


def circuit_again(text: str, names: dict[str, str]) -> str | None:
    """Return a circuit as it was sent, with these names of qubits; None if it is none of IQM's."""
    circuit = circuit_of(text)
    if circuit is None:
        return None
    _rename(circuit, names)
    return to_json(circuit).decode()


def circuit_of(text: str) -> dict[str, Any] | None:
    """Return a circuit in IQM's format as an object; None if it is none."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = from_json(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "instructions" in found else None


def _physical(mapping: Sequence[QubitName]) -> dict[str, str]:
    names = {item.logical_name: item.physical_name for item in mapping}
    if not len(names) == len(set(names.values())) == len(mapping):
        raise InvalidParameter("qubit_mapping names a qubit twice")
    return names


def _rename(circuit: Any, names: dict[str, str]) -> None:
    """Call the qubits of a circuit by other names; what is no circuit is left for its reader."""
    instructions = circuit.get("instructions") if isinstance(circuit, dict) and names else None
    for instruction in instructions if isinstance(instructions, list) else ():
        if not isinstance(instruction, dict):
            continue
        for field in ("locus", "qubits"):
            if isinstance(instruction.get(field), list):
                instruction[field] = [_named(name, names) for name in instruction[field]]
        arguments = instruction.get("args")
        if isinstance(arguments, dict) and "feedback_qubit" in arguments:
            arguments["feedback_qubit"] = _named(arguments["feedback_qubit"], names)


def _named(name: Any, names: dict[str, str]) -> Any:
    return names.get(name, name) if isinstance(name, str) else name
