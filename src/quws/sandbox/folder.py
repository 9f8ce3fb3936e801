"""The folder in which a child writes, and what may be taken out of it."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO

from quws.sandbox.messages import MessageFault

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# One that waits for a writer would hold the reader up.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_COPIED_BYTES = 1 << 20
_FEW_BYTES = 4096
"""Of a folder in which there are no more than some dozen names."""
_SMALL_BYTES = 1 << 20


class ChildFolder:
    """A folder of one child.

    Whatever a child says of a file, who hears it reads it with rights of his own. So he holds the
    folder open, and what he opens there is a file that was made there: no link to another one,
    no device, and none that is larger than a result may be.

    Parameters
    ----------
    below
        Where it is made.

    Raises
    ------
    OSError
        It cannot be made.

    """

    def __init__(self, below: Path) -> None:
        self.path = Path(mkdtemp(prefix="job-", dir=below))
        self._fd: int | None = os.open(self.path, _FOLDER)

    def is_there(self) -> bool:
        """Whether the path still leads to it: others may clean up where it is."""
        try:
            return self._fd is not None and os.path.samestat(os.fstat(self._fd), self.path.stat())
        except OSError:
            return False

    def open(self, name: str, most_bytes: int) -> BinaryIO:
        """Open a file that the child says it has written.

        Raises
        ------
        MessageFault
            There is none of this name, or it may not be a result.
        OSError
            The folder is gone.

        """
        if "/" in name:
            raise MessageFault(f"a result that is not in the job's folder: {name}")
        try:
            fd = os.open(name, _FILE, dir_fd=self._fd)
        except OSError as error:
            if not self.is_there():
                raise
            raise MessageFault(f"the result {name} cannot be opened: {error.strerror}") from None
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            why = "is no file of its own"
        elif found.st_size > most_bytes:
            why = f"has {found.st_size} bytes, more than {most_bytes}"
        else:
            return os.fdopen(fd, "rb")
        os.close(fd)
        raise MessageFault(f"the result {name} {why}")

    def read(self, name: str, most_bytes: int) -> bytes:
        """Read a file that the child says it has written.

        Raises
        ------
        MessageFault, OSError
            As ``open``.

        """
        with self.open(name, most_bytes) as file:
            return file.read()

    def add(self, name: str, content: BinaryIO) -> None:
        """Write a new file for the child to read; never over, or through, one of its own.

        Raises
        ------
        OSError
            There is one of this name, no room, or the folder is gone.

        """
        fd = os.open(name, _NEW_FILE, 0o600, dir_fd=self._fd)
        with os.fdopen(fd, "wb") as file:
            shutil.copyfileobj(content, file, _COPIED_BYTES)

    def empty_at_once(self) -> bool:
        """Remove what is in the folder, where that is a few small files; else whatever was done
        of it.

        Returns
        -------
        bool
            Whether nothing is left, and the folder still there. Else there may be much to do, and
            ``empty`` does it.

        """
        if self._fd is None:
            return False
        try:
            if os.fstat(self._fd).st_size > _FEW_BYTES:
                return False
            for name in self._names():
                found = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
                if not stat.S_ISREG(found.st_mode) or found.st_size > _SMALL_BYTES:
                    return False
                os.unlink(name, dir_fd=self._fd)
            return self.is_there()
        except OSError:
            return False

    def empty(self) -> bool:
        """Remove all that is in the folder; whether nothing is left, and the folder still there."""
        if self._fd is None:
            return False
        try:
            for name in self._names():
                self._remove(name)
            return self.is_there() and not self._names()
        except OSError:
            return False

    def _names(self) -> list[str]:
        assert self._fd is not None
        return os.listdir(self._fd)  # noqa: PTH208 - a path could lead elsewhere

    def _remove(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._fd)
        except IsADirectoryError:
            try:
                # Whatever its mode is: one that is empty need not be opened.
                os.rmdir(name, dir_fd=self._fd)
            except OSError:
                shutil.rmtree(name, dir_fd=self._fd)

    def remove(self) -> None:
        """Remove the folder and all that is in it, if that has not been done."""
        if self._fd is not None:
            self.empty()
            os.close(self._fd)
            self._fd = None
            shutil.rmtree(self.path, ignore_errors=True)
