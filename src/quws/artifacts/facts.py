"""What is known of the circuits of a job: of few in its row, of many in an artifact."""

from __future__ import annotations

import json

from quws.artifacts.store import ArtifactStore
from quws.domain.circuits import BatchFacts, CircuitFacts
from quws.domain.job import LARGE_BATCH
from quws.domain.spec import JobSpec


async def keep_facts(
    artifacts: ArtifactStore, prefix: str, spec: JobSpec, circuits: int
) -> JobSpec:
    """Return what is kept in the row of a job; the facts of a large batch are written elsewhere.

    Raises
    ------
    ArtifactStoreUnavailable

    """
    if circuits <= LARGE_BATCH:
        return spec
    key = f"{prefix}/facts"
    await artifacts.put(key, json.dumps(spec.stored_circuits, separators=(",", ":")).encode())
    return spec.elsewhere(key)


async def read_facts(artifacts: ArtifactStore, spec: JobSpec) -> list[CircuitFacts]:
    """Return what is known of each circuit of a job.

    Raises
    ------
    ArtifactMissing, ArtifactStoreUnavailable

    """
    if spec.artifact is None:
        return spec.facts
    return BatchFacts.model_validate_json(await artifacts.read(spec.artifact)).each()
