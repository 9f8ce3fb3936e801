"""Any Qiskit backend, also those that leave something out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit
from quws.domain.options import RunOptions
from quws.domain.targets import Feature, TargetKind
from quws.targets.base import (
    CircuitResult,
    Doubt,
    NotLoaded,
    RemoteStatus,
    RemoteTarget,
)
from quws.targets.bits import grouped
from quws.targets.qiskit import make
from quws.targets.qiskit.backend import QiskitBackend

HEAD = 'OPENQASM 3.0; include "stdgates.inc"; qubit[4] q; '
CIRCUITS = {
    # Register, bit and qubit differ everywhere.
    "bit[2] a; bit[3] b; x q[3]; x q[1]; a[1] = measure q[1]; b[0] = measure q[3];"
    " b[2] = measure q[0];": "001 10",
    "bit[70] c; x q[2]; c[69] = measure q[2]; c[1] = measure q[0];": "1" + "0" * 69,
    "bit[3] c; x q[0]; c[0] = measure q[0]; x q[0]; c[2] = measure q[0]; x q[3];"
    " c[1] = measure q[3];": "011",
}
GENERIC = "qiskit.providers.fake_provider:GenericBackendV2"


@pytest.fixture(autouse=True)
def module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))


def loaded(backend: str, **options: Any) -> QiskitBackend:
    target = make("t", backend=backend, **options)
    with pytest.raises(NotLoaded):
        target.describe()
    target.load()
    target.warm()
    return target


def run(target: QiskitBackend, body: str, **options: Any) -> CircuitResult:
    circuit, _ = parse(HEAD + body, None, CircuitLimits())
    chosen = RunOptions(**({"shots": 400, "seed": 5, "memory": True} | options))
    return target.run(target.compile(circuit, chosen), chosen, lambda *_: None)


@pytest.mark.parametrize(
    ("backend", "options", "memory", "kind"),
    [
        ("qiskit_aer:AerSimulator", {}, True, TargetKind.SIMULATOR),
        ("backends:NoMemory", {}, False, TargetKind.SIMULATOR),
        ("backends:ZeroMemory", {}, False, TargetKind.SIMULATOR),
        (GENERIC, {"arguments": {"num_qubits": 5, "seed": 1}}, True, TargetKind.EMULATOR),
        ("backends:Provider", {"method": "get_backend"}, True, TargetKind.SIMULATOR),
    ],
)
def test_bits_are_where_they_belong(
    backend: str, options: dict[str, Any], memory: bool, kind: TargetKind
) -> None:
    target = loaded(backend, **options)
    assert target.describe().kind is kind
    for body, expected in CIRCUITS.items():
        found = run(target, body)
        assert sum(found.counts.values()) == 400
        assert found.counts[expected] > 350, (body, found.counts)
        if memory:
            assert found.memory is not None
            assert Counter(found.memory) == found.counts
        else:
            # Rather none than invented ones.
            assert found.memory is None
            assert "single shots" in found.notes[0]


def test_a_backend_that_takes_primitives_only_is_refused() -> None:
    target = loaded("backends:PrimitivesOnly")
    with pytest.raises(InvalidCircuit, match=r"not take circuits by run\(\), only by primitives"):
        run(target, "bit c; c = measure q[0];")


def test_a_circuit_that_cannot_be_compiled_is_refused() -> None:
    target = loaded(GENERIC, arguments={"num_qubits": 5})
    assert Feature.CONTROL_FLOW not in target.describe().features
    with pytest.raises(InvalidCircuit, match="cannot be compiled"):
        run(target, "bit c; c = measure q[0]; if (c) { x q[1]; }")


def test_what_it_is_comes_from_the_backend() -> None:
    target = loaded(GENERIC, arguments={"num_qubits": 3, "coupling_map": [[0, 1], [1, 2]]})
    found = target.describe()
    assert found.coupling == [(0, 1), (1, 2)]
    assert found.native_gates == ["cx", "id", "rz", "sx", "x"]
    calibration = target.calibration()
    assert all(item.t1 for item in calibration.qubits)
    assert all(item.error for item in calibration.gates if item.gate == "cx")
    assert target.calibration().id == calibration.id


def test_what_to_expect_comes_from_the_backend() -> None:
    target = loaded(GENERIC, arguments={"num_qubits": 3, "coupling_map": [[0, 1], [1, 2]]})
    circuit, _ = parse(
        'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1];'
        " c = measure q;",
        None,
        CircuitLimits(),
    )
    options = RunOptions(shots=1, optimization="3", initial_layout=[2, 1])
    found = target.compile(circuit, options)
    assert (found.layout, found.optimization) == ([2, 1], "3")
    assert found.fidelity is not None and 0.5 < found.fidelity < 1
    assert found.shot_seconds is not None and 1e-9 < found.shot_seconds < 1e-3
    wrong = target.readout_errors(options)
    assert all(0 < wrong[qubit].one_for_zero < 0.5 for qubit in range(3))
    with pytest.raises(InvalidCircuit, match="no 'h' on its qubit 0; OPTIMIZATION=none"):
        target.compile(circuit, RunOptions(shots=1, optimization="none"))
    plain = loaded("qiskit_aer:AerSimulator").compile(circuit, RunOptions(shots=1))
    assert (plain.fidelity, plain.shot_seconds) == (None, None)


@pytest.mark.parametrize(
    ("backend", "sentence"),
    [
        ("no.such.module:Backend", "cannot be imported"),
        ("backends:Nothing", "has no 'Nothing'"),
        ("unheard-of", "neither MODULE:NAME nor one of the group quws.backends"),
    ],
)
def test_a_backend_that_is_not_there_is_named(backend: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make("t", backend=backend).load()


def test_a_remote_backend_is_found_again_by_its_id() -> None:
    first = make("t", backend="backends:Cloud", remote=True)
    assert isinstance(first, RemoteTarget)
    first.load()
    circuits = [parse(HEAD + body, None, CircuitLimits())[0] for body in CIRCUITS]
    options = RunOptions(shots=100, memory=True)
    handle = first.submit([first.compile(item, options) for item in circuits], options, "key")
    assert first.poll(handle).status is RemoteStatus.DONE
    with pytest.raises(Doubt):
        first.find("key")

    # Another process, after a crash of the first one.
    second = make("t", backend="backends:Cloud", remote=True)
    assert isinstance(second, RemoteTarget)
    second.load()
    results = second.fetch(handle)
    for result, expected in zip(results, CIRCUITS.values(), strict=True):
        assert result.counts == {expected: 100}
        assert result.memory == [expected] * 100


@pytest.mark.parametrize(
    ("key", "sizes", "expected"),
    [
        ("00110", [2, 3], "001 10"),
        ("001 10", [2, 3], "001 10"),
        ("0x6", [2, 3], "001 10"),
        ("0x0", [1], "0"),
    ],
)
def test_grouped(key: str, sizes: list[int], expected: str) -> None:
    assert grouped(key, sizes) == expected


def test_a_wrong_number_of_bits_is_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="3 bits for registers of 4"):
        grouped("011", [2, 2])
