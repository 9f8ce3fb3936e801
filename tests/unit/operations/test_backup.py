"""What backups and the doctor refuse, and how they say it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from harness import base_environment
from typer.testing import CliRunner

from quws.bus.connection import connect
from quws.bus.dispatcher import Dispatcher, UnfitWorker
from quws.bus.server import ValkeyServer
from quws.cli.app import app
from quws.operations.backup import CannotBackUp, back_up, restore
from quws.operations.doctor import Doctor, Finding, Level
from quws.sandbox import confine
from quws.settings import Settings
from quws.store.schema import upgrade


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(data=tmp_path / "data")
    made.data.mkdir()
    upgrade(made.resolved_database_url())
    (made.data / "artifacts/some-job/1").mkdir(parents=True)
    (made.data / "artifacts/some-job/1/counts.json").write_text("{}")
    return made


def test_there_and_back(settings: Settings, tmp_path: Path) -> None:
    assert back_up(settings, tmp_path / "copy") == 1
    other = Settings(data=tmp_path / "other")
    assert restore(other, tmp_path / "copy")["schema"]
    assert (other.data / "artifacts/some-job/1/counts.json").read_text() == "{}"
    found = (other.data / "quws.db").stat()
    assert found.st_size > 0
    assert f"{found.st_mode & 0o777:o}" == "600", "the hashes of passwords are in it"


def test_nothing_is_written_over(settings: Settings, tmp_path: Path) -> None:
    back_up(settings, tmp_path / "copy")
    with pytest.raises(CannotBackUp, match="is there already; name a folder that is not"):
        back_up(settings, tmp_path / "copy")
    with pytest.raises(CannotBackUp, match="stop the service, and move it away"):
        restore(settings, tmp_path / "copy")


def test_what_is_no_backup_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(CannotBackUp, match="is no backup that 'quws backup' has made"):
        restore(Settings(data=tmp_path / "other"), settings.data)
    back_up(settings, tmp_path / "copy")
    note = tmp_path / "copy/backup.json"
    note.write_text(note.read_text().replace('"schema": "0', '"schema": "9'))
    with pytest.raises(CannotBackUp, match=r"has schema 9.*use quws 0\."):
        restore(Settings(data=tmp_path / "other"), tmp_path / "copy")


def test_other_databases_have_tools_of_their_own(tmp_path: Path) -> None:
    settings = Settings.model_validate({"database_url": "postgresql://localhost/quws"})
    with pytest.raises(CannotBackUp, match="pg_dump"):
        back_up(settings, tmp_path / "copy")


def test_the_doctor_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "missing", list)
    environment = base_environment(
        {
            "QUWS_DATA": str(tmp_path),
            "QUWS_DATABASE_URL": f"sqlite:///{tmp_path / 'quws.db'}",
            "QUWS_REDIS_URL": "redis://127.0.0.1:1/0",
            "QUWS_ARTIFACTS_URL": "ftp://nowhere",
            "QUWS_SCRATCH": "/proc/nowhere",
        }
    )
    found = CliRunner().invoke(app, ["doctor"], env=environment)
    assert found.exit_code == 1
    lines = found.output.splitlines()
    faults = [line.split()[1] for line in lines if line.startswith("FAULT")]
    assert faults == ["database", "bus", "artifacts", "scratch"]
    advice = [line for line in lines if "-> " in line]
    assert len(advice) == 4
    assert "quws db upgrade" in advice[0]
    assert "QUWS_REDIS_URL" in advice[1]
    assert "QUWS_ARTIFACTS_URL" in advice[2]
    assert "QUWS_SCRATCH" in advice[3]


def test_the_doctor_says_what_an_old_kernel_lacks(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quws.sandbox.landlock.version", lambda: 0)
    (finding,) = asyncio.run(Doctor(settings)._look_at_children())
    assert (finding.part, finding.level) == ("children", Level.WARNING)
    assert "whoever breaks into a child can read and write the files of the service" in finding.text
    assert "Landlock" in finding.advice


def test_the_doctor_knows_which_worker_cannot_run_jobs(settings: Settings) -> None:
    async def told() -> list[Finding]:
        redis = connect(valkey.url)
        unfit = UnfitWorker("simulator", "host:7", "the disk is full")
        await Dispatcher(redis).tell_unfit(unfit)
        found = [finding async for finding in Doctor(settings).examine()]
        await redis.aclose(close_connection_pool=True)
        return found

    valkey = ValkeyServer(settings.data / "valkey")
    valkey.start()
    try:
        found = asyncio.run(told())
    finally:
        valkey.stop()
    (finding,) = [item for item in found if "host:7" in item.text]
    assert (finding.part, finding.level) == ("targets", Level.FAULT)
    assert finding.text == (
        "simulator: the worker host:7 could not run its last job: the disk is full"
    )
    assert "stop this worker" in finding.advice
