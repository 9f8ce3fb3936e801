"""State vectors on qsim: fused gates in single precision, the fastest for many qubits.

Only the compiled module of ``qsimcirq`` is loaded. Importing the package
would import Cirq with it, which takes ten seconds and 180 MB, starts threads,
and is not needed to add gates.
"""

from __future__ import annotations

import importlib.util
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from typing_extensions import override

from quws.targets.simulator import sampled
from quws.targets.simulator.engine import Engine, Order
from quws.targets.simulator.program import steps
from quws.targets.simulator.tally import Measured

_PACKAGE = "qsimcirq"
_BY_INSTRUCTIONS = ("qsim_avx512", "qsim_avx2", "qsim_sse", "qsim_basic")
_PLAIN = {
    "x": "kX",
    "y": "kY",
    "z": "kZ",
    "h": "kH",
    "s": "kS",
    "t": "kT",
    "cx": "kCX",
    "cz": "kCZ",
}
_THREADED_QUBITS = 16
_WIDE_QUBITS = 17
"""From here on, more is gained by gates fused to three qubits than is lost by their size."""


class QsimEngine(Engine):
    """qsim's state-vector simulator, without Cirq."""

    name = "qsim"

    @override
    def installed(self) -> bool:
        return importlib.util.find_spec(_PACKAGE) is not None

    @override
    def load(self) -> None:
        number = _module("qsim_decide").detect_instructions()
        known = number if 0 <= number < len(_BY_INSTRUCTIONS) else -1
        self.module = _module(_BY_INSTRUCTIONS[known])
        self._kinds = {name: getattr(self.module.GateKind, kind) for name, kind in _PLAIN.items()}

    @override
    def takes(self, order: Order) -> bool:
        return sampled.fits(order)

    @override
    def prepare(self, order: Order) -> tuple[Any, dict[int, int]]:
        qsim, kinds = self.module, self._kinds
        circuit = qsim.Circuit()
        circuit.num_qubits = order.circuit.num_qubits
        measured: dict[int, int] = {}
        matrices: dict[str, list[float]] = {}
        for time, step in enumerate(steps(order.circuit)):
            name = step.name
            if name == "measure":
                measured[step.clbit] = step.qubits[0]
            elif name in kinds:
                qsim.add_gate(kinds[name], time, list(step.qubits), {}, circuit)
            elif name not in ("id", "delay"):
                if step.instruction.params or name not in matrices:
                    matrices[name] = _floats(step.instruction.matrix)
                # qsim counts the qubits of a matrix from the other end.
                qsim.add_matrix_gate(time, list(step.qubits[::-1]), matrices[name], circuit)
        return circuit, measured

    @override
    def run(self, prepared: tuple[Any, dict[int, int]], order: Order) -> Measured:
        circuit, measured = prepared
        qubits = order.circuit.num_qubits
        options = {
            "c": circuit,
            "s": order.short_seed,
            "t": 1 if qubits < _THREADED_QUBITS else order.threads,
            "f": 2 if qubits < _WIDE_QUBITS else 3,
            "z": False,
            "v": 0,
            "r": 1,
            # The rest is for graphics processors and not used, but must be there.
            "g": False,
            "gmode": 0,
            "gsst": 512,
            "gdb": 16,
        }
        drawn = self.module.qsim_sample_final(options, order.shots)
        if len(drawn) != order.shots:
            raise MemoryError  # It prints this and gives nothing back.
        return sampled.count(np.array(drawn, dtype=np.int64), measured, order)


def _floats(matrix: Any) -> list[float]:
    flat = np.ascontiguousarray(matrix, dtype=np.complex64).ravel()
    found: list[float] = flat.view(np.float32).tolist()
    return found


def _module(name: str) -> ModuleType:
    package = importlib.util.find_spec(_PACKAGE)
    assert package is not None and package.submodule_search_locations is not None
    for folder in package.submodule_search_locations:
        for path in sorted(Path(folder).glob(f"{name}.*")):
            loader = ExtensionFileLoader(name, str(path))
            spec = importlib.util.spec_from_file_location(name, path, loader=loader)
            assert spec is not None
            module = importlib.util.module_from_spec(spec)
            loader.exec_module(module)
            return module
    raise ImportError(f"{_PACKAGE} has no module {name}")
