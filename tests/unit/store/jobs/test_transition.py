"""What may happen to a job in which phase."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from store_actions import ACTIONS
from store_helpers import (
    EXPIRED,
    NOW,
    claim,
    claimed,
    drive,
    entry,
    got,
    later,
    new_job,
    queued,
    snapshot,
)

import quws
from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.jobs import transition
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ACTIONS)
async def test_what_is_done_from_each_of_the_ten_phases(
    database: Database, store: JobStore, name: str
) -> None:
    action = ACTIONS[name]
    for phase in Phase:
        # The lease is over, so that sweeps may act; attempt and lease are the worker's.
        held = await claimed(store, EXPIRED, circuits=2)
        await drive(database, held.id, phase=phase)
        before = await snapshot(database)
        done = await action.act(store, held)
        if phase not in action.legal:
            assert not done, phase
            assert await snapshot(database) == before, phase
        else:
            assert done, phase
            assert await snapshot(database) != before, phase
            after = await store.reading.get(held.id)
            if action.removes:
                assert after is None
            else:
                assert after is not None
                assert after.phase is (action.leads_to or phase)
        await store.control.delete(held.id, NOW)


async def test_the_same_on_a_job_that_is_not_there(database: Database, store: JobStore) -> None:
    held = await claimed(store, EXPIRED, circuits=2)
    await store.control.delete(held.id, NOW)
    before = await snapshot(database)
    for name, action in ACTIONS.items():
        assert not await action.act(store, held), name
    assert await snapshot(database) == before


@pytest.mark.parametrize("name", ACTIONS)
async def test_what_is_done_to_one_job_leaves_the_others_alone(
    database: Database, store: JobStore, name: str
) -> None:
    action = ACTIONS[name]
    others = [await claimed(store, EXPIRED, circuits=2) for _ in range(2)]
    held = await claimed(store, EXPIRED, circuits=2)
    await drive(database, held.id, phase=sorted(action.legal)[0])
    before = [await got(store, other.id) for other in others]
    assert await action.act(store, held)
    assert [await got(store, other.id) for other in others] == before


# -- the one door -------------------------------------------------------------------


def calls_that_set_a_phase(path: Path) -> list[str]:
    """Lines that give ``phase`` to a statement on jobs, or to what may make one."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.search(r"(?is)\bupdate\s+jobs\b|\binsert\s+into\s+jobs\b", node.value):
                found.append(f"{path}:{node.lineno}")
        elif isinstance(node, ast.Dict):
            keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            if "phase" in keys and "store" in path.parts:
                found.append(f"{path}:{node.lineno}")
        elif isinstance(node, ast.Call) and any(item.arg == "phase" for item in node.keywords):
            called = ast.unparse(node.func)
            makes_an_object = called.rpartition(".")[2][0].isupper()
            if called != "insert(t.outbox).values" and not makes_an_object:
                found.append(f"{path}:{node.lineno}")
    return found


def test_no_other_statement_sets_a_phase() -> None:
    root = Path(quws.__file__).parent
    door = Path(transition.__file__)
    assert len(calls_that_set_a_phase(door)) == 2
    others = [path for path in root.rglob("*.py") if path != door]
    statements = [
        line
        for path in others
        if "sqlalchemy" in path.read_text()
        for line in calls_that_set_a_phase(path)
    ]
    assert statements == []
    # Whoever makes statements on jobs imports sqlalchemy, and stands in the store.
    assert [
        path
        for path in others
        if "store" not in path.parts and re.search(r"tables|\bjobs\.c\b", path.read_text())
        if "sqlalchemy" in path.read_text()
    ] == []


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.PENDING, Phase.QUEUED}))
async def test_no_job_begins_in_another_phase(
    database: Database, store: JobStore, phase: Phase
) -> None:
    before = await snapshot(database)
    with pytest.raises(ValueError, match=f"no job begins as {phase}"):
        await store.creation.add(new_job(phase=phase), [entry()])
    assert await snapshot(database) == before


async def test_the_times_of_a_job_never_run_backwards(store: JobStore) -> None:
    """A host whose clock is behind begins and ends a job that another made."""
    job = await queued(store)
    held = await claim(store, now=later(-5))
    assert held.job.start_time == job.creation_time == NOW
    await store.control.abort(held.id, entry("aborted", later(-3)))
    assert (await got(store, held.id)).end_time == NOW


async def test_a_job_that_began_later_than_it_was_made_ends_no_sooner(store: JobStore) -> None:
    await queued(store)
    held = await claim(store, now=later(5))
    await store.control.abort(held.id, entry("aborted", later(3)))
    job = await got(store, held.id)
    assert (job.start_time, job.end_time) == (later(5), later(5))
