"""What a Qiskit backend says of itself, in the service's own terms."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from quws.domain.circuits import CircuitLimits
from quws.domain.kinds import JobKind
from quws.domain.targets import (
    Calibration,
    Feature,
    TargetDescription,
    TargetKind,
    TargetState,
    TargetStatus,
)
from quws.targets.properties import gates_of, read_target

_ANY_QUBITS = 64
_MOST_CIRCUITS = 300


def name_of(backend: Any) -> str:
    """Return what a backend is called."""
    return str(getattr(backend, "name", None) or type(backend).__name__)


def options_of(backend: Any) -> frozenset[str]:
    """Return the names of the options that its runs take."""
    options = backend.options
    return frozenset(getattr(options, "__dict__", {})) | frozenset(getattr(options, "_fields", {}))


def describe(
    name: str,
    backend: Any,
    target: Any,
    *,
    kind: TargetKind,
    title: str | None,
    memory: bool,
    seed: bool,
    exclusive: bool,
) -> TargetDescription:
    """Describe a backend.

    Parameters
    ----------
    name
        What it is called here.
    target
        The backend's, which some build anew at every look.
    memory, seed
        Whether it gives the bits of each shot, and takes a seed.

    """
    names = set(target.operation_names)
    qubits = target.num_qubits or _ANY_QUBITS
    coupling = target.build_coupling_map()
    features = [Feature.MID_CIRCUIT, Feature.COMPILING, Feature.MITIGATION]
    features += [Feature.MEMORY] if memory else []
    features += [Feature.SEED] if seed else []
    features += [Feature.RESET] if "reset" in names else []
    features += [Feature.CONTROL_FLOW] if "if_else" in names else []
    features += [Feature.DELAY] if "delay" in names else []
    most = getattr(backend, "max_circuits", None)
    return TargetDescription(
        name=name,
        kind=kind,
        title=title or name_of(backend),
        qubits=qubits,
        job_kinds=list(JobKind),
        native_gates=[] if coupling is None else gates_of(target),
        coupling=None
        if coupling is None
        else sorted({(min(pair), max(pair)) for pair in coupling.get_edges()}),
        time_unit=target.dt,
        features=features,
        circuit_limits=CircuitLimits(qubits=qubits, operations=1_000_000),
        max_circuits=_MOST_CIRCUITS if most is None else most,
        exclusive=exclusive,
    )


def guess_kind(target: Any) -> TargetKind:
    """Return what a backend on this machine seems to be."""
    # What stands for a device has its coupling, and errors even if it does not tell them.
    if target.build_coupling_map() is not None:
        return TargetKind.EMULATOR
    _, gates = read_target(target)
    return TargetKind.EMULATOR if any(item.error for item in gates) else TargetKind.SIMULATOR


def read_state(backend: Any) -> TargetState:
    """Return whether a backend takes work, as far as it says."""
    status = getattr(backend, "status", None)
    if not callable(status):
        return TargetState()
    found = status()
    if getattr(found, "operational", True):
        return TargetState()
    return TargetState(
        status=TargetStatus.OFFLINE, message=getattr(found, "status_msg", None) or None
    )


def read_calibration(backend: Any, target: Any) -> Calibration:
    """Return the calibration of a backend. What is the same has the same id."""
    qubits, gates = read_target(target)
    content = json.dumps([item.model_dump() for item in (*qubits, *gates)], sort_keys=True)
    return Calibration(
        id=hashlib.sha256(content.encode()).hexdigest()[:16],
        time=_calibrated(backend),
        qubits=qubits,
        gates=gates,
    )


def _calibrated(backend: Any) -> datetime:
    """Return when a backend was calibrated; now, if it does not say."""
    properties = getattr(backend, "properties", None)
    if callable(properties):
        when = getattr(properties(), "last_update_date", None)
        if isinstance(when, datetime):
            return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return datetime.now(UTC).replace(microsecond=0)
