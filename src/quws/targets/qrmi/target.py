"""A resource of QRMI's, which has a queue of its own.

Its tasks are found again by their ids there. It lists none, so a submission that was cut off is
looked for beside it, where the other side can be asked for what it has. It tells neither how many
go before a task nor why one failed: of that there is only its log.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from typing_extensions import override

from quws.domain.errors import InvalidParameter
from quws.domain.extras import MissingExtra
from quws.domain.options import RunOptions
from quws.domain.targets import Calibration, TargetDescription, TargetState
from quws.targets.base import (
    CircuitResult,
    Compiled,
    Doubt,
    Gone,
    RemoteState,
    RemoteStatus,
)
from quws.targets.compiling import check_level
from quws.targets.linked import LinkedTarget, patient

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.targets.qrmi.caller import Caller
    from quws.targets.qrmi.kind import Device, Kind

_TYPES = {
    "iqm-server": "IQMServer",
    "ibm-quantum-compute-service": "IBMQuantumComputeService",
    "qiskit-runtime-service": "IBMQiskitRuntimeService",
}
"""The types whose payloads are written here, and what QRMI's classes call them."""
_OTHERS = (
    "ibm-quantum-system",
    "pasqal-cloud",
    "pasqal-local",
    "alice-bob-felis",
    "oqtopus",
)
_STATUS = {
    "Queued": RemoteStatus.QUEUED,
    "Running": RemoteStatus.RUNNING,
    "Completed": RemoteStatus.DONE,
    "Failed": RemoteStatus.FAILED,
    "Cancelled": RemoteStatus.CANCELLED,
}
_SHORTEST = 35.0
"""A server of IQM's may keep the answer to a look for 30 seconds."""
_LOG_LINES = 20


