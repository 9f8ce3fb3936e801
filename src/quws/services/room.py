"""Whether there is room for new jobs on the disks of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from shutil import disk_usage
from time import monotonic

from quws.domain.errors import StorageFull

_LOOK_SECONDS = 3.0


class DiskRoom:
    """Refuses new jobs before a disk is full, so that what is there can go on and end.

    Parameters
    ----------
    folders
        Where jobs and their files are kept, as far as that is on disks of this machine.
    least
        How many bytes must be free on each; 0 for any number.

    """

    def __init__(self, folders: Collection[Path] = (), least: int = 0) -> None:
        self._folders = folders
        self._least = least
        self._free: int | None = None
        self._fresh_until = 0.0

    async def check(self) -> None:
        """Make sure that there is room, as it was a few seconds ago at most.

        Raises
        ------
        StorageFull
            With how much is free, and how much must be.

        """
        if not self._least or not self._folders:
            return
        if monotonic() >= self._fresh_until:
            self._free = await asyncio.to_thread(self._look)
            self._fresh_until = monotonic() + _LOOK_SECONDS
        if self._free is not None and self._free < self._least:
            raise StorageFull(
                f"the disk of the service is nearly full: {self._free} bytes are free, and new jobs"
                f" are taken while {self._least} are; all else goes on. Try again later, or delete"
                " jobs that are done with"
            )

    def _look(self) -> int | None:
        """Return how much is free on the fullest disk; None where nobody can say."""
        free = []
        for folder in self._folders:
            try:
                free.append(disk_usage(folder).free)
            except OSError:
                continue  # Whoever wants to write there will say what is wrong.
        return min(free, default=None)
