"""Ranges of OPENQASM-3: which numbers they stand for, and which bits of a register."""

from __future__ import annotations


def numbers(start: int, end: int, step: int = 1) -> range:
    """Count from ``start`` in steps up to ``end``, which belongs to it.

    Raises
    ------
    ValueError
        The step is zero.

    """
    if step == 0:
        raise ValueError("the step of a range must not be zero")
    return range(start, end + (1 if step > 0 else -1), step)


def places(size: int, start: int | None, end: int | None, step: int | None) -> range:
    """List the places in a register of ``size`` bits that a range names.

    Negative bounds count from the end of the register, so that -1 is its last
    bit. A bound that is left out is the first or the last bit, by the
    direction of the step.

    Raises
    ------
    ValueError
        The step is zero, or there is no such bit.

    """
    step = 1 if step is None else step
    first, last = (0, size - 1) if step > 0 else (size - 1, 0)
    start = first if start is None else start + size if start < 0 else start
    end = last if end is None else end + size if end < 0 else end
    found = numbers(start, end, step)
    for place in (found[0], found[-1]) if found else ():
        if not 0 <= place < size:
            raise ValueError(
                f"the range reaches index {place if place > 0 else place - size}, and the register"
                f" has the indices 0 to {size - 1}"
            )
    return found
