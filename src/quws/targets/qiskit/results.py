"""What a Qiskit result says of one circuit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from quws.domain.errors import InvalidCircuit
from quws.domain.options import RunOptions
from quws.targets.base import CircuitResult
from quws.targets.bits import grouped


def read_result(
    result: Any,
    index: int,
    registers: Sequence[tuple[str, int]],
    options: RunOptions,
    *,
    engine: str,
    seconds: float,
) -> CircuitResult:
    """Read one circuit of a Qiskit result.

    Parameters
    ----------
    registers
        Name and size of each classical register of the circuit, in order.

    Raises
    ------
    InvalidCircuit
        The backend says that it could not run the circuit.
    ValueError
        What it gives does not fit the registers.

    """
    found = result.results[index]
    if not getattr(found, "success", True):
        raise InvalidCircuit(
            f"{engine} could not run the circuit: {getattr(found, 'status', 'it does not say why')}"
        )
    sizes = [size for _, size in registers]
    counts: Counter[str] = Counter()
    for key, value in result.get_counts(index).items():
        counts[grouped(key, sizes)] += int(value)
    memory, notes = None, []
    if options.memory:
        memory, note = _memory(result, index, found, sizes, counts)
        notes += [note] if note else []
    return CircuitResult(
        counts=dict(counts), memory=memory, engine=engine, seconds=seconds, notes=notes
    )


def _memory(
    result: Any, index: int, found: Any, sizes: Sequence[int], counts: Counter[str]
) -> tuple[list[str] | None, str | None]:
    """Read the bits of each shot, if they are really there: they must add up to the counts."""
    if getattr(found.data, "memory", None):
        memory = [grouped(key, sizes) for key in result.get_memory(index)]
        if Counter(memory) == counts:
            return memory, None
        return None, "the bits of single shots are left out: they do not add up to the counts"
    return None, "this target does not give the bits of single shots"


def registers_of(found: Any) -> list[tuple[str, int]]:
    """Return name and size of each classical register of a circuit in a result.

    Raises
    ------
    ValueError
        The backend does not say.

    """
    header = found.header
    sizes = getattr(header, "creg_sizes", None)
    if sizes is None and isinstance(header, dict):
        sizes = header.get("creg_sizes")
    if sizes is None:
        raise ValueError("the backend does not tell the registers of its result")
    return [(str(name), int(size)) for name, size in sizes]
