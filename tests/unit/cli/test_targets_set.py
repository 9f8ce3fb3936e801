"""``quws targets set``: what it takes, and what it refuses as the API does."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from commands import run
from harness import base_environment, sqlite_with_schema
from house import DESCRIPTION
from store_helpers import NOW

from quws.domain.targets import TargetRecord, TargetState, TargetStatus
from quws.store.database import Database
from quws.store.targets import TargetStore


class Site:
    """The data of a service that does not run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite:///{folder / 'quws.db'}"
        shutil.copy(sqlite_with_schema(), folder / "quws.db")
        self._with_store(lambda store: store.register([DESCRIPTION], NOW, replace=True))

    def set(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"QUWS_DATA": str(self.folder), "QUWS_REDIS_URL": "redis://127.0.0.1:1/0"}
        return run(base_environment(environment), "targets", "set", *arguments)

    def state(self) -> TargetState:
        record: TargetRecord | None = self._with_store(lambda store: store.record("simulator"))
        assert record is not None
        return record.state

    def _with_store(self, work):  # type: ignore[no-untyped-def]
        async def run():  # type: ignore[no-untyped-def]
            database = Database(self.url)
            try:
                return await work(TargetStore(database))
            finally:
                await database.close()

        return asyncio.run(run())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_target_is_closed_and_opened(site: Site) -> None:
    done = site.set("simulator", "offline", "--message", "new fridge", "--until", "2100-01-01")
    assert done.returncode == 0, done.stderr
    assert "target simulator is offline" in done.stdout
    assert site.state() == TargetState(
        status=TargetStatus.OFFLINE, message="new fridge", until=datetime(2100, 1, 1, tzinfo=UTC)
    )
    done = site.set("simulator", "online")
    assert done.returncode == 0, done.stderr
    assert site.state() == TargetState()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("simulator", "offline", "--until", "2020-01-01"), "UNTIL must lie in the future"),
        (("simulator", "offline", "--until", "soon"), "--until:"),
        (("simulator", "offline", "--message", "x" * 501), "MESSAGE must be text of at most 500"),
        (("simulator", "asleep"), "the status is one of"),
        (("nothing", "offline"), "there is no target 'nothing'"),
    ],
)
def test_what_the_api_refuses_the_command_refuses(
    site: Site, arguments: tuple[str, ...], said: str
) -> None:
    refused = site.set(*arguments)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert refused.stdout == ""
    assert site.state() == TargetState()
