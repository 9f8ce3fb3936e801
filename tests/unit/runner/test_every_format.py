"""One circuit in every format, sampled, estimated and mitigated, against an exact calculation."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator

import exact
import pytest
from qir import number, program, qis, result, rt
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qpy
from runner_bench import Line, a_line, work

from quws.circuits.parse import parse, read_again
from quws.circuits.several import read_to_bind
from quws.domain.circuits import BatchFacts, CircuitLimits, Language
from quws.domain.kinds import JobKind
from quws.domain.mitigation import Mitigation
from quws.domain.noise import read_noise
from quws.domain.observables import collect
from quws.domain.options import RunOptions
from quws.domain.payloads import as_text
from quws.runner.circuits import Texts
from quws.runner.local import run_here
from quws.runner.work import Work
from quws.targets.base import CircuitResult
from quws.targets.simulator import Simulator

GATES: list[tuple[str, tuple[int, ...]]] = [
    ("y", (0,)),
    ("-y", (1,)),
    ("cz", (0, 1)),
    ("y", (1,)),
    ("x", (2,)),
    ("y", (2,)),
    ("cz", (1, 2)),
    ("y", (2,)),
]
"""What is done: quarter turns around Y, to and fro, a half turn around X, and CZ."""
MEASURED = {"a": [2, 0], "b": [1]}
"""The qubit that is measured into each bit of each register, bit 0 first."""
OBSERVABLES = ["Z0 Z1 - 0.5*Z2", "X0 X1 Z2 + 0.25", "Y1"]
SHOTS = 4000


def _openqasm(head: str, registers: str, measure: str) -> str:
    names = {"y": "ry(pi/2)", "-y": "ry(-pi/2)", "x": "x", "cz": "cz"}
    lines = [f"{names[name]} {','.join(f'q[{at}]' for at in on)};" for name, on in GATES]
    for register, qubits in MEASURED.items():
        lines += [measure.format(at, f"{register}[{bit}]") for bit, at in enumerate(qubits)]
    return "\n".join([head, registers, *lines])


def _qpy() -> str:
    registers = [ClassicalRegister(len(qubits), name) for name, qubits in MEASURED.items()]
    circuit = QuantumCircuit(QuantumRegister(3, "q"), *registers)
    for name, on in GATES:
        match name:
            case "cz":
                circuit.cz(*on)
            case "x":
                circuit.x(*on)
            case _:
                circuit.ry(math.pi / 2 if name == "y" else -math.pi / 2, *on)
    for register, qubits in zip(registers, MEASURED.values(), strict=True):
        circuit.measure(qubits, register)
    file = io.BytesIO()
    qpy.dump(circuit, file)
    return as_text(file.getvalue())


def _iqm() -> str:
    turns = {"y": (math.pi / 2, math.pi / 2), "-y": (-math.pi / 2, math.pi / 2), "x": (math.pi, 0)}
    made = []
    for name, on in GATES:
        args = {}
        if name != "cz":
            args = dict(zip(("angle", "phase"), turns[name], strict=True))
        made.append(("cz" if name == "cz" else "prx", on, args))
    made += [("measure", tuple(qubits), {"key": key}) for key, qubits in MEASURED.items()]
    instructions = [
        {"name": name, "locus": [f"QB{at + 1}" for at in on], "args": args}
        for name, on, args in made
    ]
    return json.dumps({"name": "c", "instructions": instructions})


def _cirq() -> str:
    powers = {"y": ("YPowGate", 0.5), "-y": ("YPowGate", -0.5), "x": ("XPowGate", 1.0)}
    powers["cz"] = ("CZPowGate", 1.0)
    gates = [
        ({"cirq_type": powers[name][0], "exponent": powers[name][1], "global_shift": 0.0}, on)
        for name, on in GATES
    ]
    gates += [
        ({"cirq_type": "MeasurementGate", "num_qubits": len(qubits), "key": key}, tuple(qubits))
        for key, qubits in MEASURED.items()
    ]
    moments = [
        {
            "cirq_type": "Moment",
            "operations": [
                {
                    "cirq_type": "GateOperation",
                    "gate": gate,
                    "qubits": [{"cirq_type": "LineQubit", "x": at} for at in on],
                }
            ],
        }
        for gate, on in gates
    ]
    return json.dumps({"cirq_type": "Circuit", "moments": moments})


def _stim() -> str:
    names = {"y": "SQRT_Y", "-y": "SQRT_Y_DAG", "x": "X", "cz": "CZ"}
    lines = [f"{names[name]} {' '.join(map(str, on))}" for name, on in GATES]
    return "\n".join([*lines, *(f"M {' '.join(map(str, each))}" for each in MEASURED.values())])


def _qir() -> str:
    angles = {"y": math.pi / 2, "-y": -math.pi / 2}
    lines = []
    for name, on in GATES:
        angle = [f"double {angles[name]!r}"] if name in angles else []
        lines.append(qis("ry__body" if angle else f"{name}__body", *angle, *map(number, on)))
    bits = [at for qubits in MEASURED.values() for at in qubits]
    lines += [qis("mz__body", number(at), number(place)) for place, at in enumerate(bits)]
    # What is recorded first stands leftmost.
    lines += [rt("array", "i64 2", "ptr @0"), result(1), result(0)]
    lines += [rt("array", "i64 1", "ptr @1"), result(2)]
    return program(*lines, labels=tuple(MEASURED))


CIRCUITS = {
    Language.OPENQASM_2: _openqasm(
        'OPENQASM 2.0; include "qelib1.inc";',
        "qreg q[3]; creg a[2]; creg b[1];",
        "measure q[{0}] -> {1};",
    ),
    Language.OPENQASM_3: _openqasm(
        'OPENQASM 3.0; include "stdgates.inc";',
        "qubit[3] q; bit[2] a; bit[1] b;",
        "{1} = measure q[{0}];",
    ),
    Language.QPY: _qpy(),
    Language.IQM_JSON: _iqm(),
    Language.CIRQ_JSON: _cirq(),
    Language.STIM: _stim(),
    Language.QIR: _qir(),
}


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    made = Simulator("simulator", qubits=6, threads=1)
    made.load()
    return made


@pytest.fixture
def line() -> Iterator[Line]:
    with a_line() as made:
        yield made


def state(bits: list[int]) -> exact.Exact:
    """Follow the circuit, and measure these qubits at its end."""
    follows = exact.Exact(3, len(bits))
    for name, on in GATES:
        match name:
            case "cz" | "x":
                follows.gate(name, list(on))
            case _:
                follows.gate("ry", list(on), math.pi / 2 if name == "y" else -math.pi / 2)
    for bit, qubit in enumerate(bits):
        follows.measure(qubit, bit)
    return follows


def ran(simulator: Simulator, line: Line, language: Language, options: RunOptions) -> CircuitResult:
    text = CIRCUITS[language]
    facts = BatchFacts.of([parse(text, None, CircuitLimits())[1]])
    made = work(line, circuits=1, options=options, facts=facts)
    request = made.request.model_copy(update={"circuits": [text]})
    texts = Texts(request, parse, read_again, read_to_bind)
    given = Work(request, made.facts, options, texts, line.connection, made.teller)
    ((_, _, result),) = run_here(simulator, given)
    return result


@pytest.mark.parametrize("language", CIRCUITS)
def test_it_is_sampled_with_and_without_mitigation(
    simulator: Simulator, line: Line, language: Language
) -> None:
    facts = parse(CIRCUITS[language], None, CircuitLimits())[1]
    assert facts.language is language
    found = {item.name: item.qubits for item in facts.registers}
    if language is Language.STIM:
        assert list(found.values()) == [[2, 0, 1]]
    else:
        assert found == MEASURED
    bits = [qubit for item in facts.registers for qubit in item.qubits if qubit is not None]
    sizes = [item.size for item in facts.registers]
    expected = state(bits).probabilities(sizes)
    assert len([value for value in expected.values() if value > 1e-9]) > 1

    counts = ran(simulator, line, language, RunOptions(shots=SHOTS, seed=3)).counts
    assert {key for key in counts if expected.get(key, 0.0) < 1e-9} == set()
    for outcome, probability in expected.items():
        spread = math.sqrt(SHOTS * probability * (1 - probability))
        assert abs(counts.get(outcome, 0) - SHOTS * probability) <= 5 * spread + 1e-6

    noise = read_noise("readout:p=0.1")
    options = RunOptions(shots=SHOTS, seed=3, noise=noise, mitigation=[Mitigation.READOUT])
    result = ran(simulator, line, language, options)
    assert result.mitigated is not None and sum(result.counts.values()) == SHOTS
    for outcome, probability in expected.items():
        # Beside a fifth of what is read wrong.
        assert abs(result.mitigated.get(outcome, 0.0) - probability) < 0.06


@pytest.mark.parametrize("language", CIRCUITS)
def test_it_is_estimated_exactly_by_shots_and_with_mitigation(
    simulator: Simulator, line: Line, language: Language
) -> None:
    observable = collect(OBSERVABLES)
    assert observable is not None
    follows = state([])
    expected = [
        follows.expectation((term.coefficient, dict(term.paulis)) for term in item.terms)
        for item in observable.plan(0).observables
    ]
    for more in (
        {"shots": 0},
        {"shots": SHOTS},
        {
            "shots": SHOTS,
            "noise": read_noise("readout:p=0.1"),
            "mitigation": [Mitigation.READOUT],
        },
    ):
        options = RunOptions(kind=JobKind.ESTIMATE, observable=observable, seed=3, **more)
        found = ran(simulator, line, language, options).expectations or []
        for item, value in zip(found, expected, strict=True):
            assert item.error is not None
            assert abs(item.value - value) <= 5 * item.error + 1e-9, (more, item)
