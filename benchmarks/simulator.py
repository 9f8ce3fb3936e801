"""The target `simulator` against each engine called bare, for some families of circuits.

    ./quws bench simulator [FAMILY…]

Both sides are warm and in one process: the simulator gets a circuit that was
parsed and chooses, translates, runs and counts; the bare engine gets the same
gates by its own interface and gives its own counts. The goal is a time within
15 % and 20 ms of the best engine. Best of some runs, in milliseconds.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from quws.circuits.parse import parse
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.options import RunOptions
from quws.targets.simulator import Simulator

Ops = list[tuple[str, tuple[int, ...], tuple[float, ...]]]
SHOTS = 1000
SEED = 7
ENOUGH_SECONDS = 1.0
MOST_RUNS = 9


# -- families ----------------------------------------------------------------------


def ghz(n: int) -> Ops:
    return [("h", (0,), ()), *(("cx", (k, k + 1), ()) for k in range(n - 1))]


def clifford(n: int) -> Ops:
    random = Random(n)
    ops: Ops = []
    for _ in range(20):
        ops += [(random.choice(["h", "s", "x", "sdg"]), (k,), ()) for k in range(n)]
        order = random.sample(range(n), n)
        ops += [("cx", pair, ()) for pair in zip(order[::2], order[1::2], strict=False)]
    return ops


def general(n: int) -> Ops:
    random = Random(n)
    ops: Ops = []
    for _ in range(20):
        ops += [("u3", (k,), tuple(random.uniform(0, 3) for _ in range(3))) for k in range(n)]
        order = random.sample(range(n), n)
        ops += [("cx", pair, ()) for pair in zip(order[::2], order[1::2], strict=False)]
    return ops


def fourier(n: int) -> Ops:
    ops: Ops = [("ry", (k,), (0.3 * k + 0.1,)) for k in range(n)]
    for k in reversed(range(n)):
        ops.append(("h", (k,), ()))
        ops += [("cu1", (j, k), (math.pi / 2 ** (k - j),)) for j in range(k)]
    return ops


def qaoa(n: int) -> Ops:
    ops: Ops = [("h", (k,), ()) for k in range(n)]
    for layer in range(4):
        for distance in (1, 3):
            for k in range(n):
                other = (k + distance) % n
                ops += [
                    ("cx", (k, other), ()),
                    ("rz", (other,), (0.3 + 0.1 * layer,)),
                    ("cx", (k, other), ()),
                ]
        ops += [("rx", (k,), (0.7 - 0.1 * layer,)) for k in range(n)]
    return ops


def chain(n: int) -> Ops:
    random = Random(n)
    ops: Ops = []
    for layer in range(4):
        ops += [("ry", (k,), (random.uniform(0, 3),)) for k in range(n)]
        ops += [("cx", (k, k + 1), ()) for k in range(layer % 2, n - 1, 2)]
    return ops


FAMILIES: dict[str, tuple[Callable[[int], Ops], tuple[int, ...]]] = {
    "ghz": (ghz, (2, 20, 200)),
    "clifford": (clifford, (10, 100)),
    "general": (general, (4, 8, 10, 12, 14, 16, 18, 20, 22)),
    "fourier": (fourier, (5, 10, 15, 20, 22)),
    "qaoa": (qaoa, (8, 16, 20, 22)),
    "chain": (chain, (60,)),
}


# -- engines, bare -------------------------------------------------------------------


def bare_stim(n: int, ops: Ops) -> Any:
    import stim

    names = {"h": "H", "s": "S", "x": "X", "sdg": "S_DAG", "cx": "CX"}
    circuit = stim.Circuit()
    for name, on, _ in ops:
        circuit.append(names[name], on)
    circuit.append("M", range(n))
    rows = circuit.compile_sampler(seed=SEED).sample(SHOTS, bit_packed=True)
    return Counter(map(bytes, rows))


def bare_qulacs(n: int, ops: Ops) -> Any:
    import qulacs

    circuit = qulacs.QuantumCircuit(n)
    add = {
        "h": circuit.add_H_gate,
        "s": circuit.add_S_gate,
        "x": circuit.add_X_gate,
        "sdg": circuit.add_Sdag_gate,
        "cx": circuit.add_CNOT_gate,
        "u3": circuit.add_U3_gate,
    }
    turns = {"rx": circuit.add_RX_gate, "ry": circuit.add_RY_gate, "rz": circuit.add_RZ_gate}
    for name, on, angles in ops:
        if name in add:
            add[name](*on, *angles)
        elif name in turns:
            turns[name](*on, -angles[0])
        else:
            gate = qulacs.gate.U1(on[1], angles[0])
            gate = qulacs.gate.to_matrix_gate(gate)
            gate.add_control_qubit(on[0], 1)
            circuit.add_gate(gate)
    state = qulacs.QuantumState(n)
    circuit.update_quantum_state(state)
    return Counter(state.sampling(SHOTS, SEED))


def bare_qsim(n: int, ops: Ops) -> Any:
    from quws.targets.simulator.qsim_engine import QsimEngine

    engine = QsimEngine()
    engine.load()
    qsim = engine.module
    kinds = {"h": "kH", "x": "kX", "s": "kS", "cx": "kCX", "rx": "krx", "ry": "kry", "rz": "krz"}
    circuit = qsim.Circuit()
    circuit.num_qubits = n
    for moment, (name, on, angles) in enumerate(ops):
        if name in kinds:
            kind = getattr(qsim.GateKind, kinds[name])
            qsim.add_gate(kind, moment, list(on), {"phi": angles[0]} if angles else {}, circuit)
        elif name == "cu1":
            qsim.add_gate(
                qsim.GateKind.kCZPowGate,
                moment,
                list(on),
                {"exponent": angles[0] / math.pi, "global_shift": 0.0},
                circuit,
            )
        else:
            matrix = _matrix(name, angles)
            flat = [part for row in matrix for value in row for part in (value.real, value.imag)]
            qsim.add_matrix_gate(moment, list(on), flat, circuit)
    options = {"c": circuit, "s": SEED, "t": THREADS if n > 15 else 1, "f": 3 if n > 13 else 2}
    options |= {"z": False, "v": 0, "r": 1, "g": False, "gmode": 0, "gsst": 512, "gdb": 16}
    return Counter(qsim.qsim_sample_final(options, SHOTS))


def _matrix(name: str, angles: tuple[float, ...]) -> list[list[complex]]:
    import cmath

    if name == "sdg":
        return [[1, 0], [0, -1j]]
    theta, phi, lam = angles
    cosine, sine = math.cos(theta / 2), math.sin(theta / 2)
    return [
        [complex(cosine), -cmath.exp(1j * lam) * sine],
        [cmath.exp(1j * phi) * sine, cmath.exp(1j * (phi + lam)) * cosine],
    ]


def bare_aer(method: str) -> Callable[[int, Ops], Any]:
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator

    engine = AerSimulator(method=method)

    def run(n: int, ops: Ops) -> Any:
        circuit = QuantumCircuit(n, n)
        for name, on, angles in ops:
            getattr(circuit, {"u3": "u", "cu1": "cp"}.get(name, name))(*angles, *on)
        circuit.measure(range(n), range(n))
        options = {"max_parallel_threads": 1 if n < 14 else THREADS}
        return (
            engine.run(circuit, shots=SHOTS, seed_simulator=SEED, **options).result().get_counts()
        )

    return run


def bare_engines(family: str, n: int) -> dict[str, Callable[[int, Ops], Any]]:
    found: dict[str, Callable[[int, Ops], Any]] = {}
    if family in ("ghz", "clifford"):
        found["stim"] = bare_stim
    if n <= 24:
        found |= {"qulacs": bare_qulacs, "qsim": bare_qsim, "aer": bare_aer("statevector")}
    if family == "chain":
        found["aer MPS"] = bare_aer("matrix_product_state")
    return found


# -- measuring -----------------------------------------------------------------------


def best(works: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Time all in turns, so that other work on the machine meets them alike."""
    found = dict.fromkeys(works, math.inf)
    for work in works.values():
        work()
    started = time.perf_counter()
    for _ in range(MOST_RUNS):
        for name, work in works.items():
            before = time.perf_counter()
            work()
            found[name] = min(found[name], 1000 * (time.perf_counter() - before))
        if time.perf_counter() - started > ENOUGH_SECONDS * len(works):
            break
    return found


