"""The CHSH inequality, on a quantum computer.

A pair of entangled qubits is measured along two axes each. No two coins that were agreed on
beforehand give a sum of more than 2; quantum mechanics gives up to 2√2 ≈ 2.83.
"""

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import EstimatorV2 as Estimator
from qiskit_ibm_runtime import QiskitRuntimeService

service = QiskitRuntimeService()
backend = service.least_busy(simulator=False, operational=True, min_num_qubits=2)
print("backend:", backend.name)

# One axis of the first qubit turns through the whole circle; the second qubit's stand still.
angle = Parameter("angle")
pair = QuantumCircuit(2)
pair.h(0)
pair.cx(0, 1)
pair.ry(angle, 0)

angles = np.linspace(0, 2 * np.pi, 9)
first = SparsePauliOp(["ZZ", "ZX", "XZ", "XX"], [1, -1, 1, 1])
second = SparsePauliOp(["ZZ", "ZX", "XZ", "XX"], [1, 1, -1, 1])

compiled = generate_preset_pass_manager(optimization_level=3, backend=backend).run(pair)
observables = [[item.apply_layout(compiled.layout)] for item in (first, second)]

estimator = Estimator(mode=backend)
estimator.options.default_precision = 0.02
job = estimator.run([(compiled, observables, [[value] for value in angles])])
print("job:", job.job_id())

sums = job.result()[0].data.evs
for value, one, two in zip(angles, *sums):
    print(f"{value:6.3f}  {one:+.3f}  {two:+.3f}")
print(f"largest: {np.abs(sums).max():.3f}")
