"""Circuits of IQM's gates as IQM's JSON, and what its keys say of the results."""

import json
from collections.abc import Callable

import pytest
from formats import LIMITS
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit.classical import expr
from qiskit_aer import AerSimulator

from quws.circuits.formats.iqm_writing import read_keys, write_iqm
from quws.circuits.parse import parse
from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit

NAMES = ["QB1", "QB2", "QB3"]


def empty(*sizes: int) -> QuantumCircuit:
    registers = [ClassicalRegister(size, f"c{number}") for number, size in enumerate(sizes)]
    return QuantumCircuit(QuantumRegister(3, "q"), *registers)


def keys_in(document: dict) -> list[str]:
    return [item["args"]["key"] for item in document["instructions"] if item["name"] == "measure"]


def bits_after(circuit: QuantumCircuit) -> dict[int, int]:
    """The bits that a circuit whose outcome is certain leaves, by way of its text."""
    document = write_iqm(circuit, NAMES, name="c")
    keys = read_keys(keys_in(document))
    assert keys.sizes == [register.size for register in circuit.cregs]
    read = parse(json.dumps(document), Language.IQM_JSON, LIMITS)[0]
    (outcome,) = AerSimulator().run(read, shots=20).result().get_counts()
    groups = dict(zip([item.name for item in reversed(read.cregs)], outcome.split(), strict=True))
    return {bit: int(groups[key]) for key, bit in keys.bits.items()}


def test_gates_measurements_and_registers() -> None:
    circuit = empty(2, 3)
    circuit.r(3.141592653589793, 0.3, 0)
    circuit.cz(0, 1)
    circuit.barrier()
    circuit.delay(100, 2, unit="ns")
    circuit.reset(1)
    circuit.measure(0, 4)
    circuit.measure(1, 0)
    document = write_iqm(circuit, NAMES, name="mine")
    names = [item["name"] for item in document["instructions"]]
    assert names == ["prx", "cz", "barrier", "delay", "reset", "measure", "measure"]
    assert document["name"] == "mine"
    assert document["instructions"][3]["args"]["duration"] == pytest.approx(1e-7)
    assert keys_in(document) == ["m0_b4_s2_3", "m1_b0"]
    assert bits_after(circuit) == {4: 1, 0: 0}


def test_of_two_measurements_into_a_bit_the_last_one_counts() -> None:
    circuit = empty(1)
    circuit.measure(0, 0)
    circuit.r(3.141592653589793, 0, 0)
    circuit.measure(0, 0)
    assert bits_after(circuit) == {0: 1}


def test_many_registers_make_no_long_key() -> None:
    circuit = QuantumCircuit(QuantumRegister(3), *[ClassicalRegister(1) for _ in range(900)])
    circuit.measure(0, 899)
    keys = keys_in(write_iqm(circuit, NAMES, name="c"))
    assert len(keys[0]) < 20
    assert read_keys(keys).sizes == [1] * 900


Condition = Callable[[QuantumCircuit], object]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    ("condition", "on"),
    [
        (lambda circuit: (circuit.clbits[0], 1), 1),
        (lambda circuit: (circuit.cregs[0], 0), 0),
        (lambda circuit: expr.lift(circuit.clbits[0]), 1),
        (lambda circuit: expr.logic_not(circuit.clbits[0]), 0),
        (lambda circuit: expr.equal(expr.lift(circuit.cregs[0]), 0), 0),
    ],
)
def test_what_depends_on_a_bit_and_what_else(condition: Condition, on: int, first: int) -> None:
    circuit = empty(1, 2)
    circuit.r(3.141592653589793 * first, 0, 0)
    circuit.measure(0, 0)
    with circuit.if_test(condition(circuit)) as otherwise:
        circuit.r(3.141592653589793, 0, 1)
    with otherwise:
        circuit.r(1.5707963267948966, 0.4, 2)
        circuit.r(1.5707963267948966, 0.4, 2)
    circuit.measure([1, 2], [1, 2])
    done = first == on
    assert bits_after(circuit) == {0: first, 1: int(done), 2: int(not done)}


def test_what_depends_on_a_bit_that_was_not_measured() -> None:
    circuit = empty(1, 1)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.r(3.141592653589793, 0, 0)
    with otherwise:
        circuit.r(3.141592653589793, 0, 1)
    circuit.measure(1, 1)
    assert bits_after(circuit) == {1: 1}


def hadamard(circuit: QuantumCircuit) -> None:
    circuit.h(0)


def register_of_two(circuit: QuantumCircuit) -> None:
    with circuit.if_test((circuit.cregs[0], 2)):
        circuit.r(1, 0, 0)


def pair_in_a_block(circuit: QuantumCircuit) -> None:
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.cz(0, 1)


def loop(circuit: QuantumCircuit) -> None:
    with circuit.for_loop(range(3)):
        circuit.r(1, 0, 0)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (hadamard, "has 'h', which IQM's machines do not have"),
        (register_of_two, "a condition on more than one bit"),
        (pair_in_a_block, "has 'cz' that depends on a measurement"),
        (loop, "has 'for_loop'"),
        (lambda circuit: circuit.delay(7, 0, unit="dt"), "has no dt"),
    ],
)
def test_what_the_machines_do_not_do(build: Callable[[QuantumCircuit], None], said: str) -> None:
    circuit = empty(2)
    circuit.measure(0, 0)
    build(circuit)
    with pytest.raises(InvalidCircuit, match=said):
        write_iqm(circuit, NAMES, name="c")


def test_a_circuit_that_measures_nothing() -> None:
    with pytest.raises(InvalidCircuit, match="measures nothing"):
        write_iqm(empty(2), NAMES, name="c")


@pytest.mark.parametrize("keys", [["m1_b0"], ["meas_2_0_1"], []])
def test_keys_that_are_not_ours(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="results"):
        read_keys(keys)
