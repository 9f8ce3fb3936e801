"""A file that libraries write into, and that is emptied meanwhile."""

from __future__ import annotations

import io

from typing_extensions import Buffer, override


class Drain(io.RawIOBase):
    """Keeps what is written until it is taken. There is no way back in it."""

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
