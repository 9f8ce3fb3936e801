"""The one convention in which all targets write what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from quws.domain.words import counted


def grouped(key: str, sizes: Sequence[int]) -> str:
    """Write bits in one group for each classical register, the register declared last first.

    Parameters
    ----------
    key
        The bits of all registers, bit 0 of the first one last: as digits, which may have
        blanks between them, or as a hexadecimal number that begins with ``0x``.
    sizes
        How many bits each register has, in the order of declaration.

    Raises
    ------
    ValueError
        There are more or fewer bits than that.

    """
    bits = "".join(key.split())
    if bits.startswith("0x"):
        bits = f"{int(bits, 16):0{sum(sizes)}b}"
    if len(bits) != sum(sizes):
        raise ValueError(
            f"{counted(len(bits), 'bit')} for registers of {sum(sizes)} were given; nobody can tell"
            " which is which"
        )
    groups, end = [], len(bits)
    for size in sizes:
        groups.append(bits[end - size : end])
        end -= size
    return " ".join(reversed(groups))
