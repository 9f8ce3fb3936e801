"""A QPY file with a batch, cut into its circuits; and a circuit as one."""

from __future__ import annotations

import io

import pytest
from qiskit import QuantumCircuit, qpy, transpile
from qiskit.circuit import Parameter

from quws.circuits.formats.qpy_files import split, write
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit

LIMITS = CircuitLimits()


def written(*circuits: QuantumCircuit, version: int = 13) -> bytes:
    file = io.BytesIO()
    qpy.dump(list(circuits), file, version=version)
    return file.getvalue()


def batch() -> list[QuantumCircuit]:
    """Circuits that have all kinds of parts; one has a layout after it."""
    bell = QuantumCircuit(2, 2, name="bell", metadata={"of": "ångström"})
    bell.h(0)
    bell.cx(0, 1)
    bell.measure([0, 1], [0, 1])
    gate = bell.remove_final_measurements(inplace=False).to_gate(label="both")
    own = QuantumCircuit(3, 1)
    own.append(gate.control(1), [0, 1, 2])
    own.rx(Parameter("θ") * 2, 0)
    with own.if_test((own.clbits[0], 1)):
        own.x(1)
    line = [[0, 1], [1, 0], [1, 2], [2, 1]]
    there = transpile(
        own.remove_final_measurements(inplace=False),
        coupling_map=line,
        initial_layout=[2, 0, 1],
        optimization_level=0,
    )
    assert there.layout is not None
    return [bell, there, own, QuantumCircuit(1)]


@pytest.mark.parametrize("version", range(13, qpy.QPY_VERSION + 1))
def test_each_circuit_is_a_file_of_its_own(version: int) -> None:
    circuits = batch()
    files = split(written(*circuits, version=version), LIMITS, 4)
    assert len(files) == 4
    for file, circuit in zip(files, circuits, strict=True):
        (found,) = qpy.load(io.BytesIO(file))
        assert (found, found.name, found.metadata) == (circuit, circuit.name, circuit.metadata)
        assert (found.layout is None) is (circuit.layout is None)


@pytest.mark.parametrize("version", range(13, qpy.QPY_VERSION + 1))
def test_what_is_one_file_already_stays_so(version: int) -> None:
    file = written(batch()[0], version=version)
    assert split(file, LIMITS, 1) == [file]


def moved(number: int) -> bytes:
    """A file whose table names another place for one of its circuits."""
    file = bytearray(written(*batch()[:2], version=16))
    file[20 + 8 * number + 7] ^= 0xFF
    return bytes(file)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        (b"QISKIT\x0c" + written(batch()[0])[7:], "version 12 of QPY"),
        (written(batch()[0]).replace(b"T\x0d", b"T\x63", 1), "version 99 of QPY"),
        (moved(0), "its circuits begin elsewhere"),
        (moved(1), "circuit 1: the circuit has [0-9]+ qubits"),
        (written(*batch()), "has 4 circuits; the target takes 1 to 3"),
        (written(*batch()[:2])[:-40], "ends in the middle"),
        (written(batch()[3], QuantumCircuit(60)), "circuit 1: the circuit has 60 qubits"),
        (b"", "ends in the middle"),
    ],
    ids=["old", "new", "first moved", "second moved", "many", "short", "wide", "empty"],
)
def test_what_is_no_such_batch_is_refused(file: bytes, sentence: str) -> None:
    with pytest.raises(InvalidCircuit, match=sentence):
        split(file, LIMITS, 3)


def test_no_end_of_a_file_is_read_past() -> None:
    file = written(*batch())
    for end in range(0, len(file), 7):
        with pytest.raises(InvalidCircuit):
            split(file[:end], LIMITS, 4)


def test_a_circuit_is_written_for_the_oldest_who_may_read_it() -> None:
    file = write(batch()[0])
    assert file[:7] == b"QISKIT\x0d"
    (found,) = qpy.load(io.BytesIO(file))
    assert found == batch()[0]
