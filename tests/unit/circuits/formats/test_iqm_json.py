"""IQM's circuits as JSON: what they mean, and what is refused by its path."""

import json
import math
import time
from typing import Any

import exact
import pytest
from circuits import BELL2, BELL3
from formats import LIMITS, facts, probabilities, refusal, same

from quws.circuits.parse import parse
from quws.circuits.transcript.building import build
from quws.circuits.transcript.writing import write
from quws.domain.circuits import Language, Register
from quws.domain.errors import InvalidCircuit

QUARTER = math.pi / 2


def step(name: str, locus: list[str], **args: Any) -> dict[str, Any]:
    return {"name": name, "locus": locus, "args": args}


def text(*instructions: Any, **more: Any) -> str:
    return json.dumps({"name": "c", "instructions": list(instructions)} | more)


MEASURE = step("measure", ["QB1"], key="m")


def turn(follows: exact.Exact, qubit: int, angle: float, phase: float, **more: Any) -> None:
    axis = math.cos(phase) * exact.X + math.sin(phase) * exact.Y
    follows.matrix(exact._turn(axis, angle), [qubit], **more)


def test_gates_and_the_bits_of_several_registers() -> None:
    source = text(
        step("prx", ["QB1"], angle=0.7, phase=0.3),
        step("prx", ["QB3"], angle=2.1, phase=-1.2) | {"implementation": None},
        step("prx", ["QB2"], angle=QUARTER, phase=QUARTER),
        step("cz", ["QB1", "QB3"]),
        step("cz", ["QB3", "QB2"]),
        step("prx", ["QB3"], angle=0.4, phase=0),
        step("prx", ["QB2"], angle=1, phase=2),
        step("barrier", ["QB1", "QB2", "QB3"]),
        step("measure", ["QB3", "QB1"], key="z"),
        step("delay", ["QB2"], duration=1e-6),
        step("measure", ["QB2"], key="a"),
        metadata={"experiment": [1, {"deep": None}]},
    )
    follows = exact.Exact(3, 3)
    turn(follows, 0, 0.7, 0.3)
    turn(follows, 2, 2.1, -1.2)
    turn(follows, 1, QUARTER, QUARTER)
    follows.gate("cz", [0, 2])
    follows.gate("cz", [2, 1])
    turn(follows, 2, 0.4, 0)
    turn(follows, 1, 1, 2)
    for qubit, clbit in ((2, 0), (0, 1), (1, 2)):
        follows.measure(qubit, clbit)
    same(source, follows.probabilities([2, 1]))
    found = facts(source)
    assert found.language is Language.IQM_JSON
    assert (found.qubits, found.clbits, found.operations) == (3, 3, 11)
    assert found.registers == [
        Register(name="z", size=2, qubits=[2, 0]),
        Register(name="a", size=1, qubits=[1]),
    ]
    assert found.delay_seconds == 1e-6
    assert found.notes == []


def test_the_spelling_of_before() -> None:
    old = {"name": "phased_rx", "qubits": ["QB2"], "args": {"angle_t": 0.1, "phase_t": -0.2}}
    source = text(
        old,
        {"name": "prx", "qubits": ["QB1"], "args": {"angle_t": 0.25, "phase_t": 0.25}},
        {"name": "cz", "qubits": ["QB1", "QB2"], "args": {}, "implementation": "tgss"},
        {"name": "barrier", "qubits": ["QB1"]},
        old,
        {"name": "measurement", "qubits": ["QB1", "QB2"], "args": {"key": "m"}},
    )
    follows = exact.Exact(2, 2)
    turn(follows, 1, 0.2 * math.pi, -0.4 * math.pi)
    turn(follows, 0, QUARTER, QUARTER)
    follows.gate("cz", [0, 1])
    turn(follows, 1, 0.2 * math.pi, -0.4 * math.pi)
    follows.measure(0, 0)
    follows.measure(1, 1)
    same(source, follows.probabilities([2]))
    assert facts(source).notes == ["the field 'implementation' is ignored: the target chooses how"]


