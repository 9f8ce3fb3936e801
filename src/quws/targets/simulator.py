"""The local simulator, on Qiskit Aer."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from quws.domain.circuits import CircuitFacts, CircuitLimits
from quws.domain.targets import Feature, TargetDescription, TargetKind
from quws.targets.base import CircuitResult, Compiled, Progress, RunOptions, Target

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_AMPLITUDE_BYTES = 16
_MOST_QUBITS = 30
_THREADED_QUBITS = 14


class Simulator(Target):
    """Runs circuits on Aer's state vector.

    Parameters
    ----------
    name
        The target's name.
    qubits
        The largest circuit; by default what fits into half of the machine's
        memory, at 16 bytes for each of the 2^n amplitudes.
    threads
        Threads of one run, 0 for one per core.

    """

    network = False

    def __init__(self, name: str, *, qubits: int | None = None, threads: int = 0) -> None:
        super().__init__(name)
        self._qubits = qubits if qubits is not None else _qubits_that_fit()
        self._threads = threads
        self._engine: Any = None
        self._passes: Any = None

    @override
    def describe(self) -> TargetDescription:
        return TargetDescription(
            name=self.name,
            kind=TargetKind.SIMULATOR,
            title="State-vector simulator (Qiskit Aer)",
            qubits=self._qubits,
            features=[
                Feature.MEMORY,
                Feature.SEED,
                Feature.MID_CIRCUIT,
                Feature.RESET,
                Feature.CONTROL_FLOW,
            ],
            circuit_limits=CircuitLimits(qubits=self._qubits),
        )

    @override
    def load(self) -> None:
        from qiskit.transpiler import generate_preset_pass_manager  # noqa: PLC0415
        from qiskit_aer import AerSimulator  # noqa: PLC0415

        self._engine = AerSimulator(method="statevector")
        # Aer builds its target anew at every look, which takes longer than the
        # run of a small circuit: so look once.
        self._passes = generate_preset_pass_manager(0, target=self._engine.target)

    @override
    def warm(self) -> None:
        from qiskit import QuantumCircuit  # noqa: PLC0415

        circuit = QuantumCircuit(2, 2)
        circuit.h(0)
        circuit.cx(0, 1)
        circuit.measure([0, 1], [0, 1])
        options = RunOptions(shots=16, seed=0)
        self.run(self.compile(circuit, options), options, lambda *_: None)

    @override
    def memory_bytes(self, facts: CircuitFacts, options: RunOptions) -> int:
        return _AMPLITUDE_BYTES << facts.qubits

    @override
    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        return Compiled(self._passes.run(circuit))

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        started = time.perf_counter()
        circuit = compiled.circuit
        job = self._engine.run(
            circuit,
            shots=options.shots,
            # Aer takes 32 bits of seed; fold the rest in rather than lose it.
            seed_simulator=None if options.seed is None else _fold(options.seed),
            memory=options.memory,
            # Waking a second thread takes longer than a small circuit does.
            max_parallel_threads=1 if circuit.num_qubits < _THREADED_QUBITS else self._threads,
        )
        result = job.result()
        if not result.success:
            if "memory" in str(result.status).lower():
                raise MemoryError
            raise RuntimeError(f"Aer could not run the circuit: {result.status}")
        return CircuitResult(
            counts={key: int(value) for key, value in result.get_counts().items()},
            memory=list(result.get_memory()) if options.memory else None,
            engine="aer/statevector",
            seconds=time.perf_counter() - started,
        )


def _fold(seed: int) -> int:
    return (seed ^ (seed >> 31) ^ (seed >> 62)) & 0x7FFFFFFF


def _qubits_that_fit() -> int:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        memory = 4 << 30
    return min(_MOST_QUBITS, (memory // 2 // _AMPLITUDE_BYTES).bit_length() - 1)
