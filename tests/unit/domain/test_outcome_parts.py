"""Documents of outcomes, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quws.domain.circuits import Register
from quws.domain.outcome_parts import extents, read_parts
from quws.domain.outcome_texts import (
    END,
    NEXT,
    circuit_json,
    head_of_circuits,
    memory_json,
    outcomes_json,
)
from quws.domain.outcomes import CircuitOutcome, Expectation, JobOutcomes, UnreadableOutcomes

REGISTERS = [Register(name='a"\\é', size=2, qubits=[1, None])]
SAMPLED = JobOutcomes(
    "01-job",
    "star",
    4,
    [
        CircuitOutcome(
            {"00": 3, '}],"\\': 1}, ["00", '}],"\\', "00", "00"], registers=REGISTERS, index=index
        )
        for index in range(2)
    ],
)
ESTIMATED = JobOutcomes(
    "j", "t", 0, [CircuitOutcome({}, expectations=[Expectation("Z0", 0.5, None, 7)])]
)


def cut(text: str, size: int) -> Iterator[bytes]:
    content = text.encode()
    return (content[place : place + size] for place in range(0, len(content), size))


def together(text: str, size: int) -> list[CircuitOutcome]:
    found = []
    counts: dict[str, int] = {}
    memory: list[str] = []
    for part in read_parts(cut(text, size)):
        counts |= part.counts
        memory += part.memory
        if part.last:
            outcome = part.outcome()
            found.append(
                CircuitOutcome(
                    counts,
                    memory or None,
                    index=outcome.index,
                    registers=outcome.registers,
                    expectations=outcome.expectations,
                )
            )
            counts, memory = {}, []
    return found


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_wherever_it_is_cut_the_parts_are_the_whole(size: int) -> None:
    alone = "".join(circuit_json(SAMPLED.circuits[1]))
    some = head_of_circuits(SAMPLED) + f"{alone}\n{NEXT}{alone}\n{END}"
    bare = [CircuitOutcome(i.counts, index=i.index, registers=REGISTERS) for i in SAMPLED.circuits]
    listed = [
        CircuitOutcome({}, i.memory, index=i.index, registers=REGISTERS) for i in SAMPLED.circuits
    ]
    assert together("".join(outcomes_json(SAMPLED)), size) == bare
    assert together("".join(memory_json(SAMPLED)) + "\n", size) == listed
    assert together(alone, size) == [SAMPLED.circuits[1]]
    assert together(some, size) == [SAMPLED.circuits[1]] * 2
    assert together("".join(outcomes_json(ESTIMATED)), size) == list(ESTIMATED.circuits)
    assert together('{"circuits":[]}', size) == []


def test_how_much_there_is_of_each_circuit() -> None:
    found = extents(cut("".join(outcomes_json(SAMPLED)), 5))
    assert [(item.index, item.counted, item.listed, item.width) for item in found] == [
        (0, 4, 0, 2),
        (1, 4, 0, 2),
    ]
    assert found[0].registers == REGISTERS
    (alone,) = extents(cut("".join(circuit_json(SAMPLED.circuits[0])), 5))
    assert (alone.counted, alone.listed) == (4, 4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"version": 2}',
        '{"counts": {"0": 1',
        '{"counts": {"0": x}}',
        '{"memory": ["0" "1"]}',
        '{"circuits": [{"index": 0}; ',
        '{"registers": 7}',
    ],
)
def test_what_is_no_document_is_told(text: str) -> None:
    with pytest.raises(UnreadableOutcomes):
        extents(cut(text, 3))


def test_other_bytes_are_no_document() -> None:
    with pytest.raises(UnreadableOutcomes, match="UTF-8"):
        extents([b'{"engine": "\xff'])
