"""What stands before the gates of a circuit in a QPY file, read without building anything.

Its form is Qiskit's: https://quantum.cloud.ibm.com/docs/api/qiskit/qpy. The parts that are read
here have been the same from version 12 of the format on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

_FILE = struct.Struct("!6sBBBBQcc")
"""What it is, its version and that of Qiskit, how many circuits, how symbols are written, and of
what kind what follows is.
"""
_CIRCUIT = struct.Struct("!H1cHIIQIQI")
"""Sizes: of its name, of its phase after the kind of that, in qubits and bits, of its metadata …"""
_MAGIC, _KIND = b"QISKIT", b"q"
_OLDEST, _WITH_TABLE = 12, 16
"""The first version that is read, and the first with a table of where circuits begin."""


class NoHead(ValueError):
    """A file does not begin as QPY does."""


class TooLong(ValueError):
    """What is asked for is longer than it may be."""


def metadata_of(beginning: Callable[[int], bytes], most: int) -> bytes:
    """Return the metadata of the only circuit of a file: JSON, as whoever wrote it has put it.

    Parameters
    ----------
    beginning
        Gives so many bytes of the file, from its first one on; fewer where it has no more.
    most
        Bytes that the metadata may have.

    Raises
    ------
    NoHead, TooLong

    """
    data = beginning(512)
    try:
        magic, version, *_, count, _, kind = _FILE.unpack_from(data)
        if magic != _MAGIC or version < _OLDEST or count != 1 or kind != _KIND:
            raise NoHead
        at = _FILE.size + (8 if version >= _WITH_TABLE else 0)
        name, _, phase, _, _, size, *_ = _CIRCUIT.unpack_from(data, at)
    except struct.error:
        raise NoHead from None
    if size > most:
        raise TooLong
    start = at + _CIRCUIT.size + name + phase
    if start + size > len(data):
        data = beginning(start + size)
    if start + size > len(data):
        raise NoHead
    return data[start : start + size]
