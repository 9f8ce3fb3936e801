"""What a child names as a result is a file that it has made, or the worker does not touch it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from quws.sandbox.folder import ChildFolder
from quws.sandbox.messages import MessageFault


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ChildFolder]:
    (tmp_path / "secret").write_text("of others")
    (tmp_path / "scratch").mkdir()
    made = ChildFolder(tmp_path / "scratch")
    yield made
    made.remove()


def test_a_file_is_opened(folder: ChildFolder) -> None:
    (folder.path / "counts.json").write_text("0123456789")
    with folder.open("counts.json", 10) as file:
        assert file.read() == b"0123456789"


def symlink(folder: ChildFolder, secret: Path) -> None:
    (folder.path / "counts.json").symlink_to(secret)


def hard_link(folder: ChildFolder, secret: Path) -> None:
    (folder.path / "counts.json").hardlink_to(secret)


def pipe(folder: ChildFolder, secret: Path) -> None:
    os.mkfifo(folder.path / "counts.json")


def subfolder(folder: ChildFolder, secret: Path) -> None:
    (folder.path / "counts.json").mkdir()


def too_large(folder: ChildFolder, secret: Path) -> None:
    (folder.path / "counts.json").write_text("01234567890")


def nothing(folder: ChildFolder, secret: Path) -> None: ...


@pytest.mark.parametrize("trick", [symlink, hard_link, pipe, subfolder, too_large, nothing])
def test_what_is_no_file_of_the_child_is_refused(folder, tmp_path, trick) -> None:  # type: ignore[no-untyped-def]
    trick(folder, tmp_path / "secret")
    with pytest.raises(MessageFault, match=r"the result counts\.json"):
        folder.open("counts.json", 10)


def test_no_path_leads_out_of_the_folder(folder: ChildFolder, tmp_path: Path) -> None:
    for name in (str(tmp_path / "secret"), "../../secret", "./counts.json", "..", "."):
        with pytest.raises(MessageFault):
            folder.open(name, 10)


def test_another_folder_in_its_place_is_not_the_jobs(folder: ChildFolder, tmp_path: Path) -> None:
    (folder.path / "counts.json").write_text("mine")
    away = tmp_path / "away"
    folder.path.rename(away)
    folder.path.mkdir()
    (folder.path / "counts.json").write_text("not mine")
    with folder.open("counts.json", 10) as file:
        assert file.read() == b"mine"
    shutil.rmtree(away)


def test_a_folder_that_is_gone_is_no_fault_of_the_job(folder: ChildFolder) -> None:
    shutil.rmtree(folder.path)
    with pytest.raises(FileNotFoundError):
        folder.open("counts.json", 10)


def test_it_is_emptied_whatever_is_in_it(folder: ChildFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("of others")
    inside = os.fsencode(folder.path)
    for name in (b"counts.json", b"-rf", b"a\nb", b"\xff\xfe", b"*", b" ", b"~"):
        with open(inside + b"/" + name, "wb"):  # noqa: PTH123 - no name that a path could have
            pass
    (folder.path / "link").symlink_to(tmp_path / "secret")
    (folder.path / "folder").symlink_to(outside)
    (folder.path / "dangling").symlink_to("nowhere")
    os.mkfifo(folder.path / "pipe")
    (folder.path / "locked").mkdir(mode=0)
    deep = folder.path.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    (deep / "up").symlink_to(folder.path)
    (deep / "file").hardlink_to(tmp_path / "secret")
    assert folder.empty()
    assert list(folder.path.iterdir()) == []
    assert (outside / "file").read_text() == (tmp_path / "secret").read_text() == "of others"
    (folder.path / "counts.json").write_text("0")
    assert folder.read("counts.json", 1) == b"0"


def test_a_few_small_files_go_at_once(folder: ChildFolder) -> None:
    assert folder.empty_at_once()
    for name in ("result.vot", "counts.json"):
        (folder.path / name).write_text("0")
    assert folder.empty_at_once()
    assert list(folder.path.iterdir()) == []


@pytest.mark.parametrize("what", ["a folder", "a large file", "many files"])
def test_what_may_take_long_is_left_to_a_thread(folder: ChildFolder, what: str) -> None:
    match what:
        case "a folder":
            (folder.path / "folder").mkdir()
        case "a large file":
            with (folder.path / "large").open("wb") as file:
                file.truncate(2 << 20)
        case _:
            for number in range(1000):
                (folder.path / f"file-{number:0100}").touch()
    assert not folder.empty_at_once()
    assert list(folder.path.iterdir()) != []
    assert folder.empty()


def test_another_in_its_place_is_left_alone(folder: ChildFolder, tmp_path: Path) -> None:
    (folder.path / "counts.json").write_text("mine")
    away = tmp_path / "away"
    folder.path.rename(away)
    folder.path.mkdir()
    (folder.path / "counts.json").write_text("not mine")
    assert not folder.empty_at_once()
    assert not folder.empty()
    assert (folder.path / "counts.json").read_text() == "not mine"
    shutil.rmtree(away)
    folder.remove()
    assert not folder.empty()
