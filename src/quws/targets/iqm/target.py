"""A machine of IQM's, which has a queue of its own.

Its jobs are found again by their ids there. A server of IQM's lists no jobs, so a submission that
was cut off stays in doubt; its tag, by which people find it there, is our key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from typing_extensions import override

from quws.domain.extras import brought_by
from quws.domain.options import RunOptions
from quws.domain.targets import Calibration, TargetDescription, TargetState
from quws.targets.base import (
    CircuitResult,
    Compiled,
    RemoteState,
    RemoteStatus,
)
from quws.targets.compiling import check_level
from quws.targets.iqm.doubts import unlisted
from quws.targets.iqm.results import read_counts, read_measurements
from quws.targets.linked import LinkedTarget, patient, split_url

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.targets.iqm.machine import Machine
    from quws.targets.iqm.site import Site

_LOCAL = ("localhost", "127.0.0.1")
_STATUS = {
    "waiting": RemoteStatus.QUEUED,
    "processing": RemoteStatus.RUNNING,
    "completed": RemoteStatus.DONE,
    "failed": RemoteStatus.FAILED,
    "cancelled": RemoteStatus.CANCELLED,
}
_RAN = (("execution_started", "execution_ended"), ("received", "completed"))
"""Steps between which a job runs, the better ones first."""
_OUR_FAULT = ("invalid", "validation", "refused")
"""What the code of an error contains that the same job would run into again."""


class Iqm(LinkedTarget["Site"]):
    """Runs circuits on a machine of IQM's.

    Parameters
    ----------
    name
        The target's name here.
    url
        The server, for instance ``https://iqm.example.org``.
    quantum_computer
        Which machine, where the server has several.
    token
        A token to sign in with there. All jobs are that user's.
    tokens_file
        In its place, a file that holds one and is renewed by somebody.
    use_timeslot
        Whether jobs go into the queue of the timeslot that is booked there.
    calibration_set
        The id of the calibration that jobs run with; by default that of the day.
    compilation
        Options of how the machine compiles, as IQM's client names them.
    timeout
        How many seconds an answer may take.
    optimization
        How hard the compiler here tries, 0 to 3, where a job does not say.

    """

    processes = False

    def __init__(
        self,
        name: str,
        *,
        url: str,
        quantum_computer: str | None = None,
        token: str | None = None,
        tokens_file: str | None = None,
        use_timeslot: bool = False,
        calibration_set: str | None = None,
        compilation: dict[str, Any] | None = None,
        timeout: float = 60.0,
        optimization: int = 1,
    ) -> None:
        super().__init__(name, _check_url(url))
        check_level(optimization)
        if token is not None and tokens_file is not None:
            raise ValueError("give either token or tokens_file")
        compilation = compilation or {}
        if compilation.get("heralding_mode", "none") != "none":
            raise ValueError("heralding_mode must be none: a job gets as many shots as it asks for")
        self._reach: dict[str, Any] = {
            "url": url.rstrip("/"),
            "host": self._host,
            "quantum_computer": quantum_computer,
            "token": token,
            "tokens_file": tokens_file,
            "timeout": timeout,
            "calibration_set": None if calibration_set is None else UUID(calibration_set),
            "compilation": compilation,
        }
        self._use_timeslot = use_timeslot
        self._optimization = optimization
        self._known: Machine | None = None
        self._memory: dict[str, bool] = {}
        """Whether the shots were asked for, of what was submitted by this process."""

    # -- what it is -------------------------------------------------------------------

    @override
    def _import(self) -> None:
        from qiskit.transpiler import generate_preset_pass_manager  # noqa: F401, PLC0415

        with brought_by("iqm"):
            import quws.targets.iqm.site  # noqa: F401, PLC0415

    @override
    def _open(self) -> Site:
        from quws.targets.iqm.site import Site  # noqa: PLC0415

        return Site(**self._reach)

    @property
    def _machine(self) -> Machine:
        if self._known is None:
            self._known = self._there.machine(self._optimization)
        return self._known

    @override
    def describe(self) -> TargetDescription:
        title = f"{self._there.machine_name} at {self._host}"
        return self._machine.describe(self.name, title)

    @override
    def state(self) -> TargetState:
        return self._there.state()

    @override
    def calibration(self) -> Calibration | None:
        return self._there.calibration(None)

    @override
    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        return self._machine.compile(circuit, options)

    # -- a job there --------------------------------------------------------------------

    @override
    def prepare(self) -> None:
        with patient():
            _ = self._machine

    @override
    def submit(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> str:
        documents = self._machine.write(circuits)
        handle = self._there.submit(
            documents, options.shots, tag=key, use_timeslot=self._use_timeslot
        )
        self._memory[handle] = options.memory
        return handle

    @override
    def find(self, key: str) -> str | None:
        raise unlisted(self._host, key)

    @override
    def poll(self, handle: str) -> RemoteState:
        job = self._there.job(handle)
        status = _STATUS[job.status]
        steps = [item.status for item in job.timeline]
        message = steps[-1] if steps else None
        if status is RemoteStatus.FAILED:
            message = "; ".join(_sentence(item) for item in job.errors) or None
        progress = {} if job.execution is None else job.execution.progress
        circuits = progress.get("circuits")
        return RemoteState(
            status,
            message,
            position=job.queue_position,
            done=None if circuits is None else circuits.value,
            transient=not any(_is_ours(item.error_code) for item in job.errors),
            notes=[*map(str, job.messages), *_steps(job)],
        )

    @override
    def cancel(self, handle: str) -> None:
        self._there.cancel(handle)

    @override
    def fetch(self, handle: str) -> list[CircuitResult]:
        job = self._there.job(handle)
        found: list[tuple[dict[str, int], list[str] | None]]
        if self._memory.get(handle, True):
            found = [(*read_measurements(item),) for item in self._there.measurements(handle)]
        else:
            found = [(read_counts(item), None) for item in self._there.counts(handle)]
        engine = f"{self._there.machine_name} at {self._host}"
        seconds = ran_for(job.timeline) / max(len(found), 1)
        return [CircuitResult(counts, memory, engine, seconds) for counts, memory in found]

    @override
    def calibration_of(self, handle: str) -> Calibration | None:
        compilation = self._there.job(handle).compilation
        if compilation is None or compilation.calibration_set_id is None:
            return None
        return self._there.calibration(str(compilation.calibration_set_id))


def _check_url(url: str) -> str:
    """Return the host of a URL that IQM's client takes.

    Raises
    ------
    ValueError

    """
    parts = split_url(url, such_as="https://iqm.example.org")
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise ValueError("url must be https, unless the host is localhost or 127.0.0.1")
    if parts.path.strip("/"):
        raise ValueError("url must have no path; the machine is named by quantum_computer")
    return str(parts.hostname)


def _sentence(error: Any) -> str:
    return f"{error.message} ({error.error_code})" if error.error_code else str(error.message)


def _is_ours(code: str | None) -> bool:
    return any(part in (code or "").lower() for part in _OUR_FAULT)


def _steps(job: Any) -> list[str]:
    """Say in one sentence when which step was reached there."""
    if not job.timeline:
        return []
    reached = ", ".join(f"{item.status} {item.timestamp:%H:%M:%S}" for item in job.timeline)
    return [f"job {job.id} at the other side: {reached}"]


def ran_for(timeline: Sequence[Any]) -> float:
    """Return how many seconds a job ran, by the steps that are told; 0 where they are not."""
    times: Mapping[str, datetime] = {item.status: item.timestamp for item in timeline}
    for begin, end in _RAN:
        if begin in times and end in times:
            return max((times[end] - times[begin]).total_seconds(), 0.0)
    return 0.0
