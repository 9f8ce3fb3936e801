"""Parameters at rest, and what earlier versions kept of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quws.artifacts import ArtifactMissing, ArtifactStore
from quws.artifacts.facts import keep_facts, read_facts
from quws.artifacts.parameters import keep_parameters, read_circuits
from quws.domain.circuits import CircuitFacts, Language
from quws.domain.job import LARGE_BATCH, Parameter
from quws.domain.options import RunOptions
from quws.domain.parameters.posted import Posted
from quws.domain.spec import JobSpec
from quws.store.jobs.rows import parameter_json

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore((tmp_path / "artifacts").as_uri())


async def test_circuits_come_back_in_their_order(store: ArtifactStore) -> None:
    posted = [
        Posted("circuit", b"A"),
        Posted("SHOTS", b"1"),
        Posted("QUERY", b"B" * 5000),
        Posted("CIRCUIT", b"C", uploaded=True),
    ]
    kept = await keep_parameters(store, "job", posted, 4096)
    assert await read_circuits(store, kept) == ["A", "B" * 5000, "C"]
    assert await read_circuits(store, kept, range(1, 2)) == ["B" * 5000]
    assert await read_circuits(store, kept, range(1, 9)) == ["B" * 5000, "C"]


async def test_what_its_sender_says_it_is_is_not_forgotten(store: ArtifactStore) -> None:
    posted = [Posted("BINDINGS", b'{"a": [1]}', "application/json"), Posted("circuit", b"A")]
    kept = await keep_parameters(store, "job", posted, 4096)
    # As the row of the job has them.
    again = [Parameter(**parameter_json(item)) for item in kept]
    assert [(item.value, item.mime_type) for item in again] == [
        ('{"a": [1]}', "application/json"),
        ("A", "text/plain; charset=utf-8"),
    ]
    assert parameter_json(kept[1]) == {"name": "CIRCUIT", "value": "A"}


async def test_circuits_of_a_large_batch_are_one_parameter(store: ArtifactStore) -> None:
    texts = [f'"{number}",\n\\é\u2028\r\n' * (number % 300) for number in range(LARGE_BATCH + 1)]
    posted = [Posted("circuit", text.encode(), uploaded=True) for text in texts]
    posted.insert(3, Posted("SHOTS", b"1"))
    kept = await keep_parameters(store, "job", posted, 4096)
    assert [(item.name, item.count) for item in kept] == [("CIRCUIT", len(texts)), ("SHOTS", 1)]
    circuits = kept[0]
    assert circuits.artifact is not None
    content = await store.read(circuits.artifact)
    assert (json.loads(content), len(content)) == (texts, circuits.size)
    assert circuits.mime_type == "application/json"
    assert await read_circuits(store, kept) == texts
    for wanted in (range(1), range(7, 8), range(299, 400), range(400, 401), range(0)):
        assert await read_circuits(store, kept, wanted) == texts[wanted.start : wanted.stop]
    kept = await keep_parameters(store, "job", posted[:LARGE_BATCH], 4096)
    assert len(kept) == LARGE_BATCH


async def test_facts_of_a_large_batch_are_an_artifact(store: ArtifactStore) -> None:
    facts = CircuitFacts(language=Language.OPENQASM_2, qubits=1, clbits=1, operations=2, depth=2)
    spec = JobSpec.of(RunOptions(shots=1), [facts] * 2)
    assert await keep_facts(store, "job", spec, LARGE_BATCH) is spec
    assert await read_facts(store, spec) == [facts] * 2
    kept = await keep_facts(store, "job", spec, LARGE_BATCH + 1)
    assert kept.artifact == "job/facts"
    assert await read_facts(store, kept) == [facts] * 2


async def test_a_job_of_the_first_version_still_finds_its_upload(store: ArtifactStore) -> None:
    await store.put("job/parameters/1", b"OPENQASM 2.0;")
    kept = [
        Parameter("CIRCUIT", "param:mine"),
        Parameter("mine", artifact="job/parameters/1", size=13),
    ]
    assert await read_circuits(store, kept) == ["OPENQASM 2.0;"]
    with pytest.raises(ArtifactMissing, match="the part mine"):
        await read_circuits(store, kept[:1])