def test_feedback_becomes_a_condition() -> None:
    source = text(
        step("prx", ["QB1"], angle=0.8, phase=0),
        step("prx", ["QB2"], angle=1.3, phase=0),
        step("measure", ["QB2", "QB1"], key="a", feedback_key="f"),
        step("reset", ["QB1", "QB2"]),
        step(
            "cc_prx",
            ["QB3"],
            angle=math.pi,
            phase=0,
            feedback_qubit="QB1",
            feedback_key="f",
        ),
        step("measure", ["QB1", "QB2", "QB3"], key="b"),
    )
    one, two = math.sin(0.4) ** 2, math.sin(0.65) ** 2
    same(
        source,
        {
            f"{first}00 {first}{second}": (one if first else 1 - one) * (two if second else 1 - two)
            for first in (0, 1)
            for second in (0, 1)
        },
    )
    assert facts(source).control_flow
    circuit = parse(source, None, LIMITS)[0]
    again = build(json.loads(json.dumps(write(circuit, LIMITS))), LIMITS)
    assert probabilities(again) == pytest.approx(probabilities(circuit))


def test_keys_that_are_no_names_become_names() -> None:
    source = text(
        step("measure", ["QB1", "QB2"], key="QB1,QB2"),
        step("prx", ["QB3"], angle=math.pi, phase=0),
        step("measure", ["QB3"], key="q"),
        step("measure", ["QB3"], key="QB1_QB2"),
        step("measure", ["QB1"], key="0\u2028"),
    )
    circuit, found = parse(source, None, LIMITS)
    assert [item.name for item in found.registers] == ["QB1_QB2_", "q", "QB1_QB2", "m_0_"]
    assert found.notes == [
        "measurement keys that are no names of registers: 'QB1,QB2' is QB1_QB2_, '0\\u2028' is m_0_"
    ]
    assert probabilities(circuit) == pytest.approx({"0 1 1 00": 1})


@pytest.mark.parametrize(
    "source", [text(MEASURE), f"\ufeff\n {text(MEASURE)}\r\n", text(MEASURE, metadata=None)]
)
def test_it_is_found_out(source: str) -> None:
    assert facts(source).language is Language.IQM_JSON
    assert facts(source, Language.IQM_JSON).language is Language.IQM_JSON


def test_nothing_else_is_taken_for_it() -> None:
    for source in (BELL2, BELL3, '{\nqubit q; bit c; // "instructions"\nc = measure q; }'):
        assert "no JSON" not in getattr(_outcome(source), "sentence", "")
        fault = refusal(source, Language.IQM_JSON)
        assert "is no JSON" in fault.sentence
        assert fault.line is not None
    assert refusal(text(MEASURE), Language.OPENQASM_3).sentence == (
        "the parameter LANG says OPENQASM-3 but the circuit is in IQM-JSON"
    )
    assert "must be an object" in refusal("[1]", Language.IQM_JSON).sentence


def _outcome(source: str) -> Any:
    try:
        return facts(source)
    except InvalidCircuit as fault:
        return fault


