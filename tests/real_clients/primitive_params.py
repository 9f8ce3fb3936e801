"""Write PUBs as the client sends them, for ``../primitive_params.json``."""

import json

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import SparsePauliOp
from qiskit_ibm_runtime import RuntimeEncoder
from qiskit_ibm_runtime.options_models import ExecutorOptions
from qiskit_ibm_runtime.quantum_program import QuantumProgram
from qiskit_ibm_runtime.quantum_program.converters import quantum_program_to_2_0

theta, phi = ParameterVector("θ", 2), Parameter("a")


def bell():
    circuit = QuantumCircuit(2, metadata={"experiment": "bell"})
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def two_registers():
    a, b = ClassicalRegister(2, "alpha"), ClassicalRegister(1, "beta")
    qubits = QuantumRegister(3, "q")
    circuit = QuantumCircuit(qubits, a, b)
    circuit.ry(theta[0], 0)
    circuit.ry(theta[1], 1)
    circuit.rx(phi, 2)
    circuit.measure(0, a[0])
    circuit.measure(1, a[1])
    circuit.measure(2, b[0])
    return circuit


def more_than_a_byte():
    circuit = QuantumCircuit(9, 9)
    circuit.x(4)
    circuit.measure(range(9), range(9))
    return circuit


def ansatz():
    circuit = QuantumCircuit(2)
    circuit.ry(theta[0], 0)
    circuit.cx(0, 1)
    circuit.rz(theta[1], 1)
    return circuit


sampled = [
    SamplerPub.coerce(bell()),
    SamplerPub.coerce((two_registers(), np.linspace(0, np.pi, 18).reshape(2, 3, 3), 100)),
    SamplerPub.coerce((more_than_a_byte(), None, 7)),
]
in_a_column = [[SparsePauliOp(["ZZ", "XX"], [0.5, -1.0])], [SparsePauliOp(["ZI"])]]
in_a_column.append([{"0+": 1.0, "rl": 2.0}])
estimated = [
    EstimatorPub.coerce((ansatz(), in_a_column, np.linspace(0, 3, 8).reshape(4, 2), 0.02)),
    EstimatorPub.coerce((QuantumCircuit(1), "Z")),
    EstimatorPub.coerce((ansatz(), [["ZZ", "IX", "YY"]], np.linspace(0, 1, 6).reshape(3, 1, 2))),
]
sent = {
    "sampler": {
        "pubs": sampled,
        "options": {"default_shots": 256, "simulator": {"seed_simulator": 3}},
        "version": 2,
        "support_qiskit": True,
    },
    "estimator": {
        "pubs": estimated,
        "options": {"default_precision": 0.05},
        "version": 2,
        "support_qiskit": True,
        "resilience_level": 0,
    },
}
program = QuantumProgram(shots=20)
angle = Parameter("t")
first = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "a"), ClassicalRegister(1, "b"))
first.rx(angle, 0)
first.x(1)
first.measure([0, 1], [1, 2])
second = QuantumCircuit(1, 9)
second.x(0)
second.measure(0, 8)
program.append_circuit_item(first, circuit_arguments=np.array([[0.0], [np.pi], [0.0]]))
program.append_circuit_item(second)
executed = quantum_program_to_2_0(program, ExecutorOptions())
sent["executor"] = executed.model_dump(mode="json")
print(json.dumps(sent, cls=RuntimeEncoder, indent=1))
