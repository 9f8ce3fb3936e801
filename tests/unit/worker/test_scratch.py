"""The scratch folder of a worker: its own while it lives, gone afterwards, whoever removes it."""

from __future__ import annotations

from pathlib import Path

from quws.worker.scratch import Scratch


def test_it_is_there_while_the_worker_lives_and_for_nobody_else(tmp_path: Path) -> None:
    with Scratch(tmp_path / "scratch") as own:
        assert own.folder.is_dir()
        assert own.folder.stat().st_mode & 0o777 == 0o700
        (own.folder / "job-x").mkdir()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_living_workers_have_stays(tmp_path: Path) -> None:
    with Scratch(tmp_path) as first:
        (first.folder / "file").write_text("x")
        with Scratch(tmp_path):
            assert (first.folder / "file").read_text() == "x"
        assert first.folder.is_dir()


def test_what_dead_workers_left_goes(tmp_path: Path) -> None:
    dead = tmp_path / "quws-worker-dead"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "job-x").mkdir()
    with Scratch(tmp_path) as own:
        assert list(tmp_path.iterdir()) == [own.folder]


def test_what_others_have_there_stays(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "lock").touch()
    # Another worker is just about to lock it.
    (tmp_path / "quws-worker-new").mkdir()
    with Scratch(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "quws-worker-new"}
