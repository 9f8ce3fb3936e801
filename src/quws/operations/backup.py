"""Backups of what ``quws serve`` keeps: SQLite and a folder of artifacts.

PostgreSQL and object storage have tools of their own; docs/operate/backup.md says how to use
them, and why the database comes first: artifacts are written before the rows that name them and
deleted after, so those of an older database are all there, unless their job has been deleted since.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from quws import __version__
from quws.settings import Settings
from quws.store.revision import REVISION

_NOTE = "backup.json"


class CannotBackUp(Exception):
    """With a sentence that says why, and what to do instead."""


def back_up(settings: Settings, folder: Path) -> int:
    """Copy database and artifacts into a new folder, while the service may run.

    Returns how many files of artifacts there were.

    Raises
    ------
    CannotBackUp

    """
    database, artifacts = _places(settings)
    if not database.exists():
        raise CannotBackUp(f"there is no database {database}; is QUWS_DATA or --data right?")
    if folder.exists():
        raise CannotBackUp(f"{folder} is there already; name a folder that is not")
    half = folder.with_name(f"{folder.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True, mode=0o700)
    # Jobs go on meanwhile: the copy is of one instant all the same.
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(half / "quws.db")) as copy,
    ):
        source.backup(copy)
        (state,) = copy.execute("PRAGMA integrity_check").fetchone()
        if state != "ok":
            raise CannotBackUp(f"the database is damaged: {state}")
        (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
    count = _copy(artifacts, half / "artifacts")
    note = {
        "quws": __version__,
        "schema": revision,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "artifacts": count,
    }
    (half / _NOTE).write_text(json.dumps(note, indent=1) + "\n")
    # Only what is whole has the name of a backup.
    half.rename(folder)
    return count


def restore(settings: Settings, folder: Path) -> dict[str, str]:
    """Make the data folder again from a backup; return what the backup says of itself.

    Raises
    ------
    CannotBackUp

    """
    database, artifacts = _places(settings)
    try:
        note: dict[str, str] = json.loads((folder / _NOTE).read_text())
    except (OSError, ValueError):
        raise CannotBackUp(f"{folder} is no backup that 'quws backup' has made") from None
    if note["schema"] > REVISION:
        raise CannotBackUp(
            f"the backup has schema {note['schema']}, this quws has {REVISION}: use quws"
            f" {note['quws']} or later"
        )
    for place in (database, artifacts):
        if place.exists():
            raise CannotBackUp(
                f"{place} is there already; stop the service, and move it away, before a backup"
                " takes its place"
            )
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _copy(folder / "artifacts", artifacts)
    half = database.with_suffix(".half")
    # The hashes of passwords are in it, and the folder may be one that was there.
    half.unlink(missing_ok=True)
    half.touch(mode=0o600)
    shutil.copyfile(folder / "quws.db", half)
    half.rename(database)
    return note


def _places(settings: Settings) -> tuple[Path, Path]:
    database = settings.resolved_database_url()
    artifacts = settings.resolved_artifacts_url()
    if not database.startswith("sqlite:///") or not artifacts.startswith("file://"):
        raise CannotBackUp(
            "this is for SQLite and a folder of artifacts; for PostgreSQL use pg_dump, for object"
            " storage its own copy: docs/operate/backup.md says in which order"
        )
    return Path(database.removeprefix("sqlite:///")), Path(unquote(urlsplit(artifacts).path))


def _copy(source: Path, to: Path) -> int:
    to.mkdir(mode=0o700, parents=True)
    count = 0
    for folder, _, names in os.walk(source):
        place = to / Path(folder).relative_to(source)
        place.mkdir(exist_ok=True)
        for name in names:
            # A job that is deleted meanwhile takes its files with it.
            with contextlib.suppress(FileNotFoundError):
                shutil.copy2(Path(folder) / name, place / name)
                count += 1
    return count