@pytest.mark.parametrize(
    ("instruction", "sentence"),
    [
        (step("move", ["QB2", "CR1"]), ".name is 'move'; there are prx, cz"),
        (step("h", ["QB1"]), ".name is 'h'; there are prx, cz, measure, cc_prx, reset"),
        (step("cz", ["QB1"]), ".locus must name 2 qubits"),
        (step("cz", ["QB1", "QB1"]), ".locus names a qubit twice"),
        (step("cz", ["QB1", "QB2"], angle=1), ".args has the field 'angle', which is not known"),
        (step("prx", ["QB1", "QB2"], angle=1, phase=1), ".locus must name 1 qubit"),
        (step("prx", ["QB1"], angle=1), ".args must have the fields 'angle' and 'phase', or"),
        (step("prx", ["QB1"], angle=1, phase_t=1), ".args must have the fields 'angle' and"),
        (step("prx", ["QB1"], angle=1, phase=1, phase_t=1), ".args must have the fields"),
        (step("prx", ["QB1"], angle=1, phase=1, more=1), ".args has the field 'more'"),
        (step("prx", ["QB1"], angle="1", phase=1), ".args.angle must be a finite number"),
        (step("prx", ["QB1"], angle=True, phase=1), ".args.angle must be a finite number"),
        (step("prx", ["QB1"], angle=10**400, phase=1), ".args.angle must be a finite number"),
        (step("prx", ["q1"], angle=1, phase=1), ".locus[0] must be the name of a qubit: 'QB1'"),
        (step("prx", ["QB0"], angle=1, phase=1), ".locus[0] must be the name of a qubit"),
        (step("prx", [1], angle=1, phase=1), ".locus[0] must be the name of a qubit"),
        (step("barrier", ["QB1", "QB29"]), ".locus[1] is 'QB29', the target has 28 qubits"),
        (step("barrier", []), ".locus must name a qubit"),
        (step("measure", ["QB1"]), ".args must have the field 'key'"),
        (step("measure", ["QB1"], key="m"), ".args.key is 'm', as that of a measurement before"),
        (step("measure", ["QB1"], key=1), ".args.key must be a text"),
        (step("measure", ["QB1"], key="k" * 101), ".args.key must have 1 to 100 characters"),
        (step("delay", ["QB1"], duration=-1), ".args.duration must not be negative"),
        (step("reset", ["QB1"], key="m"), ".args has the field 'key'"),
        (
            step("cc_prx", ["QB1"], angle=1, phase=1, feedback_qubit="QB1", feedback_key="f"),
            ".args names the feedback_key 'f' of 'QB1', and no measurement before it does",
        ),
        (step("prx", ["QB1"], angle=1, phase=1) | {"qubits": ["QB1"]}, " must have the field"),
        ({"name": "cz", "args": {}}, " must have the field 'locus', or 'qubits'"),
        ({"locus": ["QB1"]}, " must have the field 'name'"),
        ({"name": 1, "locus": ["QB1"]}, ".name must be a text"),
        (step("cz", ["QB1", "QB2"]) | {"args": None}, ".args must be an object"),
        (step("cz", ["QB1", "QB2"]) | {"implementation": 1}, ".implementation must be a text"),
        (step("cz", ["QB1", "QB2"]) | {"\u202emore": 1}, " has the field '\\u202emore', which"),
        ("cz", " must be an object"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(instruction: Any, sentence: str) -> None:
    assert refusal(text(MEASURE, instruction)).sentence.startswith(f"instructions[1]{sentence}")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ('{"instructions": {}}', "instructions must be a list"),
        (text(MEASURE, name=1), "name must be a text"),
        (text(MEASURE, metadata=[]), "metadata must be an object or null"),
        (text(MEASURE, shots=1), "the circuit has the field 'shots', which is not known there"),
        (json.dumps({"circuits": [json.loads(text(MEASURE))], "shots": 9}), "send each of its"),
        ('{"name": "c", "instructions": [], "name": "d"}', "the field 'name' stands twice in one"),
        ('{"instructions": []}', "the circuit declares no qubits"),
        ('{"instructions": [NaN]}', "NaN is no number of JSON"),
    ],
)
def test_what_is_wrong_with_the_whole(source: str, sentence: str) -> None:
    assert sentence in refusal(source).sentence


def test_broken_json_is_told_with_its_place() -> None:
    fault = refusal('{"name": "c",\n "instructions": [}')
    assert fault.sentence == "the circuit is no JSON: expecting value"
    assert (fault.line, fault.column) == (2, 19)


# Hostile texts


def test_limits() -> None:
    source = text(step("prx", ["QB1"], angle=1, phase=1), step("measure", ["QB1", "QB2"], key="m"))
    assert "3 operations" in refusal(source, operations=2).sentence
    assert "the target has 1 qubit" in refusal(source, qubits=1).sentence
    assert "more than 1 classical bits" in refusal(source, clbits=1).sentence
    assert "may have 10" in refusal(source, bytes_iqm_json=10).sentence
    nested = text(MEASURE, metadata={"a": 0}).replace("0}", "[" * 100 + "]" * 100 + "}")
    assert "brackets are nested more than 64 deep" in refusal(nested).sentence
    long = text(MEASURE, metadata={"a": 0}).replace("0}", "9" * 5000 + "}")
    assert "has more than 1300 characters" in refusal(long).sentence
    assert "is not closed on its line" in refusal('{"instructions": "').sentence


def test_no_text_takes_time_that_grows_with_its_square() -> None:
    start = time.process_time()
    head = '{"instructions": '
    assert refusal(head + '"' + '\\"' * 10**6).sentence
    fields = ",".join(f'"{number}":0' for number in range(10**5))
    assert "'99999' stands twice" in refusal(f'{head}{{{fields},"99999":0}}}}').sentence
    assert time.process_time() - start < 20
