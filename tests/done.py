"""What a worker does to a job of an application in the test's process."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from in_process import Api
from store_helpers import NOW, entry

from quws.domain.job import Result
from quws.domain.outcome_texts import circuit_json, memory_json, outcomes_json
from quws.domain.outcomes import JobOutcomes


async def complete(
    api: Api,
    job_id: str,
    outcomes: JobOutcomes,
    *,
    parts: bool,
    more: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """End a job with what its circuits gave: in a file, or in one for each circuit."""
    store = api.backends.jobs
    claim = await store.claims.claim("simulator", "worker", 3600, NOW)
    assert claim is not None and claim.id == job_id
    files = {"counts": outcomes_json(outcomes), "memory": memory_json(outcomes)}
    if parts:
        # Listed in another order than theirs.
        files = {f"counts-{item.index}": circuit_json(item) for item in outcomes.circuits[::-1]}
    results = []
    for name, pieces in (files | {name: iter([text]) for name, text in more.items()}).items():
        content = "".join(pieces).encode()
        await api.backends.artifacts.put(f"{job_id}/1/{name}", content)
        results.append(Result(name, f"{job_id}/1/{name}", len(content), "application/json"))
    assert await store.publishing.complete(claim, results, entry("completed"), 1.0)
