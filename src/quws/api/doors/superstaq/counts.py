"""Counts as Superstaq's clients read them: bit 0 first, and only what is measured."""

from __future__ import annotations

from collections import Counter

from quws.api.doors.superstaq.keys import keys_of
from quws.api.doors.superstaq.request import CircuitType
from quws.domain.outcomes import CircuitOutcome


def counts_of(outcome: CircuitOutcome, circuit_type: CircuitType, text: str) -> dict[str, int]:
    """Return the counts of a circuit, of which ``text`` is what was sent.

    Of Qiskit's circuits these are the bits that a measurement writes, in their order; of Cirq's
    those of each key, by the alphabet.
    """
    places = list(range(len(outcome.registers)))
    if circuit_type is CircuitType.CIRQ:
        places.sort(key=keys_of(text, outcome).__getitem__)
    kept = []
    if circuit_type is CircuitType.QISKIT:
        written = [bit is not None for item in outcome.registers for bit in item.qubits]
        bits = sum(item.size for item in outcome.registers)
        if len(written) == bits and any(written) and not all(written):
            kept = [bit for bit, is_written in enumerate(written) if is_written]
    counts: Counter[str] = Counter()
    for key, count in outcome.counts.items():
        groups = key[::-1].split(" ")
        bits_of = "".join(groups[place] for place in places) if places else ""
        counts["".join(bits_of[bit] for bit in kept) if kept else bits_of] += count
    return dict(counts)
