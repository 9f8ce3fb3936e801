"""What circuits gave, as IQM's clients read it: bits by the keys of measurements.

It is written as text at once: of a million shots most are alike, and none becomes a list here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from quws.api.doors.iqm.request import circuit_of
from quws.domain.outcomes import CircuitOutcome

_SHOTS = 1 << 16
"""Shots that are written at a time."""


def keys_of(text: str, outcome: CircuitOutcome) -> list[str]:
    """Return the keys of a circuit's measurements, in the order of its registers.

    They are the names of the registers, but for keys that are none.
    """
    names = [item.name for item in outcome.registers]
    circuit = circuit_of(text)
    if circuit is None:
        return names
    keys = list(_keys(circuit))
    return keys if len(keys) == len(names) else names


def measurements_json(outcome: CircuitOutcome, keys: list[str]) -> str:
    """Write the bits of each shot by key; empty where no shots were kept."""
    memory = outcome.memory or []
    parts: list[list[str]] = [[] for _ in keys]
    for start in range(0, len(memory) if keys else 0, _SHOTS):
        shots = [_groups(shot) for shot in memory[start : start + _SHOTS]]
        for place, written in enumerate(parts):
            written.append(_rows([shot[place] for shot in shots]))
    found = [
        f"{json.dumps(key)}:[{','.join(written)}]" for key, written in zip(keys, parts, strict=True)
    ]
    return f"{{{','.join(found)}}}"


def _rows(shots: list[str]) -> str:
    """Write the bits of one key in some shots."""
    known = {bits: f"[{','.join(bits)}]" for bits in set(shots)}
    return ",".join([known[bits] for bits in shots])


def counts_json(outcome: CircuitOutcome, keys: list[str]) -> str:
    """Write how often each outcome was counted: the bits of all keys, one after the other."""
    counts: Counter[str] = Counter()
    for bits, count in outcome.counts.items():
        counts["".join(_groups(bits))] += count
    return json.dumps({"measurement_keys": keys, "counts": counts}, separators=(",", ":"))


def _groups(bits: str) -> list[str]:
    """Return the bits of each register, from bit 0 up; the first register first."""
    return bits[::-1].split(" ")


def _keys(circuit: dict[str, Any]) -> Iterator[str]:
    for instruction in circuit["instructions"]:
        if instruction["name"] in ("measure", "measurement"):
            yield instruction["args"]["key"]
