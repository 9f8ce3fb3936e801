"""Transcripts that somebody has made who wants no circuit: each is refused, and builds nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from quws.circuits.transcript import words
from quws.circuits.transcript.building import TranscriptFault, build
from quws.domain.circuits import CircuitLimits

LIMITS = CircuitLimits(qubits=5, clbits=8, operations=100)


@pytest.fixture(autouse=True)
def few_details(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "DETAILS", 2000)


RIGHT: dict[str, Any] = {
    "qubits": 3,
    "clbits": 2,
    "qregs": [["q", [0, 1, 2]]],
    "cregs": [["c", [0, 1]]],
    "gates": [["g", 1, 0.5, [["rx", [0], [0.3]]]], ["k", 2, 0, [["use", [1], 0, [], 1, 0, 0]]]],
    "phase": 0.25,
    "body": [
        ["h", [0], []],
        ["use", [2, 1], 1, [0.3], -1, 0, 0],
        ["control", [0, 1], 1, 0, ["h", []]],
        ["unitary", [0], [[0, 0], [1, 0], [1, 0], [0, 0]], "x^1.0"],
        ["delay", [0], 10, "ns"],
        ["barrier", [0, 1], []],
        ["measure", [0], [1]],
        ["if", [1], [0, 1], [0, 3], [[0], 0, [["x", [1], []]]]],
        ["range", [1], [], "i", [0, 5, 1], [[], 0, [["rx", [1], [[0.5, [[0, 2]]]]]]]],
    ],
}


def body(*instructions: Any) -> Callable[[dict[str, Any]], None]:
    return lambda given: given.update(body=list(instructions))


def part(**parts: Any) -> Callable[[dict[str, Any]], None]:
    return lambda given: given.update(parts)


def gates(*definitions: Any) -> Callable[[dict[str, Any]], None]:
    return lambda given: given.update(gates=list(definitions), body=[])


def nested(depth: int) -> Any:
    block: Any = [[], 0, []]
    for _ in range(depth):
        block = [[], 0, [["if", [0], [0], [[0]], block]]]
    return block[2][0]


NAN, INFINITE = float("nan"), float("inf")
ONE = [[1, 0], [0, 0], [0, 0], [1, 0]]
HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a part more": part(more=1),
    "a part less": lambda given: given.pop("phase"),
    "no qubits": part(qubits=0),
    "too many qubits": part(qubits=6),
    "qubits in words": part(qubits="3"),
    "a truth value of qubits": part(qubits=True),
    "a fraction of qubits": part(qubits=1.5),
    "too many bits": part(clbits=9),
    "fewer bits than none": part(clbits=-1),
    "a register of a qubit that is not there": part(qregs=[["q", [3]]]),
    "a register of a qubit twice": part(qregs=[["q", [0, 0]]]),
    "two registers of a name": part(cregs=[["c", [0]], ["c", [1]]]),
    "a register with a name of code": part(cregs=[["c[0]; include 'x'; //", [0]]]),
    "a register with an endless name": part(cregs=[["c" * 5000, [0]]]),
    "registers without end": part(qregs=[[f"q{n}", [0, 1, 2]] for n in range(1000)]),
    "a phase that is no number": part(phase=NAN),
    "a phase in words": part(phase="pi"),
    "a phase without end": part(phase=INFINITE),
    "a body that is none": part(body={"x": 1}),
    "instructions without end": part(body=[["h", [0], []]] * 1401),
    "definitions without end": gates(*[["g", 1, 0, [["h", [0], []]] * 15]] * 100),
    "an unknown word": body(["import", [0], ["os"]]),
    "a method for a word": body(["__init__", [0], []]),
    "no word": body([["h"], [0], []]),
    "an empty instruction": body([]),
    "an instruction that is none": body("h"),
    "a qubit that is not there": body(["h", [3], []]),
    "a negative qubit": body(["h", [-1], []]),
    "a truth value for a qubit": body(["h", [True], []]),
    "a fraction for a qubit": body(["h", [0.0], []]),
    "too many qubits for a gate": body(["h", [0, 1], []]),
    "too few qubits for a gate": body(["cx", [0], []]),
    "a qubit twice": body(["cx", [0, 0], []]),
    "an angle too many": body(["h", [0], [0.3]]),
    "an angle too few": body(["rx", [0], []]),
    "an angle in words": body(["rx", [0], ["0.3"]]),
    "an angle that is no number": body(["rx", [0], [NAN]]),
    "an infinite angle": body(["rx", [0], [-INFINITE]]),
    "a huge angle": body(["rx", [0], [1e16]]),
    "a huge whole angle": body(["rx", [0], [10**400]]),
    "a truth value for an angle": body(["rx", [0], [True]]),
    "an angle of a loop that is not there": body(["rx", [0], [[0, [[0, 1]]]]]),
    "an angle of a loop, not finite": body(
        ["range", [0], [], "i", [0, 2, 1], [[], 0, [["rx", [0], [[0, [[0, NAN]]]]]]]]
    ),
    "a bit that is not there": body(["measure", [0], [2]]),
    "a measurement of nothing": body(["measure", [0], []]),
    "a measurement into many": body(["measure", [0], [0, 1]]),
    "a delay in a unit that is none": body(["delay", [0], 1, "years"]),
    "a delay in a list of units": body(["delay", [0], 1, ["s"]]),
    "a delay that is no number": body(["delay", [0], NAN, "s"]),
    "a negative delay": body(["delay", [0], -1, "s"]),
    "a definition that is not there": body(["use", [0], 2, [], 1, 0, 0]),
    "the last definition from behind": body(["use", [0], -1, [], 1, 0, 0]),
    "a definition of other qubits": body(["use", [0], 1, [], 1, 0, 0]),
    "controls without end": body(["use", [0], 0, [], 1, 10**9, 0]),
    "controls at no value": body(["use", [0, 1], 0, [], 1, 1, 2]),
    "a power that is no number": body(["use", [0], 0, [], NAN, 0, 0]),
    "a parameter that is no number": body(["use", [0], 0, [INFINITE], 1, 0, 0]),
    "a definition of itself": gates(["g", 1, 0, [["use", [0], 0, [], 1, 0, 0]]]),
    "a definition of a later one": gates(
        ["g", 1, 0, [["use", [0], 1, [], 1, 0, 0]]], ["k", 1, 0, [["h", [0], []]]]
    ),
    "a definition with another's name": gates(["h", 1, 0, [["x", [0], []]]]),
    "a definition that measures": gates(["g", 1, 0, [["measure", [0], [0]]]]),
    "a definition that tests": gates(["g", 1, 0, [["if", [0], [], [[True]], [[], 0, []]]] * 600]),
    "a definition of too many qubits": gates(["g", 6, 0, []]),
    "a definition with a name of code": gates(["g; x", 1, 0, []]),
    "a fraction of a large gate": lambda given: given.update(
        qubits=4,
        gates=[["g", 4, 0, [["h", [0], []]]]],
        body=[["use", [0, 1, 2, 3], 0, [], 0.5, 0, 0]],
    ),
    "controls of what measures": body(["control", [0, 1], 1, 1, ["measure", []]]),
    "controls of controls": body(["control", [0, 1, 2], 1, 1, ["control", 1, 1, ["x", []]]]),
    "no controls": body(["control", [0], 0, 0, ["h", []]]),
    "more controls than qubits": body(["control", [0, 1, 2], 5, 1, ["h", []]]),
    "a matrix that is no gate's": body(["unitary", [0], [[2, 0], *ONE[1:]], None]),
    "a matrix that is no number's": body(["unitary", [0], [[NAN, 0], *ONE[1:]], None]),
    "a matrix without end": body(["unitary", [0], [[1, 0]] * 256, None]),
    "a matrix of three numbers": body(["unitary", [0], ONE[:3], None]),
    "a label of code": body(["unitary", [0], ONE, 'x"; y']),
    "blocks without end": body(nested(101)),
    "a block with another's qubit": body(["if", [0], [0], [[0]], [[], 0, [["x", [1], []]]]]),
    "a block with another's bit": body(["if", [0], [0], [[0]], [[], 0, [["measure", [0], [1]]]]]),
    "a block with another's register": body(["if", [0], [0], [[0]], [[0], 0, []]]),
    "a test of another's bit": body(["if", [0], [0], [[1]], [[], 0, []]]),
    "a test of a register that is not there": body(["if", [0], [0, 1], [1, 0], [[], 0, []]]),
    "a test of a number that does not fit": body(["if", [0], [0, 1], [0, 4], [[], 0, []]]),
    "a test of nothing": body(["if", [0], [0], [[]], [[], 0, []]]),
    "a test of too much": body(["if", [0], [0], [[0, 0]], [[], 0, []]]),
    "a test that joins nothing": body(["if", [0], [0], [["and"]], [[], 0, []]]),
    "a test by another word": body(["if", [0], [0, 1], [[0, 1, "eval"]], [[], 0, []]]),
    "a test without end": body(["if", [0], [0], [[0, *["not"] * 3000]], [[], 0, []]]),
    "three blocks": body(["if", [0], [0], [[0]], *[[[], 0, []]] * 3]),
    "a loop that nothing bounds": body(["while", [0], [0], [[0]], [[], 0, []]]),
    "a loop over words": body(["for", [0], [], None, ["a"], [[], 0, []]]),
    "a loop without end": body(["for", [0], [], None, [1] * 5000, [[], 0, []]]),
    "a range of two": body(["range", [0], [], None, [0, 5], [[], 0, []]]),
    "a range that stands still": body(["range", [0], [], None, [0, 5, 0], [[], 0, []]]),
    "a variable with a name of code": body(["range", [0], [], "i; x", [0, 5, 1], [[], 0, []]]),
    "a break in no loop": body(["break", [0], []]),
}


def test_the_right_one_is_taken() -> None:
    assert build(copy.deepcopy(RIGHT), LIMITS).num_qubits == 3


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_transcript_is_refused(what: str) -> None:
    given = copy.deepcopy(RIGHT)
    HOSTILE[what](given)
    with pytest.raises(TranscriptFault):
        build(given, LIMITS)


@pytest.mark.parametrize("given", [None, [], "x", 1, {}, [RIGHT]])
def test_nor_is_anything_else(given: object) -> None:
    with pytest.raises(TranscriptFault):
        build(given, LIMITS)


def test_no_part_of_it_can_be_left_out_or_be_of_another_kind() -> None:
    """Every value, put in the place of another: a fault or a circuit, and nothing else."""
    text = json.dumps(RIGHT)
    values: list[Any] = [None, True, -1, 1e300, "x", [], [[]], {}, "os"]

    def places(value: Any) -> list[tuple[Any, Any]]:
        found = []
        for key in range(len(value)) if isinstance(value, list) else list(value):
            found.append((value, key))
            if isinstance(value[key], list | dict):
                found += places(value[key])
        return found

    count = len(places(json.loads(text)))
    assert count > 80
    for place in range(count):
        for value in values:
            given = json.loads(text)
            parent, key = places(given)[place]
            parent[key] = value
            try:
                build(given, LIMITS)
            except TranscriptFault:
                continue
