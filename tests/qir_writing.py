"""How the programs of ``qir_circuits.json`` were written, by the released tools that write QIR.

Run by hand, in an environment of its own for each of them, with one of ``pyqir``, ``qiskit-qir``,
``pytket-qir`` or ``qdk`` as its argument: it writes the same circuit and adds it to the file.
"""

import base64
import json
import sys
from importlib.metadata import version
from pathlib import Path

FILE = Path(__file__).parent / "qir_circuits.json"
QSHARP = {"h": "H", "x": "X", "s": "S", "t": "T", "rx": "Rx", "ry": "Ry", "rz": "Rz"}
QSHARP |= {"cx": "CNOT", "cz": "CZ", "swap": "SWAP", "ccx": "CCNOT", "sdg": "Adjoint S"}
QSHARP |= {"tdg": "Adjoint T"}


def pyqir(gates, measured):
    import pyqir

    program = pyqir.SimpleModule("circuit", 3, 3)
    builder = pyqir.BasicQisBuilder(program.builder)
    names = {"sdg": "s_adj", "tdg": "t_adj"}
    for name, on, *angles in gates:
        qubits = [program.qubits[qubit] for qubit in on]
        make = getattr(builder, names.get(name, name), None) or getattr(pyqir.qis, name)
        first = () if hasattr(builder, names.get(name, name)) else (program.builder,)
        make(*first, *angles, *qubits)
    result = 0
    for qubits in measured.values():
        for qubit in qubits:
            builder.mz(program.qubits[qubit], program.results[result])
            result += 1
    return program.bitcode()


def qiskit_qir(gates, measured):
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
    from qiskit_qir import to_qir_module

    registers = [ClassicalRegister(len(bits), name) for name, bits in measured.items()]
    circuit = QuantumCircuit(QuantumRegister(3, "q"), *registers, name="circuit")
    for name, on, *angles in gates:
        getattr(circuit, name)(*angles, *on)
    for register, qubits in zip(registers, measured.values(), strict=True):
        circuit.measure(qubits, register)
    return to_qir_module(circuit)[0].bitcode


def pytket_qir(gates, measured):
    from math import pi

    from pytket import Circuit, OpType
    from pytket.passes import AutoRebase
    from pytket.qir import QIRFormat, QIRProfile, pytket_to_qir

    names = {"sdg": "Sdg", "tdg": "Tdg", "swap": "SWAP", "rx": "Rx", "ry": "Ry", "rz": "Rz"}
    circuit = Circuit()
    qubits = circuit.add_q_register("q", 3)
    for name, on, *angles in gates:
        make = getattr(circuit, names.get(name, name.upper()))
        make(*(angle / pi for angle in angles), *(qubits[qubit] for qubit in on))
    AutoRebase({OpType.CX, OpType.CZ, OpType.H, OpType.Rx, OpType.Ry, OpType.Rz}).apply(circuit)
    for name, bits in measured.items():
        register = circuit.add_c_register(name, len(bits))
        for bit, qubit in enumerate(bits):
            circuit.Measure(qubits[qubit], register[bit])
    return pytket_to_qir(circuit, "circuit", QIRFormat.BINARY, profile=QIRProfile.BASE)


def qdk(gates, measured):
    from qdk import TargetProfile, qsharp

    lines = []
    for name, on, *angles in gates:
        arguments = ", ".join([*map(repr, angles), *(f"q[{qubit}]" for qubit in on)])
        lines.append(f"{QSHARP[name]}({arguments});")
    arrays = [f"[{', '.join(f'M(q[{at}])' for at in bits)}]" for bits in measured.values()]
    types = ", ".join("Result[]" for _ in measured)
    qsharp.init(target_profile=TargetProfile.Base)
    body = "\n".join(["use q = Qubit[3];", *lines, f"({', '.join(arrays)})"])
    qsharp.eval(f"operation Main() : ({types}) {{\n{body}\n}}")
    return str(qsharp.compile("Main()"))


if __name__ == "__main__":
    tool = sys.argv[1]
    known = json.loads(FILE.read_text())
    made = globals()[tool.replace("-", "_")](known["gates"], known["measured"])
    key = "text" if isinstance(made, str) else "base64"
    content = made if isinstance(made, str) else base64.b64encode(made).decode()
    known["programs"][tool] = {"version": version(tool), "pyqir": None, key: content}
    try:
        known["programs"][tool]["pyqir"] = version("pyqir")
    except ImportError:
        pass
    FILE.write_text(json.dumps(known, indent=1) + "\n")
