"""Values that travel packed in JSON, as Qiskit's clients pack them: base64 of what zlib has made.

``{"__type__": "ndarray", "__value__": …}`` is an array of NumPy's as a ``.npy`` file. What is
unpacked here is bounded before it is unpacked: a few bytes can stand for as many as one likes.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass
from typing import Any

TYPE, VALUE = "__type__", "__value__"
_MAGIC = b"\x93NUMPY"
_LONGEST_HEAD = 512
"""Bytes of the head of an array of numbers; that of a table with names could be longer."""
_HEAD = re.compile(
    r"\{'descr': '(?P<dtype>[<>|=]?[a-zA-Z][0-9]{1,2})', 'fortran_order': (?P<fortran>True|False),"
    r" 'shape': \((?P<shape>[0-9, ]*)\), ?\}\s*"
)
MOST_DIMENSIONS = 32
"""Axes of an array, as NumPy has them."""
_PIECE = 4096
"""Characters of base64 that are read at a time: a multiple of four."""


class Unpackable(ValueError):
    """A value is not packed as it should be, or too large. The text is for users: it goes on after
    the name of the value.
    """


@dataclass(frozen=True, slots=True)
class ArrayHead:
    """What stands before the numbers of an array: their type, as NumPy says it, and the shape."""

    dtype: str
    fortran: bool
    shape: tuple[int, ...]
    start: int
    """Where the numbers begin."""

    @property
    def count(self) -> int:
        """How many numbers there are."""
        found = 1
        for size in self.shape:
            found *= size
        return found

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self.start + self.count * int(self.dtype.lstrip("<>|=")[1:])


def tagged(item: Any, kind: str) -> Any:
    """Return the value of a tagged object of a kind; None if it is something else."""
    if isinstance(item, dict) and item.get(TYPE) == kind:
        return item.get(VALUE)
    return None


def unpack(text: Any, most: int) -> bytes:
    """Return what was packed, which may have so many bytes.

    Raises
    ------
    Unpackable

    """
    packed = _bytes_of(text)
    unpacking = zlib.decompressobj()
    try:
        found = unpacking.decompress(packed, most + 1)
    except zlib.error:
        raise Unpackable("is not compressed by zlib") from None
    if len(found) > most:
        raise Unpackable(f"has more than {most} bytes when it is unpacked")
    if not unpacking.eof:
        raise Unpackable("ends in the middle of what zlib has compressed")
    return found


def beginning(text: Any, most: int) -> bytes:
    """Return the first bytes of what was packed, without looking at the others.

    Raises
    ------
    Unpackable

    """
    if not isinstance(text, str):
        raise Unpackable("must be text in base64")
    unpacking = zlib.decompressobj()
    found, left = b"", b""
    for at in range(0, len(text), _PIECE):
        try:
            left += _bytes_of(text[at : at + _PIECE])
            found += unpacking.decompress(left, most - len(found))
        except zlib.error:
            raise Unpackable("is not compressed by zlib") from None
        left = unpacking.unconsumed_tail
        if len(found) == most or unpacking.eof:
            break
    return found


def head_of(text: Any) -> ArrayHead:
    """Read the head of a packed array, and no more of it.

    Raises
    ------
    Unpackable

    """
    return read_head(beginning(text, _LONGEST_HEAD))


def read_head(data: bytes) -> ArrayHead:
    """Read the head of an array of numbers.

    Raises
    ------
    Unpackable
        It is none, or an array of something else.

    """
    wide = data[6:7] != b"\x01"
    start = 12 if wide else 10
    end = start + int.from_bytes(data[8:start], "little")
    if data[:6] != _MAGIC or data[6:7] not in (b"\x01", b"\x02", b"\x03"):
        raise Unpackable("is no array of NumPy's (.npy)")
    found = _HEAD.fullmatch(data[start:end].decode("latin-1")) if end <= len(data) else None
    if found is None:
        raise Unpackable("is no array of numbers")
    shape = tuple(int(part) for part in found["shape"].split(",") if part.strip())
    if len(shape) > MOST_DIMENSIONS or any(size > 2**31 for size in shape):
        raise Unpackable("has an impossible shape")
    return ArrayHead(found["dtype"], found["fortran"] == "True", shape, end)


def array_head(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Write the head of an array, row by row."""
    sizes = f"{shape[0]}," if len(shape) == 1 else ", ".join(map(str, shape))
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({sizes}), }}"
    # As much as makes the numbers begin at a multiple of 64.
    text += " " * (-(len(_MAGIC) + 5 + len(text)) % 64) + "\n"
    return _MAGIC + b"\x01\x00" + len(text).to_bytes(2, "little") + text.encode("latin-1")


def packed(data: bytes) -> str:
    """Pack bytes."""
    return base64.b64encode(zlib.compress(data)).decode("ascii")


def _bytes_of(text: Any) -> bytes:
    if not isinstance(text, str):
        raise Unpackable("must be text in base64")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Unpackable("is not in base64") from None
