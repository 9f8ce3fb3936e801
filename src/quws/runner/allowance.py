"""In a child: how much the files of a job may have together."""

from __future__ import annotations

from pathlib import Path

from quws.domain.failures import Failure
from quws.runner.work import Failed


class Allowance:
    """Counts the files of a job as they are written.

    Parameters
    ----------
    most
        How many bytes they may have together, 0 for any number.

    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0

    def take(self, path: Path) -> None:
        """Count a file.

        Raises
        ------
        Failed
            All of them have more than they may.

        """
        self.add(path.stat().st_size)

    def add(self, size: int) -> None:
        """Count bytes.

        Raises
        ------
        Failed
            All of them are more than there may be.

        """
        self._used += size
        if self._most and self._used > self._most:
            raise Failed(Failure.RESULTS_TOO_LARGE.error(bytes=self._most))
