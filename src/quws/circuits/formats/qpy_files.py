"""QPY files as clients of other services have them: cut into circuits, unread, and written.

Clients write a whole batch into one file; of a job each circuit is one by itself.
"""

from __future__ import annotations

import io
import struct

from qiskit import QuantumCircuit, qpy
from qiskit.qpy import formats

from quws.circuits.formats.qpy_guard import OLDEST, Walk
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit
from quws.domain.words import counted

_TABLE = 16
"""From this version on a file has a table of where its circuits are."""


def write(*circuits: QuantumCircuit) -> bytes:
    """Write circuits, in the version that the oldest clients read whom this service serves."""
    file = io.BytesIO()
    qpy.dump(list(circuits), file, version=OLDEST)
    return file.getvalue()


def split(data: bytes, limits: CircuitLimits, most: int) -> list[bytes]:
    """Return a QPY file for each circuit of one; none of them was looked at by Qiskit.

    Parameters
    ----------
    most
        How many circuits there may be.

    Raises
    ------
    InvalidCircuit
        It is none, has too many circuits, or one of them is beyond the limits.

    """
    try:
        return _Cutting(data, limits).files(most)
    except struct.error:
        raise InvalidCircuit("the QPY file ends in the middle of a circuit") from None


class _Cutting(Walk):
    def files(self, most: int) -> list[bytes]:
        head = self.head("the circuits are")
        if not 1 <= head.num_programs <= most:
            raise InvalidCircuit(
                f"the QPY file has {counted(head.num_programs, 'circuit')}; the target takes"
                f" {'1' if most == 1 else f'1 to {most}'}"
            )
        self.circuits_follow()
        alone = struct.pack(formats.FILE_HEADER_V10_PACK, *head._replace(num_programs=1)) + b"q"
        starts: list[int] = []
        if self.version >= _TABLE:
            places = f"!{head.num_programs}Q"
            starts = list(struct.unpack(places, self.bytes_of(struct.calcsize(places))))
            alone += struct.pack("!Q", len(alone) + 8)
        found = []
        for number in range(head.num_programs):
            begin = self.at
            if starts and starts[number] != begin:
                raise InvalidCircuit("the QPY file says that its circuits begin elsewhere")
            try:
                self.circuit(0)
            except InvalidCircuit as refusal:
                raise InvalidCircuit(
                    f"circuit {number}: {refusal.sentence}", circuit=number
                ) from None
            if not starts:
                self._pass_layout()
            elif number + 1 < len(starts) and starts[number + 1] >= self.at:
                self.at = starts[number + 1]
            else:
                self.at = len(self.data)
            found.append(alone + self.data[begin : self.at])
        return found

    def _pass_layout(self) -> None:
        """Pass over the layout that a compiled circuit has after it."""
        head = self.take(formats.LAYOUT_V2, formats.LAYOUT_V2_PACK)
        if not head.exists:
            return
        for _ in range(head.extra_registers):
            self.register()
        for _ in range(max(head.initial_layout_size, 0)):
            bit = self.take(formats.INITIAL_LAYOUT_BIT, formats.INITIAL_LAYOUT_BIT_PACK)
            self.bytes_of(max(bit.register_size, 0))
        self.bytes_of(4 * max(head.input_mapping_size, 0))
        self.bytes_of(4 * max(head.final_layout_size, 0))
