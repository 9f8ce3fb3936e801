"""A worker whose database and artifacts are real, and whose children follow a script."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import structlog
from harness import sqlite_with_schema
from scripted_children import ScriptedChildren
from store_helpers import NOW, TARGET
from worker_bench import Bench, Bus, ShakyClaims, WholeClock

from quws.artifacts import ArtifactStore
from quws.bus.announcer import Announcer
from quws.domain.policy import Policy
from quws.domain.targets import TargetDescription, TargetKind
from quws.services.quotas import Quotas
from quws.store.database import Database
from quws.store.handovers import HandoverStore
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore
from quws.worker.reading import Readers
from quws.worker.scratch import Scratch
from quws.worker.workplace import Workplace


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def plain_tracebacks() -> Iterator[None]:
    """Log faults without the values of all variables: to show these takes seconds."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    merge = structlog.contextvars.merge_contextvars
    structlog.configure(processors=[merge, structlog.processors.add_log_level, renderer])
    yield
    structlog.reset_defaults()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    shutil.copy(sqlite_with_schema(), tmp_path / "quws.db")
    opened = Database(f"sqlite:///{tmp_path / 'quws.db'}")
    yield opened
    await opened.close()


@pytest.fixture
async def bench(database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    async def nothing(_: object) -> None:
        """A child that ends at once."""

    bus = Bus()
    scratch = Scratch(tmp_path / "scratch")
    children = ScriptedChildren(nothing, scratch=scratch.ready)
    readers = ScriptedChildren(nothing, scratch=scratch.ready)
    store_clock = WholeClock(database)
    await store_clock.look()
    target = TargetDescription(
        name=TARGET, kind=TargetKind.SIMULATOR, title="A simulator", qubits=5
    )
    targets = TargetStore(database)
    await targets.register([target], NOW, replace=True)
    jobs = JobStore(database)
    jobs.claims = ShakyClaims(database)
    place = Workplace(
        worker="worker-1",
        target=TARGET,
        remote=False,
        jobs=jobs,
        targets=targets,
        handovers=HandoverStore(database),
        artifacts=ArtifactStore(f"file://{tmp_path / 'artifacts'}"),
        announcer=Announcer(bus, bus),  # type: ignore[arg-type]
        children=children,
        readers=Readers(readers),
        store_clock=store_clock,
        lease_seconds=60.0,
        result_bytes=1 << 20,
        results_bytes=1 << 22,
        quotas=Quotas(jobs.usage, Policy()),
        max_attempts=3,
    )
    with scratch:
        bench = Bench(place, bus, children, readers, target, scratch)
        yield bench
        await bench.finish()
    await children.finish()
    await readers.finish()


@pytest.fixture
def stored(bench: Bench) -> Callable[[], Awaitable[set[str]]]:
    """List the keys of all artifacts."""

    async def keys() -> set[str]:
        folder = bench.place.artifacts.folder
        assert folder is not None
        found = await asyncio.to_thread(lambda: list(folder.rglob("*")))
        return {str(path.relative_to(folder)) for path in found if path.is_file()}

    return keys