class Qrmi(LinkedTarget["Caller"]):
    """Runs circuits on a resource that QRMI reaches.

    Parameters
    ----------
    name
        The target's name here.
    resource
        What QRMI calls it: the name of the device there.
    type
        Its type, as in QRMI's configuration: ``iqm-server``, ``ibm-quantum-compute-service`` or
        ``qiskit-runtime-service``.
    settings
        What QRMI reads from the environment elsewhere, by the same names, for instance
        ``QRMI_IQM_ISA_ENDPOINT``.
    timeout
        How many seconds a call may take, before the process that makes it is killed.
    optimization
        How hard the compiler here tries, 0 to 3, where a job does not say.

    """

    # Its calls are made by a program of its own.
    processes = True

    def __init__(
        self,
        name: str,
        *,
        resource: str,
        type: str,
        settings: dict[str, str | int | float | bool],
        timeout: float = 60.0,
        optimization: int = 1,
    ) -> None:
        super().__init__(name, resource)
        check_level(optimization)
        if type not in _TYPES:
            known = ", ".join(_TYPES)
            if type in _OTHERS:
                raise ValueError(
                    f"type {type} takes payloads that no circuits of quws can be written in; those"
                    f" that it can be written in are {known}"
                )
            raise ValueError(f"type is one of {known}, not '{type}'")
        if timeout < _SHORTEST:
            raise ValueError(f"timeout must be at least {_SHORTEST:.0f} seconds")
        self._resource = resource
        self._type = type
        self._settings = {key: str(value) for key, value in settings.items()}
        self._timeout = timeout
        self._optimization = optimization
        self._known: Device | None = None
        self._memory: dict[str, bool] = {}
        """Whether the shots were asked for, of what was submitted by this process."""

    # -- what it is -------------------------------------------------------------------

    @override
    def _import(self) -> None:
        from qiskit.transpiler import generate_preset_pass_manager  # noqa: F401, PLC0415

        import quws.targets.qrmi.caller  # noqa: PLC0415
        import quws.targets.qrmi.ibm  # noqa: PLC0415
        import quws.targets.qrmi.iqm  # noqa: F401, PLC0415

        if find_spec("qrmi") is None:
            # Loaded it is by a program of its own.
            raise MissingExtra("qrmi", "No module named 'qrmi'")

    @override
    def _open(self) -> Caller:
        from quws.targets.qrmi.caller import Caller  # noqa: PLC0415

        kind = _TYPES[self._type]
        return Caller(self._resource, kind, self._settings, limit=self._timeout)

    @property
    def _kind(self) -> type[Kind]:
        if self._type == "iqm-server":
            from quws.targets.qrmi.iqm import IqmKind  # noqa: PLC0415

            return IqmKind
        from quws.targets.qrmi.ibm import IbmKind  # noqa: PLC0415

        return IbmKind

    @property
    def _device(self) -> Device:
        if self._known is None:
            try:
                text = self._there.ask("target")
                self._known = self._kind.device(text, self._optimization)
            except Gone as error:
                raise ConnectionError(str(error)) from error
            except ValueError:
                self._look_why()
                raise
        return self._known

    def _look_why(self) -> None:
        """Raise ConnectionError where nobody answers or lets us in: QRMI tells of no device then.

        It says so elsewhere.
        """
        with contextlib.suppress(Gone):
            if self._kind.asks_status:
                self._there.ask("status")

    @override
    def describe(self) -> TargetDescription:
        return self._device.describe(self.name, f"{self._resource}, by QRMI")

    @override
    def state(self) -> TargetState:
        if not self._kind.asks_status:
            _ = self._device
            return TargetState()
        return self._kind.state(self._there.ask("status"))

    @override
    def calibration(self) -> Calibration | None:
        return self._device.calibration

    @override
    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        return self._device.compile(circuit, options)

    # -- a task there -------------------------------------------------------------------

    @override
    def prepare(self) -> None:
        with patient():
            _ = self._device

    @override
    def submit(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> str:
        from quws.targets.qrmi.caller import CallRefused, CallUncertain  # noqa: PLC0415

        payload = self._device.payload(circuits, options, key)
        self._look_whether_it_is_there()
        try:
            handle = self._there.start(payload.name, **payload.arguments)
        except (CallRefused, Gone) as error:
            raise InvalidParameter(f"{self._resource} does not take the job: {error}") from error
        except CallUncertain as error:
            raise Doubt(str(error)) from error
        self._memory[handle] = options.memory
        return handle

    def _look_whether_it_is_there(self) -> None:
        """Raise ConnectionError where nobody listens: QRMI says no more than that it failed."""
        for key, value in self._settings.items():
            parts = urlsplit(value)
            if not key.endswith("_ENDPOINT") or not parts.hostname:
                continue
            port = parts.port or (443 if parts.scheme == "https" else 80)
            try:
                with socket.create_connection((parts.hostname, port), timeout=self._timeout):
                    pass
            except OSError as error:
                raise ConnectionError(f"{parts.hostname} cannot be reached") from error

    @override
    def find(self, key: str) -> str | None:
        return self._kind.find(self._resource, self._settings, key, timeout=self._timeout)

    @override
    def poll(self, handle: str) -> RemoteState:
        status = _STATUS[self._there.ask("task_status", task=handle)]
        if status in (RemoteStatus.QUEUED, RemoteStatus.RUNNING):
            return RemoteState(status)
        log = "; ".join(self._log(handle))
        return RemoteState(
            status,
            message=log or None if status is RemoteStatus.FAILED else None,
            notes=[f"the log of {handle} at the other side: {log}"] if log else [],
        )

    def _log(self, handle: str) -> list[str]:
        with contextlib.suppress(ConnectionError, Gone):
            lines = str(self._there.ask("task_logs", task=handle)).splitlines()
            return [" ".join(line.split()) for line in lines if line.strip()][-_LOG_LINES:]
        return []

    @override
    def cancel(self, handle: str) -> None:
        self._there.ask("task_stop", task=handle)

    @override
    def fetch(self, handle: str) -> list[CircuitResult]:
        text = self._there.ask("task_result", task=handle)
        found = self._kind.outcomes(text, memory=self._memory.get(handle, True))
        engine = f"{self._resource}, by QRMI"
        return [CircuitResult(counts, memory, engine, 0.0) for counts, memory in found]
