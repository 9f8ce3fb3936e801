"""Whatever modes a data folder had: what a service keeps in it is for its user alone."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from quws.domain.job import new_job_id
from quws.processes.private import keep_private
from quws.processes.serve import Original, Supervisor
from quws.settings import Settings


@pytest.fixture(autouse=True)
def open_to_all() -> Iterator[None]:
    """The usual umask, in force again after each test."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder of an earlier release, which everybody may read."""
    folder = tmp_path / "data"
    for name in ("artifacts", "valkey", "scratch"):
        (folder / name).mkdir(parents=True)
    for name in ("quws.db", "quws.db-wal", "quws.db-shm"):
        (folder / name).write_text("")
    (folder / "targets.toml").write_text('[simulator]\nadapter = "simulator"\n')
    return folder


def mode_of(place: Path) -> str:
    return f"{place.stat().st_mode & 0o777:o}"


def test_what_was_open_is_closed_and_what_is_made_is_too(data: Path) -> None:
    assert keep_private(Settings(data=data)) == []
    for name in (".", "artifacts", "valkey", "scratch"):
        assert mode_of(data / name) == "700", name
    for name in ("quws.db", "quws.db-wal", "quws.db-shm"):
        assert mode_of(data / name) == "600", name
    (data / "artifacts" / "job").mkdir()
    (data / "new").write_text("")
    assert (mode_of(data / "artifacts" / "job"), mode_of(data / "new")) == ("700", "600")


def test_serving_begins_with_it(data: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        # It ends here, before it has loaded or started anything.
        unneeded = Original(pytest.fail, pytest.fail)
        assert Supervisor(Settings(data=data), "127.0.0.1", port, unneeded).run() == 1
    assert "in use by another program" in capfd.readouterr().err
    assert (mode_of(data), mode_of(data / "quws.db")) == ("700", "600")


def test_a_folder_that_is_still_to_be_made_is_private(tmp_path: Path) -> None:
    assert keep_private(Settings(data=tmp_path / "new")) == []
    (tmp_path / "new").mkdir()
    assert mode_of(tmp_path / "new") == "700"


def test_places_elsewhere_are_closed_too(tmp_path: Path, data: Path) -> None:
    artifacts, database = tmp_path / "bulk files", tmp_path / "fast" / "q.db"
    (artifacts / new_job_id()).mkdir(parents=True)
    (artifacts / "health").mkdir()
    database.parent.mkdir()
    database.write_text("")
    settings = Settings(
        data=data,
        artifacts_url=artifacts.as_uri(),
        database_url=SecretStr(f"sqlite:///{database}"),
    )
    assert keep_private(settings) == []
    assert (mode_of(artifacts), mode_of(database), mode_of(database.parent)) == (
        "700",
        "600",
        "755",
    )


def test_a_folder_that_others_need_stays_open_and_is_told(data: Path) -> None:
    (data / "somebody's notes").write_text("")
    (told,) = keep_private(Settings(data=data))
    assert f"others can look into {data} (mode 755)" in told
    assert "a folder of its own" in told
    assert mode_of(data) == "755"
    assert (mode_of(data / "artifacts"), mode_of(data / "quws.db")) == ("700", "600")


def test_other_stores_than_files_are_none_of_its_business(data: Path) -> None:
    settings = Settings(
        data=data,
        artifacts_url="s3://bucket/quws",
        database_url=SecretStr("postgresql://quws@db/quws"),
    )
    assert keep_private(settings) == []
