"""One circuit with values, run and read apart, against an exact calculation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import exact
import pytest
from runner_bench import Line, Local, a_line, work

from quws.circuits import several
from quws.circuits.parse import parse, read_again
from quws.circuits.several import read_to_bind
from quws.circuits.transcript.building import build
from quws.domain.batch import OnError
from quws.domain.bindings import Bindings
from quws.domain.circuits import BatchFacts, CircuitLimits
from quws.domain.kinds import JobKind
from quws.domain.observables import collect
from quws.domain.options import RunOptions
from quws.runner import read as module
from quws.runner.circuits import Texts
from quws.runner.local import run_here
from quws.runner.read import ReadRole
from quws.runner.work import Work
from quws.sandbox.messages import CircuitsWritten, ReadCircuits
from quws.targets.simulator import Simulator, template

CIRCUIT = """OPENQASM 3.0; include "stdgates.inc";
input float theta; input angle phi; qubit[2] q; bit[2] c;
ry(theta) q[0]; cx q[0], q[1]; rx(phi / 2) q[1]; c = measure q;"""
BINDINGS = Bindings(names=["phi", "theta"], rows=[[0.4, 1.1], [3.0, -0.2], [0.0, 0.0]])
SHOTS = 4000


@pytest.fixture
def line() -> Iterator[Line]:
    with a_line() as made:
        yield made


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    made = Simulator("simulator", qubits=4, threads=1)
    made.load()
    return made


def state(index: int, *, measured: bool = True) -> exact.Exact:
    phi, theta = BINDINGS.rows[index]
    follows = exact.Exact(2, 2)
    follows.gate("ry", [0], theta)
    follows.gate("cx", [0, 1])
    follows.gate("rx", [1], phi / 2)
    if measured:
        follows.measure(0, 0)
        follows.measure(1, 1)
    return follows


def asked(line: Line, **options: Any) -> Work:
    given = RunOptions(**{"shots": SHOTS, "seed": 5} | options)
    facts = BatchFacts.of([parse(CIRCUIT, None, CircuitLimits())[1]] * BINDINGS.count)
    made = work(line, circuits=BINDINGS.count, options=given, facts=facts)
    request = made.request.model_copy(update={"circuits": [CIRCUIT], "bindings": BINDINGS})
    texts = Texts(request, parse, read_again, read_to_bind)
    return Work(request, made.facts, given, texts, line.connection, made.teller)


def test_each_row_is_a_circuit(
    simulator: Simulator, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    once = several.read_checked

    def counted(source: str, *rest: Any) -> Any:
        read.append(source)
        return once(source, *rest)

    monkeypatch.setattr(several, "read_checked", counted)
    found = {index: result.counts for index, _, result in run_here(simulator, asked(line))}
    assert list(found) == [0, 1, 2]
    assert read == [CIRCUIT]
    for index, counts in found.items():
        for outcome, probability in state(index).probabilities([2]).items():
            spread = (SHOTS * probability * (1 - probability)) ** 0.5
            assert abs(counts.get(outcome, 0) - SHOTS * probability) <= 5 * spread + 1e-6
    # What has its result already is not made again, and the seed of each is its own.
    again = asked(line)
    request = again.request.model_copy(update={"done": {0: "x", 1: "x"}})
    last = Work(request, again.facts, again.options, again.circuits, line.connection, again.teller)
    assert [(index, result.counts) for index, _, result in run_here(simulator, last)] == [
        (2, found[2])
    ]


def test_each_row_is_estimated(simulator: Simulator, line: Line) -> None:
    given = asked(line, kind=JobKind.ESTIMATE, shots=0, observable=collect(["Z0 - 0.5*Y1"]))
    for index, _, result in run_here(simulator, given):
        (item,) = result.expectations or []
        value = state(index, measured=False).expectation([(1, {0: "Z"}), (-0.5, {1: "Y"})])
        assert item.value == pytest.approx(value, abs=1e-9)


MANY = """OPENQASM 3.0; include "stdgates.inc";
gate turn(a, b) p, q { rx(a) p; cp(b - a) p, q; ry(2 * b) q; }
input float a; input angle b; input float c; qubit[3] q;
h q; u3(a, b, -a) q[0]; p(b) q[1]; rz(2 * a - b) q[2]; crx(a / 3) q[0], q[2];
turn(a, b) q[1], q[2]; ccx q[0], q[1], q[2]; u2(b, a) q[1];
ctrl @ ry(b * 0.5) q[2], q[0]; gphase(a);
p(1 / c) q[0]; h q;"""
MANY_ROWS = Bindings(names=["b", "c", "a"], rows=[[0.4, 2, 1.1], [3.0, -1, -0.2], [0, 1e-3, 0.7]])
ASKED = ["Z0 X2 + 0.3*Y1", "Z0 Z1 Z2", "X0 - Z1"]


def a_sweep(line: Line, rows: Bindings, **options: Any) -> Work:
    given = RunOptions(
        kind=JobKind.ESTIMATE, observable=collect(ASKED), **{"shots": SHOTS, "seed": 5} | options
    )
    facts = BatchFacts.of([parse(MANY, None, CircuitLimits())[1]] * rows.count)
    made = work(line, circuits=rows.count, options=given, facts=facts)
    request = made.request.model_copy(update={"circuits": [MANY], "bindings": rows})
    texts = Texts(request, parse, read_again, read_to_bind)
    return Work(request, made.facts, given, texts, line.connection, made.teller)


@pytest.mark.parametrize("shots", [0, SHOTS])
def test_rows_that_are_translated_together_give_what_each_circuit_gives(
    simulator: Simulator, line: Line, monkeypatch: pytest.MonkeyPatch, shots: int
) -> None:
    def values() -> list[list[Any]]:
        ran = run_here(simulator, a_sweep(line, MANY_ROWS, shots=shots))
        return [
            [*((item.value, item.error) for item in result.expectations or []), result.notes]
            for _, _, result in ran
        ]

    translated = 0
    once = template.Template.at

    def counted(*given: Any) -> Any:
        nonlocal translated
        translated += 1
        return once(*given)

    monkeypatch.setattr(template.Template, "at", counted)
    together = values()
    assert translated == 3
    monkeypatch.setattr(Simulator, "sweep", lambda *_: None)
    alone = values()
    assert translated == 3
    for found, expected in zip(together, alone, strict=True):
        for item, wanted in zip(found[:-1], expected[:-1], strict=True):
            # With shots, the same are drawn.
            assert item == pytest.approx(wanted, abs=1e-9)
        assert found[-1] == expected[-1]


def test_a_row_without_an_angle_is_told_of(simulator: Simulator, line: Line) -> None:
    rows = Bindings(names=["a", "b", "c"], rows=[[0.1, 0.2, 1.0], [0.1, 0.2, 0.0], [0.3, 0.1, 1.0]])
    given = a_sweep(line, rows, shots=0, on_error=OnError.CONTINUE)
    assert [index for index, _, _ in run_here(simulator, given)] == [0, 2]
    assert given.missing == {
        1: "failed: an angle has no value, where BINDINGS gives a=0.1, b=0.2, c=0"
    }


def test_who_hands_texts_on_gets_the_values_beside(line: Line) -> None:
    target = Local()
    target.forwards = True
    given = asked(line)
    compiled = given.compiled(target, 1, given.options)
    assert (compiled.source, compiled.values) == (CIRCUIT, {"phi": 3.0, "theta": -0.2})


def test_they_are_read_apart(
    tmp_path: Path, line: Line, monkeypatch: pytest.MonkeyPatch, simulator: Simulator
) -> None:
    monkeypatch.setattr(module.confine, "limit", lambda **_: None)
    monkeypatch.chdir(tmp_path)
    role = ReadRole()
    role.load()
    request = ReadCircuits(
        circuits=[CIRCUIT],
        languages=[None],
        bindings=BINDINGS.some([2, 1]),
        limits=CircuitLimits(),
        memory_bytes=1 << 30,
        cpu_seconds=10,
        file_bytes=1 << 20,
        folder=str(tmp_path),
    )
    role.handle(request, line.connection)
    (answer,) = line.heard()
    assert isinstance(answer, CircuitsWritten)
    found = [json.loads(text) for text in (tmp_path / answer.file).read_text().splitlines()]
    angles = [
        [instruction.params[0] for instruction in circuit.data if instruction.params]
        for circuit in (build(item["circuit"], CircuitLimits()) for item in found)
    ]
    assert angles == [[0.0, 0.0], [-0.2, pytest.approx(1.5)]]
