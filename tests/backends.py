"""Qiskit backends with the faults of real ones, to be named by import path."""

from __future__ import annotations

from typing import Any, ClassVar

from qiskit_aer import AerSimulator


class NoMemory(AerSimulator):
    """Takes the option, and gives no bits of single shots."""

    def run(self, circuits: Any, **options: Any) -> Any:
        options.pop("memory", None)
        return super().run(circuits, **options)


class _Altered:
    def __init__(self, job: Any) -> None:
        self._job = job

    def __getattr__(self, name: str) -> Any:
        return getattr(self._job, name)

    def result(self) -> Any:
        result = self._job.result()
        for item in result.results:
            item.data.memory = ["0x0"] * item.shots
        return result


class ZeroMemory(AerSimulator):
    """Makes the bits of single shots up."""

    def run(self, circuits: Any, **options: Any) -> Any:
        return _Altered(super().run(circuits, **options))


class PrimitivesOnly(AerSimulator):
    """Refuses to run circuits, as those of the largest vendor do."""

    def run(self, circuits: Any, **options: Any) -> Any:
        raise NotImplementedError("Support for backend.run() has been removed; use a primitive")


class Broken(AerSimulator):
    """Cannot run anything today."""

    def run(self, circuits: Any, **options: Any) -> Any:
        raise RuntimeError("the fridge is warm")


class Provider:
    """Has a backend to give."""

    def get_backend(self) -> AerSimulator:
        return AerSimulator()


class Cloud(AerSimulator):
    """Keeps its jobs, for whoever asks by their id."""

    _jobs: ClassVar[dict[str, Any]] = {}

    def run(self, circuits: Any, **options: Any) -> Any:
        job = super().run(circuits, **options)
        job.result()
        self._jobs[job.job_id()] = job
        return job

    def retrieve_job(self, job_id: str) -> Any:
        return self._jobs[job_id]
