"""Any Qiskit ``BackendV2`` as a target.

It is run with ``run()``, never through Qiskit's generic primitives: those give
zeros for a backend that keeps no bits per shot (Qiskit issue 15694). What it
does not give is said to be missing.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from quws.domain.circuits import CircuitFacts
from quws.domain.errors import InvalidCircuit
from quws.domain.options import RunOptions
from quws.domain.targets import Calibration, TargetDescription, TargetKind, TargetState
from quws.targets.base import CircuitResult, Compiled, NotLoaded, Progress, Target
from quws.targets.compiling import Compiler, check_level
from quws.targets.expected import Errors, Timing
from quws.targets.properties import properties, read_target
from quws.targets.qiskit import describing
from quws.targets.qiskit.locate import Source
from quws.targets.qiskit.results import read_result
from quws.targets.seeds import short

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_FIRST_POLL_SECONDS, _POLL_SECONDS = 0.001, 0.5


class _Expected(NamedTuple):
    target: Any
    timing: Timing
    errors: Errors

    def shot(self, circuit: QuantumCircuit) -> float | None:
        try:
            return self.timing.shot(circuit) if self.timing.known else None
        except (InvalidCircuit, KeyError):  # A delay in units of the backend's own.
            return None


class QiskitBackend(Target):
    """Runs circuits on a Qiskit backend.

    Parameters
    ----------
    backend
        ``module:NAME`` of a backend, of its class or of a function that makes
        it, or the name of an entry point of the group ``quws.backends``.
    arguments
        What the class or function is called with.
    method, method_arguments
        For a provider: which of its methods gives the backend, and called with what.
    options
        Options of every run, besides shots.
    memory
        Whether it gives the bits of each shot; by default whether it has the option.
    remote
        Whether the device is elsewhere: then it is looked up anew in each process.
    kind, title
        For the description; the kind is by default an emulator where the backend
        has a coupling or tells of errors, else a simulator.
    optimization
        How hard the compiler tries, 0 to 3, where a job does not say.

    """

    def __init__(
        self,
        name: str,
        *,
        backend: str,
        arguments: dict[str, Any] | None = None,
        method: str | None = None,
        method_arguments: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        memory: bool | None = None,
        remote: bool = False,
        kind: str | None = None,
        title: str | None = None,
        optimization: int = 1,
    ) -> None:
        super().__init__(name)
        check_level(optimization)
        if kind is not None and kind not in list(TargetKind):
            raise ValueError(f"kind is one of {', '.join(TargetKind)}, not '{kind}'")
        self._source = Source(backend, arguments or {}, method, method_arguments or {})
        self._options = options or {}
        self._memory = memory
        self._elsewhere = remote
        self.reusable = not remote
        self._kind = None if kind is None else TargetKind(kind)
        self._title = title
        self._optimization = optimization
        self._found: Any = None
        self._made: Any = None
        self._known: _Expected | None = None

    # -- the backend ------------------------------------------------------------------

    @override
    def load(self) -> None:
        from qiskit.transpiler import generate_preset_pass_manager  # noqa: F401, PLC0415

        self._found = self._source.find()

    @override
    def warm(self) -> None:
        # In the child and not before the fork: a backend may hold threads and connections. One
        # that is elsewhere only when it is used, which may be hours after this process was made.
        if not self._elsewhere:
            self._prepare()

    @property
    def backend(self) -> Any:
        """The Qiskit backend.

        Raises
        ------
        NotLoaded

        """
        if self._made is None:
            if self._found is None or not self._elsewhere:
                raise NotLoaded(f"the backend of {self.name} is not loaded")
            self._prepare()
        return self._made

    def _prepare(self) -> None:
        made = self._source.make(self._found)
        # Some build their target anew at every look.
        self._target = made.target
        self._compiler = Compiler(self._target, self._optimization)
        self._known_options = describing.options_of(made)
        self._made = made

    @property
    def engine(self) -> str:
        """What the backend is called in results and sentences."""
        return describing.name_of(self.backend)

    @property
    def gives_memory(self) -> bool:
        """Whether it gives the bits of each shot."""
        return "memory" in self._known_options if self._memory is None else self._memory

    # -- what it is -----------------------------------------------------------------------

    @override
    def describe(self) -> TargetDescription:
        backend = self.backend
        kind = self._kind
        if kind is None:
            kind = TargetKind.HARDWARE if self._elsewhere else describing.guess_kind(self._target)
        return describing.describe(
            self.name,
            backend,
            self._target,
            kind=kind,
            title=self._title,
            memory=self.gives_memory,
            seed="seed_simulator" in self._known_options,
            exclusive=self._kind is TargetKind.HARDWARE and not self._elsewhere,
        )

    @override
    def state(self) -> TargetState:
        return describing.read_state(self.backend)

    @override
    def calibration(self) -> Calibration:
        backend = self.backend
        if self._elsewhere:
            self._target = backend.target
        return describing.read_calibration(backend, self._target)

    # -- running --------------------------------------------------------------------------

    @override
    def memory_bytes(self, facts: CircuitFacts, options: RunOptions) -> int:
        # Whether it computes here or elsewhere, and how, only the backend knows.
        return (4 << 30) + (16 << min(facts.qubits, 40))

    @override
    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        _ = self.backend
        compiled = self._compiler.compile(circuit, options)
        made, expected = compiled.circuit, self._expected()
        return dataclasses.replace(
            compiled,
            changed=made != circuit,
            shot_seconds=expected.shot(made),
            fidelity=expected.errors.fidelity(made),
        )

    def _expected(self) -> _Expected:
        """Return what its calibration leads to expect, read once for each."""
        if self._known is None or self._known.target is not self._target:
            qubits, gates = read_target(self._target)
            reset = getattr(properties(self._target, "reset", (0,)), "duration", None) or 0.0
            timing = Timing(qubits, gates, reset=reset, dt=self._target.dt)
            self._known = _Expected(self._target, timing, Errors(qubits, gates))
        return self._known

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        started = time.monotonic()
        job = self.start(compiled.circuit, options)
        pause = _FIRST_POLL_SECONDS
        while not _is_over(job):
            progress(0.0, _waiting(job))
            time.sleep(pause)
            pause = min(2 * pause, _POLL_SECONDS)
        result = job.result()
        return read_result(
            result,
            0,
            [(item.name, item.size) for item in compiled.circuit.cregs],
            options,
            engine=self.engine,
            seconds=time.monotonic() - started,
        )

    def start(self, circuits: Any, options: RunOptions) -> Any:
        """Give one circuit or several to the backend, and return its job.

        Raises
        ------
        InvalidCircuit
            The backend takes none in this way.

        """
        extra = dict(self._options)
        backend = self.backend
        if options.memory and self.gives_memory:
            extra["memory"] = True
        if options.seed is not None and "seed_simulator" in self._known_options:
            extra["seed_simulator"] = short(options.seed)
        try:
            return backend.run(circuits, shots=options.shots, **extra)
        except NotImplementedError as error:
            raise _refuses_run(self.engine) from error
        except Exception as error:
            # IBM's raises an error of its own, with this in its text.
            if "backend.run" in str(error) and "primitive" in str(error).lower():
                raise _refuses_run(self.engine) from error
            raise


def _is_over(job: Any) -> bool:
    status = job.status()
    return str(getattr(status, "name", status)).upper() in ("DONE", "ERROR", "CANCELLED")


def _waiting(job: Any) -> str:
    status = job.status()
    return f"at the backend: {str(getattr(status, 'name', status)).lower()}"


def _refuses_run(name: str) -> InvalidCircuit:
    return InvalidCircuit(
        f"{name} does not take circuits by run(), only by primitives, which this adapter does not"
        " use; it needs an adapter of its own"
    )
