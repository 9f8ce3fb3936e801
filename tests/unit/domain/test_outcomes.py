"""What circuits gave, as it lies on disk."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from quws.domain.circuits import Register
from quws.domain.kinds import JobKind
from quws.domain.outcome_texts import circuit_json, memory_json, outcomes_json
from quws.domain.outcomes import (
    BIT_ORDER,
    CircuitOutcome,
    Compilation,
    Expectation,
    JobOutcomes,
    UnreadableOutcomes,
    read_circuit,
    read_job,
)

REGISTERS = [Register(name="π", size=2, qubits=[1, None]), Register(name="d", size=1, qubits=[0])]
MEMORY = ["0 11", "1 00", "0 11", "0 00"]
PLAIN = CircuitOutcome({"0 11": 4}, engine="stim", seconds=0.25, registers=REGISTERS)
FULL = CircuitOutcome(
    {"0 11": 2, "0 00": 1, "1 00": 1},
    MEMORY,
    "aer/matrix_product_state",
    1.5,
    "bonds were cut",
    index=1,
    registers=REGISTERS,
    layout=[3, 4],
)
JOB = JobOutcomes("01-a", "star", 4, [PLAIN, FULL])

REGISTERS_JSON = [
    {"name": "π", "size": 2, "qubits": [1, None]},
    {"name": "d", "size": 1, "qubits": [0]},
]
PLAIN_JSON = {
    "index": 0,
    "registers": REGISTERS_JSON,
    "counts": {"0 11": 4},
    "engine": "stim",
    "seconds": 0.25,
}
FULL_JSON = {
    "index": 1,
    "registers": REGISTERS_JSON,
    "counts": {"0 11": 2, "0 00": 1, "1 00": 1},
    "engine": "aer/matrix_product_state",
    "seconds": 1.5,
    "layout": [3, 4],
    "approximate": "bonds were cut",
}
HEAD = {"job": "01-a", "target": "star", "shots": 4, "bit_order": BIT_ORDER}
"""The documents as version 0.1 wrote them, which had no version."""


def written(pieces: Any) -> Any:
    return json.loads("".join(pieces), object_pairs_hook=list)


def listed(document: Any) -> Any:
    """Give a document with its members in order, so that order is compared, too."""
    return json.loads(json.dumps(document), object_pairs_hook=list)


def test_documents_are_those_of_before_with_a_version() -> None:
    head = {"version": 1} | HEAD
    assert written(circuit_json(FULL)) == listed({"version": 1} | FULL_JSON | {"memory": MEMORY})
    assert written(circuit_json(PLAIN)) == listed({"version": 1} | PLAIN_JSON)
    assert written(outcomes_json(JOB)) == listed(head | {"circuits": [PLAIN_JSON, FULL_JSON]})
    shots = {"index": 1, "registers": REGISTERS_JSON, "memory": MEMORY}
    assert written(memory_json(JOB)) == listed(head | {"circuits": [shots]})


@pytest.mark.parametrize("version", [{}, {"version": 1}], ids=["before", "now"])
def test_files_are_read_with_and_without_a_version(version: dict[str, int]) -> None:
    circuit = json.dumps(version | FULL_JSON | {"memory": MEMORY}).encode()
    assert read_circuit(circuit) == FULL
    counts = json.dumps(version | HEAD | {"circuits": [PLAIN_JSON, FULL_JSON]}).encode()
    assert read_job(counts) == JobOutcomes("01-a", "star", 4, [PLAIN, replace(FULL, memory=None)])
    shots = {"index": 1, "registers": REGISTERS_JSON, "memory": MEMORY}
    memory = json.dumps(version | HEAD | {"circuits": [shots]}).encode()
    assert read_job(counts, memory) == JOB


def test_what_is_written_is_read_back() -> None:
    assert read_circuit("".join(circuit_json(FULL)).encode()) == FULL
    counts, memory = "".join(outcomes_json(JOB)).encode(), "".join(memory_json(JOB)).encode()
    assert read_job(counts, memory) == JOB


@pytest.mark.parametrize("bits", [0, 1, 13, 15])
def test_long_counts_and_shots_are_whole(bits: int) -> None:
    # 2^15 outcomes are more than are written at a time.
    counts = {f"{number:016b}": number + 1 for number in range(2**bits if bits else 0)}
    outcome = CircuitOutcome(counts, list(counts), "aer", 1.0)
    found = read_circuit("".join(circuit_json(outcome)).encode())
    assert list(found.counts.items()) == list(counts.items())
    assert found.memory == list(counts)


def test_what_a_newer_version_adds_is_no_trouble() -> None:
    document = {"version": 1} | FULL_JSON | {"memory": MEMORY, "of_tomorrow": {"00": 0.5}}
    assert read_circuit(json.dumps(document).encode()) == FULL


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"version": 2, "index": 0, "counts": {"0": 1}}', "have format 2"),
        (b'{"version": "x", "counts": {"0": 1}}', "have format 'x'"),
        (b"<html></html>", "no JSON"),
        (b'{"counts": {"0": 1}', "no JSON"),
        (b"[1]", "no JSON object"),
        (b"{}", "counts"),
        (b'{"counts": {"0": "many"}}', "counts.0"),
        (b'{"counts": [1]}', "counts"),
    ],
)
def test_what_cannot_be_read_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableOutcomes, match=why):
        read_circuit(content)


def test_the_memory_of_another_format_is_refused() -> None:
    counts = "".join(outcomes_json(JOB)).encode()
    for memory in (b'{"version": 2, "circuits": []}', b'{"circuits": [{"index": 0}]}'):
        with pytest.raises(UnreadableOutcomes):
            read_job(counts, memory)


def test_an_outcome_of_a_circuit_has_the_most_frequent_bits_first() -> None:
    given = CircuitOutcome({"10": 3, "11": 5, "00": 3, "01": 4}, ["11"], "aer", 0.12345678)
    found = given.of_circuit(7, REGISTERS, [1, 0], memory=True)
    assert list(found.counts.items()) == [("11", 5), ("01", 4), ("00", 3), ("10", 3)]
    assert (found.index, found.registers, found.layout) == (7, REGISTERS, [1, 0])
    assert (found.memory, found.engine, found.seconds) == (["11"], "aer", 0.123457)
    assert given.of_circuit(7, [], None, memory=False).memory is None


def test_rows_have_the_part_of_all_shots() -> None:
    outcome = CircuitOutcome({"1": 30, "0": 10}, index=2)
    assert list(outcome.rows()) == [(2, "1", 30, 0.75), (2, "0", 10, 0.25)]
    assert outcome.shots == 40


def test_a_circuit_without_outcomes_has_no_rows() -> None:
    nothing: Sequence[tuple[int, str, int, float]] = []
    assert list(CircuitOutcome({}).rows()) == nothing


def test_whether_there_are_shots_and_what_is_taken_where_nothing_is_said() -> None:
    assert JOB.has_memory
    assert not JobOutcomes("01-a", "star", 4, [PLAIN]).has_memory
    bare = read_circuit(b'{"counts": {"0": 1}}')
    assert (bare.index, bare.seconds, bare.engine, bare.memory) == (0, 0.0, "", None)
    assert (bare.registers, bare.layout, bare.approximate) == ([], None, None)
    assert bare == CircuitOutcome({"0": 1})


# -- other kinds than counts ------------------------------------------------------------------

ESTIMATED = CircuitOutcome(
    {},
    engine="aer/statevector",
    seconds=0.5,
    expectations=[Expectation("Z0 - X1", 0.25, 0.01, 400), Expectation("ZI", 1.0, None, 1)],
)
COMPILED = CircuitOutcome(
    {},
    engine="compiler",
    index=1,
    layout=[2, 0],
    compilation=Compilation(depth=3, operations=5, joining=1, gates={"cz": 1, "r": 4}),
)
MITIGATED = [
    CircuitOutcome(
        {"0": 3, "1": 1}, mitigation=["readout"], mitigated={"0": 0.8, "1": 0.2}, layout=[4]
    ),
    CircuitOutcome(
        {},
        mitigation=["zne"],
        expectations=[
            Expectation("Z0", 0.9, 0.1, 30, 0.75, None, [0.75, 0.5, 0.25]),
            Expectation("1", 1.0, 0.0, 0, 1.0, 0.0),
        ],
    ),
]


def test_expectation_values_stand_in_the_place_of_counts() -> None:
    assert written(circuit_json(ESTIMATED)) == listed(
        {
            "version": 1,
            "index": 0,
            "registers": [],
            "counts": {},
            "engine": "aer/statevector",
            "seconds": 0.5,
            "expectations": [
                {"observable": "Z0 - X1", "value": 0.25, "error": 0.01, "shots": 400},
                {"observable": "ZI", "value": 1.0, "error": None, "shots": 1},
            ],
        }
    )


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (PLAIN, JobKind.SAMPLE),
        (ESTIMATED, JobKind.ESTIMATE),
        (COMPILED, JobKind.COMPILE),
        (dataclasses.replace(COMPILED, counts={"0": 1}), JobKind.SAMPLE),
        (MITIGATED[0], JobKind.SAMPLE),
        (MITIGATED[1], JobKind.ESTIMATE),
    ],
)
def test_what_each_kind_gave_is_read_as_it_was_written(
    outcome: CircuitOutcome, kind: JobKind
) -> None:
    assert read_circuit("".join(circuit_json(outcome)).encode()) == outcome
    job = JobOutcomes("01-a", "star", 4, [outcome])
    assert read_job("".join(outcomes_json(job)).encode()) == job
    assert job.kind is kind


def test_a_job_without_circuits_has_no_counts() -> None:
    assert JobOutcomes("01-a", "star", 4, []).kind is JobKind.SAMPLE


def test_what_a_target_gave_keeps_its_values() -> None:
    for outcome in (ESTIMATED, COMPILED):
        found = outcome.of_circuit(7, [], [1], memory=True)
        assert (found.expectations, found.compilation) == (
            outcome.expectations,
            outcome.compilation,
        )
        assert (found.index, found.layout, found.counts) == (7, [1], {})
    for outcome in MITIGATED:
        found = outcome.of_circuit(0, [], None, memory=True)
        assert (found.mitigation, found.mitigated, found.layout) == (
            outcome.mitigation,
            outcome.mitigated,
            outcome.layout,
        )
