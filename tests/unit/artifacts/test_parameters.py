"""Parameters at rest, and what earlier versions kept of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from quws.artifacts import ArtifactMissing, ArtifactStore
from quws.artifacts.parameters import keep_parameters, read_circuits
from quws.domain.job import Parameter
from quws.domain.parameters.posted import Posted

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
    assert await read_circuits(store, kept, 1) == ["B" * 5000]


async def test_a_job_of_the_first_version_still_finds_its_upload(store: ArtifactStore) -> None:
    await store.put("job/parameters/1", b"OPENQASM 2.0;")
    kept = [
        Parameter("CIRCUIT", "param:mine"),
        Parameter("mine", artifact="job/parameters/1", size=13),
    ]
    assert await read_circuits(store, kept) == ["OPENQASM 2.0;"]
    with pytest.raises(ArtifactMissing, match="the part mine"):
        await read_circuits(store, kept[:1])
