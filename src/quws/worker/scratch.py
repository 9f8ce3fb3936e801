"""The folder in which a worker's children write, and what dead workers left beside it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import threading
from pathlib import Path
from typing import Self, TextIO

import structlog

from quws.domain.errors import Unavailable
from quws.domain.job import new_job_id

_PREFIX = "quws-worker-"
_LOCK = "lock"
_TRIES = 100
_log = structlog.get_logger(__name__)


class Scratch:
    """One worker's own folder below the scratch folder, locked while the worker lives.

    Only folders that workers made are ever removed, and only if nobody holds
    their lock: the scratch folder may be one that others use too. A folder is its
    worker's once it is locked and still there, so whoever takes one that is
    just being made for a dead worker's costs its maker another try.
    """

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._own: tuple[Path, TextIO] | None = None
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> Self:
        own = self.ready()
        for other in self._parent.glob(f"{_PREFIX}*"):
            if other != own:
                _remove_if_dead(other)
        return self

    def __exit__(self, *error: object) -> None:
        if self._own is not None:
            folder, lock = self._own
            lock.close()
            shutil.rmtree(folder, ignore_errors=True)

    def ready(self) -> Path:
        """Return the worker's folder, a new one where somebody has removed it or its lock.

        Raises
        ------
        OSError
            None can be made.

        """
        with self._one_at_a_time:
            if self._own is not None:
                folder, lock = self._own
                if _is_at(lock, folder / _LOCK):
                    return folder
                _log.warning("scratch folder was removed", folder=str(folder))
                lock.close()
                self._own = None
            self._own = self._make()
            return self._own[0]

    async def probe(self) -> None:
        """Make sure that there is a folder to work in.

        Raises
        ------
        Unavailable

        """
        try:
            await asyncio.to_thread(self.ready)
        except OSError as error:
            raise Unavailable(f"there is no scratch folder: {error}") from error

    def _make(self) -> tuple[Path, TextIO]:
        for _ in range(_TRIES):
            folder = self._parent / f"{_PREFIX}{new_job_id()}"
            self._parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                folder.mkdir(mode=0o700)
                lock = (folder / _LOCK).open("w")
                if _locks(lock) and _is_at(lock, folder / _LOCK):
                    return folder, lock
                lock.close()
        raise OSError(f"folders that are made in {self._parent} do not stay")


def _remove_if_dead(folder: Path) -> None:
    with contextlib.suppress(OSError):
        try:
            lock = (folder / _LOCK).open("r+")
        except FileNotFoundError:
            # Its worker died before it had locked it, or is about to; only an empty one goes.
            folder.rmdir()
            return
        with lock:
            if _locks(lock):
                shutil.rmtree(folder, ignore_errors=True)


def _locks(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
