"""New jobs: what is written comes back."""

from __future__ import annotations

import pytest
from store_helpers import (
    NOW,
    ODD,
    added,
    entry,
    everything,
    got,
    later,
    new_job,
    timeline_of,
)

from quws.domain.job import (
    Parameter,
)
from quws.domain.options import RunOptions
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec
from quws.domain.times import MAX_SECONDS
from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


async def test_a_job_comes_back_as_it_was_added(store: JobStore) -> None:
    job = new_job(
        owner=ODD,
        run_id=ODD,
        phase=Phase.QUEUED,
        target=ODD,
        queued_time=later(1),
        destruction_time=later(2),
        execution_duration=MAX_SECONDS,
        quote=later(3),
        circuits=3,
        message=ODD,
        parameters=[
            Parameter("CIRCUIT", ODD),
            Parameter("TAG", ""),
            Parameter("CIRCUIT", artifact="a/b/0", size=2**40, mime_type="text/x-qasm"),
            Parameter("TAG", "b"),
        ],
        spec=JobSpec.of(
            RunOptions(shots=1, seed=2**63 - 1),
            metadata={"a": [1, 0.1, None, True, {"é": ODD}], "": {}, "\x00": "\x00"},
            tags=[ODD],
            origin={"request": ODD},
        ),
        work=40,
    )
    await store.creation.add(job, [entry("received"), entry("queued", later(1), ODD)])
    assert await got(store, job.id) == job
    assert await timeline_of(store, job.id) == [
        entry("received"),
        entry("queued", later(1), ODD),
    ]


async def test_a_job_with_nothing_comes_back_too(store: JobStore) -> None:
    job = new_job(
        owner=None,
        destruction_time=None,
        execution_duration=0,
        parameters=[],
        spec=JobSpec(),
        work=0,
    )
    await store.creation.add(job, [entry()])
    assert await got(store, job.id) == job


async def test_what_is_stored_is_cut_to_milliseconds(store: JobStore) -> None:
    job = await added(store, creation_time=NOW.replace(microsecond=999_999))
    assert (await got(store, job.id)).creation_time == NOW.replace(microsecond=999_000)


async def test_a_new_job_has_a_row_for_each_circuit(database: Database, store: JobStore) -> None:
    job = await added(store, circuits=3)
    rows = (await everything(database))["circuits"]
    assert [row[:3] for row in rows] == [(job.id, k, "waiting") for k in range(3)]
