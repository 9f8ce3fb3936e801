"""Counts as Superstaq writes them: bit 0 first, of the bits that a measurement writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from quws.targets.bits import grouped

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


class Shape(NamedTuple):
    """The bits of a circuit: the sizes of its registers, and which are measured."""

    sizes: tuple[int, ...]
    measured: tuple[int, ...]


def shape_of(circuit: QuantumCircuit) -> Shape:
    """Return the bits of a circuit."""
    written = {
        circuit.find_bit(bit).index
        for item in circuit.data
        if item.operation.name == "measure"
        for bit in item.clbits
    }
    return Shape(tuple(item.size for item in circuit.cregs), tuple(sorted(written)))


def read_counts(counts: Mapping[str, float], shape: Shape) -> dict[str, int]:
    """Return counts with all bits of all registers.

    Raises
    ------
    ValueError
        There are other bits than those that were measured.

    """
    number = sum(shape.sizes)
    found: Counter[str] = Counter()
    for key, count in counts.items():
        bits = ["0"] * number
        places = shape.measured if len(key) == len(shape.measured) else range(number)
        if len(key) != len(places):
            raise ValueError(
                f"there are counts of {len(key)} bits, and {len(shape.measured)} are measured"
            )
        for place, bit in zip(places, key, strict=True):
            bits[place] = bit
        found[grouped("".join(reversed(bits)), shape.sizes)] += round(count)
    return dict(found)
