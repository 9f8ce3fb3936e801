"""The folder in which a worker's children write, and what dead workers left beside it."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from pathlib import Path
from typing import Self, TextIO

from quws.domain.job import new_job_id

_PREFIX = "quws-worker-"
_LOCK = "lock"


class Scratch:
    """One worker's own folder below the scratch folder, locked while the worker lives.

    Only folders that workers made are ever removed, and only if nobody holds
    their lock: the scratch folder may be one that others use too.
    """

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self.folder = parent / f"{_PREFIX}{new_job_id()}"
        self._lock: TextIO | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, mode=0o700)
        self._lock = (self.folder / _LOCK).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for other in self._parent.glob(f"{_PREFIX}*"):
            if other != self.folder and _is_free(other):
                shutil.rmtree(other, ignore_errors=True)
        return self

    def __exit__(self, *error: object) -> None:
        assert self._lock is not None
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_free(folder: Path) -> bool:
    with contextlib.suppress(OSError), (folder / _LOCK).open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
