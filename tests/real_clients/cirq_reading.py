"""Reads circuits with Cirq itself. Runs in an environment that has it.

    python cirq_reading.py FILE

It prints one JSON object: how many have the matrix that the file says, and what others count.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cirq
import numpy as np

said = json.loads(Path(sys.argv[1]).read_text())
matrices = 0
for item in said["written"]:
    circuit = cirq.read_json(json_text=item["text"])
    qubits = cirq.LineQubit.range(round(np.log2(len(item["matrix"]))))
    found = circuit.unitary(qubit_order=qubits, qubits_that_should_be_present=qubits)
    wanted = np.array(item["matrix"]) @ [1, 1j]
    assert cirq.equal_up_to_global_phase(found, wanted, atol=1e-6), (item["text"], found, wanted)
    matrices += 1
counts = []
for item in said["counted"]:
    run = cirq.Simulator().run(cirq.read_json(json_text=item["text"]), repetitions=3)
    rows = {
        key: {"".join(map(str, row)) for row in bits.tolist()}
        for key, bits in run.measurements.items()
    }
    counts.append({key: "|".join(sorted(found)) for key, found in rows.items()})
print(json.dumps({"matrices": matrices, "counts": counts}))
