"""The bits of each shot, eight in a byte, as NumPy's ``npz``.

It has an array for each circuit, ``circuit-K``, with a row of bytes for each shot: the bits as they
stand in the text, filled up with zeros before the first. So bit 0 of the register that was declared
first is the lowest of the last byte, and Qiskit's ``BitArray(array, bits)`` reads it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import IO
from zipfile import ZipFile

from quws.domain.archives import Drain, entry
from quws.domain.outcome_parts import Extent, read_parts


def written(chunks: Iterable[bytes], found: Sequence[Extent]) -> Iterator[bytes]:
    """Write the file while the document of the shots is read.

    Raises
    ------
    UnreadableOutcomes

    """
    import numpy as np  # noqa: PLC0415

    drain = Drain()
    each = iter(found)
    extent: Extent | None = None
    member: IO[bytes] | None = None
    # Its writer looks whether it can go back in the file, and does without.
    with ZipFile(drain, "w") as archive:
        for part in read_parts(chunks):
            if extent is None or member is None:
                extent = next(each)
                member = _begin(archive, extent)
            if part.memory:
                text = "".join(part.memory).replace(" ", "").encode()
                bits = np.frombuffer(text, np.uint8).reshape(len(part.memory), extent.width) & 1
                filled = np.pad(bits, ((0, 0), (-extent.width % 8, 0)))
                member.write(np.packbits(filled, axis=1).tobytes())
            if part.last:
                member.close()
                extent = member = None
            yield drain.take()
        archive.writestr(entry("registers.npy"), _array_of(_registers(found)))
    yield drain.take()


def _begin(archive: ZipFile, extent: Extent) -> IO[bytes]:
    """Begin the array of a circuit: its size stands before it."""
    from numpy.lib import format as npy  # noqa: PLC0415

    member = archive.open(entry(f"circuit-{extent.index}.npy"), "w", force_zip64=True)
    shape = (extent.listed, (extent.width + 7) // 8)
    head = {"descr": "|u1", "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(member, head)
    return member


def _registers(found: Sequence[Extent]) -> str:
    """Write where the bits of each register are, counted from the lowest."""
    listed = []
    for extent in found:
        start = 0
        for item in extent.registers:
            at = {"circuit": extent.index, "name": item.name, "start": start, "size": item.size}
            listed.append(at)
            start += item.size
    return json.dumps(listed)


def _array_of(text: str) -> bytes:
    import numpy as np  # noqa: PLC0415

    content = io.BytesIO()
    np.save(content, np.array(text))
    return content.getvalue()
