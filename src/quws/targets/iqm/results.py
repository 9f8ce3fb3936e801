"""What an IQM machine measured, in the bits and registers of the circuit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from quws.circuits.formats.iqm_writing import Keys, read_keys
from quws.targets.bits import grouped


def read_measurements(found: Mapping[str, Any]) -> tuple[dict[str, int], list[str]]:
    """Return counts, and the bits of each shot.

    Parameters
    ----------
    found
        For each key of a measurement a list for each shot, of one bit.

    Raises
    ------
    ValueError
        The circuit is not one that was written here, or shots are missing.

    """
    keys = read_keys(list(found))
    shots = {len(rows) for rows in found.values()}
    if len(shots) != 1:
        raise ValueError("the measurements of a circuit have different numbers of shots")
    columns = list(keys.bits)
    rows = zip(*(found[key] for key in columns), strict=True)
    known: dict[str, str] = {}
    memory = []
    for row in rows:
        bits = "".join([str(bit[0]) for bit in row])
        text = known.get(bits)
        if text is None:
            text = known[bits] = _placed(bits, columns, keys)
        memory.append(text)
    return dict(Counter(memory)), memory


def read_counts(found: Mapping[str, Any]) -> dict[str, int]:
    """Return counts.

    Parameters
    ----------
    found
        ``measurement_keys``, and ``counts`` of their bits, one after the other.

    Raises
    ------
    ValueError
        The circuit is not one that was written here.

    """
    names = list(found["measurement_keys"])
    keys = read_keys(names)
    columns = list(keys.bits)
    places = [names.index(key) for key in columns]
    counts: Counter[str] = Counter()
    for bits, count in found["counts"].items():
        if len(bits) != len(names):
            raise ValueError(f"there are {len(bits)} bits for {len(names)} measurements")
        counts[_placed("".join([bits[place] for place in places]), columns, keys)] += count
    return dict(counts)


def _placed(bits: str, columns: list[str], keys: Keys) -> str:
    """Write the bits of the measurements as those of the registers; what was not measured is 0."""
    whole = ["0"] * sum(keys.sizes)
    for key, bit in zip(columns, bits, strict=True):
        if bit not in "01":
            raise ValueError(f"a measurement gave {bit}, which is no bit")
        whole[-1 - keys.bits[key]] = bit
    return grouped("".join(whole), keys.sizes)
