"""Jobs in a store that are done, with results that were written as a child writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from store_helpers import NOW, entry, new_job

from quws.artifacts import ArtifactStore
from quws.domain.circuits import Register
from quws.domain.job import Job, Result, Said
from quws.domain.options import RunOptions
from quws.domain.outcomes import CircuitOutcome, JobOutcomes
from quws.domain.parameters.values import ResponseFormat
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.processes.backends import Backends
from quws.runner import results
from quws.store.jobs.store import JobStore

REGISTERS = [Register(name="a", size=2, qubits=[0, 1]), Register(name="b", size=7, qubits=[2] * 7)]
SHOTS = ["0000001 01", "0000001 01", "1000000 10"]


def sampled(circuits: int = 2) -> list[CircuitOutcome]:
    """What circuits gave: the same three shots, with two registers."""
    counts = {bits: SHOTS.count(bits) for bits in SHOTS}
    return [
        CircuitOutcome(counts, SHOTS, index=index, registers=REGISTERS) for index in range(circuits)
    ]


async def finished(
    backends: Backends,
    outcomes: Sequence[CircuitOutcome],
    folder: Path,
    response_format: ResponseFormat = ResponseFormat.VOTABLE,
    more: dict[str, bytes] | None = None,
    calibration: str | None = None,
    **changes: Any,
) -> Job:
    """Make a job that is done. ``more`` are further results, texts by their ids."""
    store: JobStore = backends.jobs
    artifacts: ArtifactStore = backends.artifacts
    spec = JobSpec.of(RunOptions(shots=len(SHOTS), seed=7), response_format=response_format)
    given = {"owner": None, "spec": spec, "circuits": len(outcomes), **changes}
    job = new_job(phase=Phase.QUEUED, queued_time=NOW, **given)
    await store.creation.add(job, [entry()])
    claim = await store.claims.claim(job.target, "worker", 3600, NOW)
    assert claim is not None
    folder.mkdir(exist_ok=True)
    whole = JobOutcomes(job.id, job.target, len(SHOTS), outcomes, versions={"python": "3.11"})
    kept = []
    for item in results.write(folder, whole, response_format):
        key = f"{job.id}/1/{item.file}"
        size = await artifacts.put(key, (folder / item.file).read_bytes())
        kept.append(Result(item.id, key, size, item.mime_type))
    for name, content in (more or {}).items():
        key = f"{job.id}/1/{name}"
        await artifacts.put(key, content)
        kept.append(Result(name, key, len(content), "text/plain; charset=utf-8"))
    said = Said(calibration_id=calibration)
    assert await store.publishing.complete(claim, kept, entry(), 1.0, said)
    return replace(job, phase=Phase.COMPLETED, results=kept, attempt=1)
