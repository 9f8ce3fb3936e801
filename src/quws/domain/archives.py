"""Archives that are written while they are sent. What is the same has the same bytes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from typing_extensions import Buffer, override

SUMS = "SHA256SUMS"
"""The last file of an archive, for ``sha256sum --check``."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16

Member = tuple[str, Iterable[bytes]]
"""A file of an archive: its name, and what is in it, piece by piece."""


class Drain(io.RawIOBase):
    """A file that a library writes into, and that is emptied meanwhile. There is no way back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, content: Buffer, /) -> int:
        piece = bytes(content)
        self._pieces.append(piece)
        return len(piece)

    def take(self) -> bytes:
        """Return what was written since it was taken last."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def entry(name: str) -> ZipInfo:
    """Return the head of a file in an archive: its name, and nothing of where it was made."""
    info = ZipInfo(name, _EPOCH)
    info.compress_type = ZIP_DEFLATED
    info.external_attr = _MODE
    info.create_system = 3
    return info


def zipped(
    members: Iterable[Member], last: Callable[[Mapping[str, str]], Mapping[str, bytes]]
) -> Iterator[bytes]:
    """Write a ZIP of files, and of their SHA-256 sums, piece by piece.

    Parameters
    ----------
    last
        Makes the files that stand behind the others, of the sums of those by name.

    """
    drain = Drain()
    sums: dict[str, str] = {}
    with ZipFile(drain, "w") as archive:
        for name, content in members:
            found = hashlib.sha256()
            with archive.open(entry(name), "w", force_zip64=True) as file:
                for piece in content:
                    found.update(piece)
                    file.write(piece)
                    yield drain.take()
            sums[name] = found.hexdigest()
        for name, whole in last(sums).items():
            archive.writestr(entry(name), whole)
            sums[name] = hashlib.sha256(whole).hexdigest()
        lines = (f"{one}  {name}\n" for name, one in sums.items())
        archive.writestr(entry(SUMS), "".join(lines))
    yield drain.take()
