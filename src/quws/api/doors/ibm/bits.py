"""The bits of shots, packed to bytes as they stand in a text: none is looked at alone."""

from __future__ import annotations

import base64
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from tempfile import SpooledTemporaryFile
from typing import IO

from typing_extensions import override

from quws.domain.circuits import Register
from quws.domain.packed import array_head

_IN_MEMORY = 1 << 20
_CHUNK = 768 * 1024
"""Bytes that are written as base64 at a time: a multiple of three."""
_SHOTS = 1 << 16
"""Shots whose bits are put together at a time."""
_LEVEL = 1
"""How hard zlib tries: bits that were measured hardly become fewer."""


class Bits(ABC):
    """The bits of one register: they stand at one place in the text of a shot."""

    def __init__(
        self, register: Register, place: slice, shape: tuple[int, ...], shots: int, *, alone: bool
    ) -> None:
        self.name, self.size = register.name, register.size
        self.shape = (*shape, shots, self.size)
        self._place = None if alone else place
        self._file: IO[bytes] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - it is read later
        self._zlib = zlib.compressobj(_LEVEL)
        self._begin()

    def add(self, shots: list[str]) -> None:
        """Add the shots of a circuit."""
        place = self._place
        for start in range(0, len(shots), _SHOTS):
            some = shots[start : start + _SHOTS]
            self._add(some if place is None else [shot[place] for shot in some])

    @abstractmethod
    def _begin(self) -> None:
        """Write what comes before all bits."""

    @abstractmethod
    def _add(self, own: list[str]) -> None:
        """Add the bits of the register in each shot."""

    @abstractmethod
    def _end(self) -> None:
        """Write what is left."""

    def close(self) -> None:
        """Let go of what was added."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        self._file.write(self._zlib.compress(data))

    def written(self) -> Iterator[str]:
        """Write the array in base64."""
        with self._file as file:
            self._end()
            file.write(self._zlib.flush())
            file.seek(0)
            while chunk := file.read(_CHUNK):
                yield base64.b64encode(chunk).decode("ascii")


class Rows(Bits):
    """An array of NumPy's, with a row of bytes for each shot."""

    @override
    def _begin(self) -> None:
        self._bytes = (self.size + 7) // 8
        self._fill = "0" * (-self.size % 8)
        self._write(array_head("|u1", (*self.shape[:-1], self._bytes)))

    @override
    def _add(self, own: list[str]) -> None:
        # A number with as many digits as there are bits is read in a time that is linear.
        bits = int(self._fill + self._fill.join(own), 2)
        self._write(bits.to_bytes(len(own) * self._bytes, "big"))

    @override
    def _end(self) -> None:
        """All is written."""


class Row(Bits):
    """All bits in one row, eight in a byte: the first is the lowest of the first byte."""

    @override
    def _begin(self) -> None:
        self._left, self._over = 0, 0

    @override
    def _add(self, own: list[str]) -> None:
        bits = self._left | int("".join(reversed(own)), 2) << self._over
        whole, self._over = divmod(self._over + len(own) * self.size, 8)
        self._left = bits >> 8 * whole
        self._write((bits & (1 << 8 * whole) - 1).to_bytes(whole, "little"))

    @override
    def _end(self) -> None:
        if self._over:
            self._write(self._left.to_bytes(1, "little"))


def bits_of(
    kind: type[Bits], registers: Sequence[Register], shape: tuple[int, ...], shots: int
) -> Iterator[Bits]:
    """Find where the registers stand in the text of a shot: the last one first."""
    start = 0
    found = []
    for register in reversed(registers):
        found.append((register, slice(start, start + register.size)))
        start += register.size + 1
    for register, place in reversed(found):
        if register.size:
            yield kind(register, place, shape, shots, alone=len(registers) == 1)
