"""Jobs that compile and run nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import qiskit
from runner_bench import Device, Line, a_line, content, known, work
from typing_extensions import override

from quws.circuits.parse import parse, read_again
from quws.circuits.several import read_to_bind
from quws.domain.circuits import BatchFacts, CircuitLimits
from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
from quws.domain.outcomes import read_job
from quws.runner import compiled
from quws.runner.circuits import Texts
from quws.runner.run import RunRole
from quws.runner.work import Failed, Work
from quws.sandbox.messages import CircuitFinished, ResultsWritten
from quws.targets.base import Compiled

CIRCUIT = 'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; h q[0]; cx q[0], q[1]; cx q[1], q[2];'

MEASURING = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; c = measure q;'


@pytest.fixture
def line() -> Iterator[Line]:
    with a_line() as made:
        yield made


@pytest.fixture(scope="module")
def role() -> RunRole:
    made = RunRole(
        {"name": "qpu", "adapter": "emulator", "options": {"device": "bluebell-5", "speed": 1e-6}}
    )
    made.load()
    return made


def asked(
    line: Line, circuits: int = 1, *, kind: JobKind = JobKind.COMPILE, circuit: str = CIRCUIT
) -> Work:
    made = work(
        line,
        circuits,
        options=RunOptions(kind=kind, shots=1000),
        facts=BatchFacts.of([parse(circuit, None, CircuitLimits())[1]] * circuits),
    )
    request = made.request.model_copy(update={"circuits": [circuit] * circuits})
    return dataclasses.replace(
        made, request=request, circuits=Texts(request, parse, read_again, read_to_bind)
    )


def test_the_compiled_circuit_and_what_is_known_of_it_are_the_results(
    role: RunRole, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # A device so slow that nobody would see the end of a single shot.
    role._run(asked(line))
    *_, finished, written = line.heard()
    assert finished == CircuitFinished(circuit=0, engine="compiler")
    assert isinstance(written, ResultsWritten)
    assert [item.id for item in written.files] == ["result", "compilation", "circuit-0"]
    text = (tmp_path / "circuit-0.qasm").read_text()
    assert text.startswith("OPENQASM 3.0;\n// qubits of the submitted circuit on those of the")
    told = read_job(content(written, "compilation.json"))
    assert told.shots == 0, "nothing was run"
    (found,) = told.circuits
    made = found.compilation
    assert made is not None
    assert (found.counts, found.registers) == ({}, [])
    assert found.layout is not None and len(set(found.layout)) == 3
    assert made.joining >= 2
    assert sum(made.gates.values()) == made.operations > made.depth
    assert (made.optimization, made.seed) == ("1", 0)
    assert made.fidelity is not None and 0.5 < made.fidelity < 1
    assert made.shot_seconds is not None and 1e-7 < made.shot_seconds < 1e-4
    remarks = [line for line in text.splitlines() if line.startswith("// ")][1:]
    assert remarks == [
        "// OPTIMIZATION=1",
        f"// one run takes {made.shot_seconds:.6g} seconds",
        f"// nothing goes wrong in a run with the probability {made.fidelity:.6g}",
    ]


def test_what_runs_tells_what_it_was_compiled_to_and_by_which_libraries(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    role = RunRole({"name": "qpu", "adapter": "emulator", "options": {"speed": 1e6}})
    role.load()
    role._run(asked(line, kind=JobKind.SAMPLE, circuit=MEASURING))
    *_, written = line.heard()
    assert isinstance(written, ResultsWritten)
    job = read_job(content(written, "counts.json"))
    (found,) = job.circuits
    assert sum(found.counts.values()) == 1000
    assert found.compilation is not None and found.layout is not None
    assert found.compilation.gates["measure"] == 2
    assert job.versions["qiskit"] == qiskit.__version__
    assert {"python", "quws", "numpy", "qiskit_aer"} <= job.versions.keys()


def test_each_circuit_of_a_batch_comes_with_its_own(
    role: RunRole, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    role._run(asked(line, 2))
    finished = [item for item in line.heard() if isinstance(item, CircuitFinished)]
    assert [item.circuit for item in finished if item.outcome] == [0, 1]
    assert [item.compiled and item.compiled.id for item in finished] == ["circuit-0", "circuit-1"]


def test_a_circuit_that_cannot_be_written_down_ends_the_job(
    role: RunRole, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compiled, "MOST_OPERATIONS", 3)
    with pytest.raises(Failed) as failed:
        role._run(asked(line))
    assert failed.value.error.message.endswith("too many to be kept as text")
    assert failed.value.harmless


class Elsewhere(Device):
    """A device with a queue of its own, whose circuits are compiled here."""

    @override
    def compile(self, circuit: Any, options: RunOptions) -> Compiled:
        return Compiled(circuit, layout=[0, 1, 2])


def test_nothing_is_handed_over(
    role: RunRole, line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    device = Elsewhere()
    monkeypatch.setattr(role, "_target", device)
    given = asked(line)
    request = given.request.model_copy(update={"handover": known()})
    role._run(dataclasses.replace(given, request=request))
    assert isinstance(line.heard()[-1], ResultsWritten)
    assert device.asked == []
