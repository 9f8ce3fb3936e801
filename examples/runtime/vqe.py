"""The ground state of a hydrogen molecule, by a variational eigensolver.

A classical optimizer turns the angles of a circuit until its energy is as low as it gets. All its
jobs belong to one session: they follow each other without waiting for those of others.
"""

import numpy as np
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import EstimatorV2 as Estimator
from qiskit_ibm_runtime import QiskitRuntimeService, Session
from scipy.optimize import minimize

# Two qubits are enough at the distance of the atoms in the molecule; energies in hartree.
hamiltonian = SparsePauliOp.from_list(
    [("II", -1.0524), ("IZ", 0.3979), ("ZI", -0.3979), ("ZZ", -0.0113), ("XX", 0.1809)]
)

service = QiskitRuntimeService()
backend = service.least_busy(simulator=False, operational=True, min_num_qubits=2)
print("backend:", backend.name)

ansatz = efficient_su2(hamiltonian.num_qubits, su2_gates=["ry"], reps=1)
compiled = generate_preset_pass_manager(optimization_level=3, backend=backend).run(ansatz)
observable = hamiltonian.apply_layout(compiled.layout)

energies = []


def energy(angles, estimator):
    """Return the energy of the circuit with these angles."""
    job = estimator.run([(compiled, [observable], [angles])])
    energies.append(float(job.result()[0].data.evs[0]))
    return energies[-1]


# Not far from the state of Hartree and Fock: elsewhere a lesser valley may be found.
start = np.array([0.3, 0.3, 2.7, 0.3])
limits = {"maxiter": 25, "rhobeg": 0.5}
with Session(backend=backend) as session:
    estimator = Estimator(mode=session)
    estimator.options.default_precision = 0.02
    found = minimize(energy, start, args=(estimator,), method="cobyla", options=limits)

exact = min(np.linalg.eigvalsh(hamiltonian.to_matrix()))
print("jobs:", len(energies))
print(f"energy: {found.fun:.3f}")
print(f"exact: {exact:.3f}")
