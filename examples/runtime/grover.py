"""Grover's search, with a second try within the same shot.

One step of the algorithm finds the marked one of eight states in 78 % of all cases. The circuit
looks at what it has found, and only where that was wrong does it begin again: then it is 95 %.
"""

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_ibm_runtime import SamplerV2 as Sampler

MARKED = "101"

service = QiskitRuntimeService()
backend = service.least_busy(simulator=False, operational=True, min_num_qubits=3)
print("backend:", backend.name)


def search(circuit, qubits):
    """Add one step of the search, from the state 0 on."""
    zeros = [qubit for qubit, bit in zip(qubits, reversed(MARKED)) if bit == "0"]
    circuit.h(qubits)
    if zeros:
        circuit.x(zeros)
    circuit.ccz(*qubits)
    if zeros:
        circuit.x(zeros)
    circuit.h(qubits)
    circuit.x(qubits)
    circuit.ccz(*qubits)
    circuit.x(qubits)
    circuit.h(qubits)


qubits = QuantumRegister(3, "q")
found = ClassicalRegister(3, "found")
again = ClassicalRegister(3, "again")
circuit = QuantumCircuit(qubits, found, again)
search(circuit, qubits)
circuit.measure(qubits, found)
with circuit.if_test((found, int(MARKED, 2))) as otherwise:
    circuit.measure(qubits, again)
with otherwise:
    circuit.reset(qubits)
    search(circuit, qubits)
    circuit.measure(qubits, again)

compiled = generate_preset_pass_manager(optimization_level=3, backend=backend).run(circuit)
job = Sampler(mode=backend).run([compiled], shots=2000)
print("job:", job.job_id())

data = job.result()[0].data
for name, bits in (("first", data.found), ("second", data.again)):
    print(f"{name} try: {bits.get_counts().get(MARKED, 0) / 2000:.3f}")
