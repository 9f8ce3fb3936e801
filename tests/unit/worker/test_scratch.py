"""The scratch folder of a worker: its own while it lives, gone afterwards, whoever removes it."""

from __future__ import annotations

import fcntl
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from quws.domain.errors import Unavailable
from quws.worker import scratch as module
from quws.worker.scratch import Scratch


def test_it_is_there_while_the_worker_lives_and_for_nobody_else(tmp_path: Path) -> None:
    parent = tmp_path / "made" / "too"
    with Scratch(parent) as own:
        folder = own.ready()
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "job-x").mkdir()
        assert own.ready() == folder
    assert list(parent.iterdir()) == []


def test_what_living_workers_have_stays(tmp_path: Path) -> None:
    with Scratch(tmp_path) as first:
        (first.ready() / "file").write_text("x")
        with Scratch(tmp_path):
            assert (first.ready() / "file").read_text() == "x"
        assert first.ready().is_dir()


def test_what_dead_workers_left_goes(tmp_path: Path) -> None:
    dead = tmp_path / "quws-worker-dead"
    dead.mkdir()
    (dead / "lock").touch()
    (dead / "job-x").mkdir()
    (tmp_path / "quws-worker-died-before-it-had-a-lock").mkdir()
    with Scratch(tmp_path) as own:
        assert list(tmp_path.iterdir()) == [own.ready()]


def test_what_others_have_there_stays(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "lock").touch()
    (tmp_path / "quws-worker-with-files").mkdir()
    (tmp_path / "quws-worker-with-files" / "job-x").mkdir()
    with Scratch(tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "quws-worker-with-files"}


@pytest.mark.parametrize("when", ["before its lock is there", "before it is locked", "meanwhile"])
def test_one_that_is_taken_for_a_dead_workers_as_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    makes, locks = Path.mkdir, fcntl.flock
    others = ExitStack()

    def another_worker_starts() -> None:
        monkeypatch.undo()
        others.enter_context(Scratch(tmp_path))

    def mkdir(path: Path, *args: Any, **more: Any) -> None:
        makes(path, *args, **more)
        if when == "before its lock is there":
            another_worker_starts()

    def flock(file: Any, how: int) -> None:
        if when == "before it is locked":
            another_worker_starts()
        if when == "meanwhile":
            # The other one has the lock, and has not removed the folder yet.
            monkeypatch.undo()
            other = Path(file.name).open("r+")  # noqa: SIM115 - open until the test is over
            locks(others.enter_context(other), how)
        locks(file, how)

    monkeypatch.setattr(module.Path, "mkdir", mkdir)
    monkeypatch.setattr(module.fcntl, "flock", flock)
    with others, Scratch(tmp_path) as own:
        with Scratch(tmp_path):
            assert own.ready().is_dir()


def test_many_that_start_at_once_each_have_one(tmp_path: Path) -> None:
    def start(_: int) -> None:
        with Scratch(tmp_path) as own:
            (own.ready() / "job-x").mkdir()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(start, range(100)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("gone", ["parent", "folder", "lock"])
def test_it_is_made_again_when_it_is_gone(tmp_path: Path, gone: str) -> None:
    parent = tmp_path / "scratch"
    with Scratch(parent) as own:
        first = own.ready()
        match gone:
            case "parent":
                shutil.rmtree(parent)
            case "folder":
                shutil.rmtree(first)
            case "lock":
                # By whoever removes old files; jobs may still run there.
                (first / "lock").unlink()
                (first / "job-x").mkdir()
        second = own.ready()
        assert second.is_dir()
        with Scratch(parent):
            assert own.ready() == second
    assert not second.exists()


def test_one_that_somebody_has_removed_is_no_trouble_at_the_end(tmp_path: Path) -> None:
    with Scratch(tmp_path) as own:
        shutil.rmtree(own.ready())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.anyio
async def test_a_worker_that_cannot_have_one_says_so(tmp_path: Path) -> None:
    parent = tmp_path / "scratch"
    with Scratch(parent) as own:
        await own.probe()
        shutil.rmtree(parent)
        parent.write_text("somebody else's")
        with pytest.raises(Unavailable, match="there is no scratch folder"):
            await own.probe()
        parent.unlink()
        await own.probe()


def test_where_folders_do_not_stay_there_is_no_end_of_tries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_locks", lambda _: False)
    with pytest.raises(OSError, match="do not stay"):
        Scratch(tmp_path).ready()