def text_of(n: int, ops: Ops) -> str:
    lines = [f'OPENQASM 2.0; include "qelib1.inc"; qreg q[{n}]; creg c[{n}];']
    for name, on, angles in ops:
        values = f"({','.join(map(repr, angles))})" if angles else ""
        lines.append(f"{name}{values} {','.join(f'q[{k}]' for k in on)};")
    return "\n".join([*lines, "measure q -> c;"])


THREADS = 2


def main() -> None:
    global THREADS  # noqa: PLW0603
    import os

    THREADS = len(os.sched_getaffinity(0))
    target = Simulator("simulator")
    target.load()
    target.warm()
    options = RunOptions(shots=SHOTS, seed=SEED)
    limits = CircuitLimits(qubits=4096)
    wanted = sys.argv[1:] or list(FAMILIES)
    print(f"{'':14}{'simulator':>11}  {'engine':28}{'best bare':>11}  {'goal':5} others")
    missed = 0
    for family in wanted:
        make, sizes = FAMILIES[family]
        for n in sizes:
            ops = make(n)
            circuit, _ = parse(text_of(n, ops), Language.OPENQASM_2, limits)

            def run(circuit: Any = circuit) -> Any:
                return target.run(target.compile(circuit, options), options, lambda *_: None)

            works: dict[str, Callable[[], Any]] = {"": run}
            for name, work in bare_engines(family, n).items():
                works[name] = partial(work, n, ops)
            bare = best(works)
            ours = bare.pop("")
            name = min(bare, key=lambda item: bare[item])
            kept = ours <= 1.15 * bare[name] + 20
            missed += not kept
            others = "  ".join(f"{key} {value:.1f}" for key, value in bare.items() if key != name)
            print(
                f"{family:9}{n:4} {ours:11.2f}  {run().engine:28}{bare[name]:11.2f}"
                f"  {'kept' if kept else 'MISSED'}  best: {name}; {others}",
                flush=True,
            )
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
