"""A Qiskit backend that has a queue of its own, at a vendor's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from typing_extensions import override

from quws.domain.options import RunOptions
from quws.targets.base import (
    CircuitResult,
    Compiled,
    Doubt,
    Gone,
    RemoteState,
    RemoteStatus,
    RemoteTarget,
)
from quws.targets.qiskit.backend import QiskitBackend
from quws.targets.qiskit.results import read_result, registers_of

_UNREACHABLE = frozenset({"ConnectionError", "Timeout", "TransportError"})
"""What the usual HTTP clients raise that have no errors of Python's own."""

_STATUS = {
    "INITIALIZING": RemoteStatus.QUEUED,
    "QUEUED": RemoteStatus.QUEUED,
    "VALIDATING": RemoteStatus.QUEUED,
    "RUNNING": RemoteStatus.RUNNING,
    "DONE": RemoteStatus.DONE,
    "ERROR": RemoteStatus.FAILED,
    "CANCELLED": RemoteStatus.CANCELLED,
}


class RemoteQiskitBackend(QiskitBackend, RemoteTarget):
    """Runs circuits on a Qiskit backend that has a queue of its own.

    Its jobs are found again by the vendor's id. No vendor's adapter can be asked
    by a key of ours, so a submission that was cut off stays in doubt.
    """

    poll_seconds = 5.0

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self._jobs: dict[str, Any] = {}
        self._asked: RunOptions | None = None

    @override
    def submit(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> str:
        self._asked = options
        job = self.start([item.circuit for item in circuits], options)
        handle = str(job.job_id())
        self._jobs[handle] = job
        return handle

    @override
    def find(self, key: str) -> str | None:
        raise Doubt(f"{self.engine} cannot be asked for a job by our key")

    @override
    def poll(self, handle: str) -> RemoteState:
        with _asking():
            job = self._job(handle)
            status = job.status()
            name = str(getattr(status, "name", status)).upper()
            position = getattr(job, "queue_position", None)
            return RemoteState(
                _STATUS.get(name, RemoteStatus.RUNNING),
                message=_error_of(job) if name == "ERROR" else None,
                position=position() if callable(position) and name == "QUEUED" else None,
            )

    @override
    def cancel(self, handle: str) -> None:
        with _asking():
            self._job(handle).cancel()

    @override
    def fetch(self, handle: str) -> list[CircuitResult]:
        with _asking():
            result = self._job(handle).result()
        options = self._asked or RunOptions(shots=0, memory=self.gives_memory)
        return [
            read_result(
                result,
                index,
                registers_of(item),
                options,
                engine=self.engine,
                seconds=float(getattr(result, "time_taken", None) or 0.0) / len(result.results),
            )
            for index, item in enumerate(result.results)
        ]

    def _job(self, handle: str) -> Any:
        if handle not in self._jobs:
            for name in ("retrieve_job", "job"):
                retrieve = getattr(self.backend, name, None)
                if callable(retrieve):
                    self._jobs[handle] = retrieve(handle)
                    break
            else:
                raise Gone(f"{self.engine} cannot be asked for a job by its id")
        return self._jobs[handle]


@contextlib.contextmanager
def _asking() -> Iterator[None]:
    """Raise ConnectionError for a vendor that does not answer, whatever its client is built on."""
    try:
        yield
    except Exception as error:
        names = {kind.__name__ for kind in type(error).__mro__}
        if isinstance(error, OSError) or names & _UNREACHABLE:
            raise ConnectionError(str(error)) from error
        raise


def _error_of(job: Any) -> str | None:
    message = getattr(job, "error_message", None)
    return str(message())[:300] if callable(message) else None
