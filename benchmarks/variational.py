"""A variational loop as a user writes it: what the way over a service costs.

Each iteration is one job of 20 sets of angles and 2 observables on 6 qubits; the next one is sent
when its values have come. Beside it the same loop on bare Aer, by EstimatorV2 in one process.

    ./quws bench variational [ITERATIONS]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
from harness import embedded
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.primitives import EstimatorV2

from quws.client import Client

QUBITS, LAYERS, BINDINGS = 6, 3, 20
HAMILTONIAN = [
    *((f"Z{at} Z{at + 1}", -1.0) for at in range(QUBITS - 1)),
    *((f"X{at}", 0.7) for at in range(QUBITS)),
]
MAGNETISATION = [(f"Z{at}", 1 / QUBITS) for at in range(QUBITS)]
OBSERVABLES = (HAMILTONIAN, MAGNETISATION)

Angles = list[list[float]]
"""For each circuit of an iteration its angles."""


NAMES = [f"t{number}" for number in range(QUBITS * LAYERS)]


def text() -> str:
    left = iter(NAMES)
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', f"qubit[{QUBITS}] q;"]
    lines += [f"input float {name};" for name in NAMES]
    for _ in range(LAYERS):
        lines += [f"ry({next(left)}) q[{at}];" for at in range(QUBITS)]
        lines += [f"cx q[{at}], q[{at + 1}];" for at in range(QUBITS - 1)]
    return "\n".join(lines)


def ansatz() -> QuantumCircuit:
    angles = iter(ParameterVector("t", QUBITS * LAYERS))
    circuit = QuantumCircuit(QUBITS)
    for _ in range(LAYERS):
        for at in range(QUBITS):
            circuit.ry(next(angles), at)
        for at in range(QUBITS - 1):
            circuit.cx(at, at + 1)
    return circuit


def operator_of(terms: list[tuple[str, float]]) -> SparsePauliOp:
    return SparsePauliOp.from_sparse_list(
        [
            ("".join(word[0] for word in label.split()), [int(w[1:]) for w in label.split()], value)
            for label, value in terms
        ],
        num_qubits=QUBITS,
    )


def sum_of(terms: list[tuple[str, float]]) -> str:
    return " + ".join(f"{value}*{label}" for label, value in terms).replace("+ -", "- ")


def loop(steps: list[Angles], ask: Callable[[Angles], np.ndarray]) -> tuple[float, np.ndarray]:
    """Ask for the values of each step after the one before; give the seconds, and all values."""
    ask(steps[0])
    started = time.perf_counter()
    found = [ask(step) for step in steps]
    return time.perf_counter() - started, np.array(found)


def bare(shots: int) -> Callable[[Angles], np.ndarray]:
    estimator = EstimatorV2(options={"default_precision": 0.0 if not shots else shots**-0.5})
    circuit = ansatz()
    operators = [[operator_of(terms)] for terms in OBSERVABLES]

    def ask(step: Angles) -> np.ndarray:
        found = estimator.run([(circuit, operators, np.array(step))]).result()
        return np.array(found[0].data.evs).T

    return ask


def served(client: Client, shots: int) -> Callable[[Angles], np.ndarray]:
    observable, circuit = [sum_of(terms) for terms in OBSERVABLES], text()

    def ask(step: Angles) -> np.ndarray:
        bindings = dict(zip(NAMES, zip(*step, strict=True), strict=True))
        job = client.submit(
            circuit, kind="estimate", bindings=bindings, observable=observable, shots=shots
        )
        found = job.wait().outcomes().circuits
        return np.array([[item.value for item in each.expectations or []] for each in found])

    return ask


def main() -> None:
    iterations = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    random = Random(1)
    steps = [
        [[random.uniform(0, 6.28) for _ in range(QUBITS * LAYERS)] for _ in range(BINDINGS)]
        for _ in range(iterations)
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded(Path(folder)) as service,
        Client(service.url) as client,
    ):
        for shots in (0, 1000):
            ours, values = loop(steps, served(client, shots))
            theirs, expected = loop(steps, bare(shots))
            apart = statistics.fmean(np.abs(values - expected).ravel().tolist())
            how = f"{shots} shots" if shots else "exact"
            print(
                f"{how:10} quws {ours:6.2f} s ({1000 * ours / iterations:.1f} ms each)"
                f"   Aer's EstimatorV2 {theirs:6.2f} s   {ours / theirs:.2f} times"
                f"   values apart by {apart:.2g}"
            )


if __name__ == "__main__":
    main()
