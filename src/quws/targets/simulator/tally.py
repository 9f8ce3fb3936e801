"""From bits to counts: bit strings in the order that ``CircuitOutcome`` lays down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from quws.domain.errors import InvalidCircuit
from quws.targets.simulator.limits import MOST_BYTES

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Rows = npt.NDArray[np.bool_]
"""One row for each shot, one column for each classical bit."""

CHUNK_BITS = 64_000_000
"""Measured bits that are held at once, a byte each."""

_WORD = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """What an engine gives back."""

    counts: dict[str, int]
    memory: list[str] | None
    approximate: str | None = None


class Writer:
    """Writes the bits of a circuit's registers."""

    def __init__(self, circuit: QuantumCircuit) -> None:
        index = {bit: number for number, bit in enumerate(circuit.clbits)}
        self.clbits = circuit.num_clbits
        self._registers: list[tuple[slice, slice | list[int]]] = []
        start = 0
        for register in reversed(circuit.cregs):
            bits = [index[bit] for bit in register]
            end = start + len(bits)
            # Slices are many times quicker than lists of places.
            whole = bits == list(range(bits[0], bits[0] + len(bits)))
            last = None if bits[0] == 0 else bits[0] - 1
            self._registers.append(
                (slice(start, end), slice(bits[-1], last, -1) if whole else bits[::-1])
            )
            start = end + 1
        self.width = start - 1

    def strings(self, rows: Rows) -> list[str]:
        """Write each row."""
        text = np.full((len(rows), self.width), ord(" "), dtype=np.uint8)
        for characters, bits in self._registers:
            np.add(rows[:, bits], ord("0"), out=text[:, characters], casting="unsafe")
        whole = text.tobytes().decode("ascii")
        width = self.width
        return [whole[start : start + width] for start in range(0, len(whole), width)]

    def rows(self, strings: list[str]) -> Rows:
        """Read what ``strings`` has written."""
        text = np.frombuffer("".join(strings).encode("ascii"), dtype=np.uint8)
        text = text.reshape(len(strings), self.width)
        rows = np.zeros((len(strings), self.clbits), dtype=np.bool_)
        for characters, bits in self._registers:
            rows[:, bits] = text[:, characters] == ord("1")
        return rows


def refuse_if_too_large(distinct: int, width: int) -> None:
    """Stop before the results of a circuit fill the memory.

    Raises
    ------
    InvalidCircuit

    """
    if distinct * width > MOST_BYTES:
        raise InvalidCircuit(
            f"the shots gave more than {distinct - 1} different outcomes of {width} characters,"
            f" which is more than the {MOST_BYTES >> 20} MiB that a result may have; ask for fewer"
            " SHOTS or measure fewer bits"
        )


class Tally:
    """Counts rows as they come."""

    def __init__(self, writer: Writer, *, memory: bool) -> None:
        self._writer = writer
        self._counts: dict[bytes, int] = {}
        self._memory: list[str] | None = [] if memory else None

    def add(self, rows: Rows) -> None:
        """Take the rows of some shots."""
        packed = np.packbits(rows, axis=1)
        width = packed.shape[1]
        if width <= _WORD:
            # As numbers, which are sorted quickly where there are many shots.
            words = np.zeros((len(rows), _WORD), dtype=np.uint8)
            words[:, :width] = packed
            values, counts = np.unique(words.view(np.uint64).ravel(), return_counts=True)
            found: Mapping[bytes, int] = {
                value.tobytes()[:width]: int(count)
                for value, count in zip(values, counts, strict=True)
            }
        else:
            whole = packed.tobytes()
            found = Counter(whole[start : start + width] for start in range(0, len(whole), width))
        for key, count in found.items():
            self._counts[key] = self._counts.get(key, 0) + count
        refuse_if_too_large(len(self._counts), self._writer.width)
        if self._memory is not None:
            self._memory += self._writer.strings(rows)

    def measured(self, **more: Any) -> Measured:
        """Give what was counted."""
        packed = np.frombuffer(b"".join(self._counts), dtype=np.uint8)
        rows = np.unpackbits(
            packed.reshape(len(self._counts), -1), axis=1, count=self._writer.clbits
        ).astype(np.bool_)
        keys = self._writer.strings(rows)
        return Measured(dict(zip(keys, self._counts.values(), strict=True)), self._memory, **more)


def of_samples(
    samples: npt.NDArray[np.int64], measured: Mapping[int, int], writer: Writer, *, memory: bool
) -> Measured:
    """Count sampled basis states; bit q of a sample is qubit q.

    ``measured`` has the qubit that is measured into each classical bit.
    """
    values, inverse = np.unique(samples, return_inverse=True)
    refuse_if_too_large(len(values), writer.width)
    strings = writer.strings(rows_of(values, measured, writer.clbits))
    counts: dict[str, int] = {}
    for key, count in zip(strings, np.bincount(inverse, minlength=len(values)), strict=True):
        counts[key] = counts.get(key, 0) + int(count)
    return Measured(counts, [strings[at] for at in inverse] if memory else None)


def rows_of(values: npt.NDArray[np.int64], measured: Mapping[int, int], clbits: int) -> Rows:
    """Give the bits that measuring basis states writes, one row for each."""
    rows = np.zeros((len(values), clbits), dtype=np.bool_)
    for clbit, qubit in measured.items():
        rows[:, clbit] = (values >> qubit) & 1
    return rows
