"""Any Qiskit ``BackendV2`` as a target.

It is run with ``run()``, never through Qiskit's generic primitives: those give
zeros for a backend that keeps no bits per shot (Qiskit issue 15694). What it
does not give is said to be missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from quws.domain.circuits import CircuitFacts, CircuitLimits
from quws.domain.errors import InvalidCircuit
from quws.domain.options import RunOptions
from quws.domain.targets import (
    Calibration,
    Feature,
    TargetDescription,
    TargetKind,
    TargetState,
    TargetStatus,
)
from quws.targets.base import (
    CircuitResult,
    Compiled,
    Doubt,
    Gone,
    NotLoaded,
    Progress,
    RemoteState,
    RemoteStatus,
    RemoteTarget,
    Target,
)
from quws.targets.bits import grouped
from quws.targets.properties import compile_with, gates_of, layout_of, read_target

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

GROUP = "quws.backends"
"""Entry points of packages that offer a backend, or what makes one, under a short name."""

_ANY_QUBITS = 64
_FIRST_POLL_SECONDS, _POLL_SECONDS = 0.001, 0.5


def find_attribute(path: str) -> Any:
    """Find what a path such as ``package.module:Class.method`` names.

    Raises
    ------
    ValueError
        With what is missing.

    """
    module, _, attribute = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise ValueError(f"'{path}' cannot be imported: {error}") from error
    except AttributeError:
        raise ValueError(f"the module {module} has no '{attribute}'") from None
    return found


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
        How hard the compiler tries, 0 to 3.

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
        if optimization not in range(4):
            raise ValueError("optimization is 0, 1, 2 or 3")
        if kind is not None and kind not in list(TargetKind):
            raise ValueError(f"kind is one of {', '.join(TargetKind)}, not '{kind}'")
        self._path = backend
        self._arguments = arguments or {}
        self._method = method
        self._method_arguments = method_arguments or {}
        self._options = options or {}
        self._memory = memory
        self._elsewhere = remote
        self._kind = kind
        self._title = title
        self._optimization = optimization
        self._make: Any = None
        self._made: Any = None
        self._passes: Any = None

    # -- the backend ------------------------------------------------------------------

    @override
    def load(self) -> None:
        from qiskit.transpiler import generate_preset_pass_manager  # noqa: F401, PLC0415

        self._make = find_attribute(self._full_path())

    @override
    def warm(self) -> None:
        # In the child and not before the fork: a backend may hold threads and connections. One
        # that is elsewhere only when it is used, which may be hours after this process was made.
        if not self._elsewhere:
            self._prepare()

    def _full_path(self) -> str:
        if ":" in self._path:
            return self._path
        known = {entry.name: entry.value for entry in entry_points(group=GROUP)}
        if self._path not in known:
            names = ", ".join(sorted(known)) or "none"
            raise ValueError(
                f"backend '{self._path}' is neither MODULE:NAME nor one of the group {GROUP},"
                f" which has: {names}"
            )
        return known[self._path]

    @property
    def backend(self) -> Any:
        """The Qiskit backend.

        Raises
        ------
        NotLoaded

        """
        if self._made is None:
            if self._make is None or not self._elsewhere:
                raise NotLoaded(f"the backend of {self.name} is not loaded")
            self._prepare()
        return self._made

    def _prepare(self) -> None:
        from qiskit.transpiler import generate_preset_pass_manager  # noqa: PLC0415

        made = self._make
        if inspect.isclass(made) or callable(made):
            made = made(**self._arguments)
        if self._method is not None:
            made = getattr(made, self._method)(**self._method_arguments)
        if not hasattr(made, "target") or not hasattr(made, "run"):
            raise ValueError(
                f"{self._path} gives a {type(made).__name__}, which is no Qiskit backend"
            )
        # Some build their target anew at every look.
        self._target = made.target
        self._passes, self._scheduling = (
            generate_preset_pass_manager(
                self._optimization,
                target=self._target,
                seed_transpiler=0,
                scheduling_method=scheduling,
            )
            for scheduling in (None, "alap")
        )
        self._known_options = frozenset(getattr(made.options, "__dict__", {})) | frozenset(
            getattr(made.options, "_fields", {})
        )
        self._made = made

    # -- what it is -----------------------------------------------------------------------

    @override
    def describe(self) -> TargetDescription:
        backend = self.backend
        target = self._target
        names = set(target.operation_names)
        qubits = target.num_qubits or _ANY_QUBITS
        coupling = target.build_coupling_map()
        features = [Feature.MID_CIRCUIT]
        features += [Feature.MEMORY] if self._gives_memory() else []
        features += [Feature.SEED] if "seed_simulator" in self._known_options else []
        features += [Feature.RESET] if "reset" in names else []
        features += [Feature.CONTROL_FLOW] if "if_else" in names else []
        features += [Feature.DELAY] if "delay" in names else []
        most = getattr(backend, "max_circuits", None)
        return TargetDescription(
            name=self.name,
            kind=TargetKind(self._kind) if self._kind else self._guessed_kind(),
            title=self._title or str(getattr(backend, "name", None) or type(backend).__name__),
            qubits=qubits,
            native_gates=[] if coupling is None else gates_of(target),
            coupling=None
            if coupling is None
            else sorted({(min(pair), max(pair)) for pair in coupling.get_edges()}),
            features=features,
            circuit_limits=CircuitLimits(qubits=qubits, operations=1_000_000),
            max_circuits=300 if most is None else most,
            exclusive=self._kind == TargetKind.HARDWARE and not self._elsewhere,
        )

    def _guessed_kind(self) -> TargetKind:
        if self._elsewhere:
            return TargetKind.HARDWARE
        # What stands for a device has its coupling, and errors even if it does not tell them.
        device = self._target.build_coupling_map() is not None
        wrong = any(item.error for item in self.calibration().gates)
        return TargetKind.EMULATOR if device or wrong else TargetKind.SIMULATOR

    def _gives_memory(self) -> bool:
        return "memory" in self._known_options if self._memory is None else self._memory

    @override
    def state(self) -> TargetState:
        status = getattr(self.backend, "status", None)
        if not callable(status):
            return TargetState()
        found = status()
        if getattr(found, "operational", True):
            return TargetState()
        return TargetState(
            status=TargetStatus.OFFLINE, message=getattr(found, "status_msg", None) or None
        )

    @override
    def calibration(self) -> Calibration:
        backend = self.backend
        if self._elsewhere:
            self._target = backend.target
        qubits, gates = read_target(self._target)
        content = json.dumps([item.model_dump() for item in (*qubits, *gates)], sort_keys=True)
        return Calibration(
            id=hashlib.sha256(content.encode()).hexdigest()[:16],
            time=_calibrated(backend),
            qubits=qubits,
            gates=gates,
        )

    def _aligned(self) -> bool:
        """Whether delays must fit its pulses: then the whole circuit needs a schedule."""
        target = self._target
        return target.dt is not None and (
            target.acquire_alignment != 1 or target.pulse_alignment != 1
        )

    # -- running --------------------------------------------------------------------------

    @override
    def memory_bytes(self, facts: CircuitFacts, options: RunOptions) -> int:
        # Whether it computes here or elsewhere, and how, only the backend knows.
        return (4 << 30) + (16 << min(facts.qubits, 40))

    @override
    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        _ = self.backend
        passes = self._passes
        if circuit.count_ops().get("delay") and self._aligned():
            passes = self._scheduling
        compiled = compile_with(passes, circuit)
        return Compiled(compiled, layout=layout_of(compiled), changed=compiled != circuit)

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        started = time.monotonic()
        job = self._start(compiled.circuit, options)
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
            engine=self._engine(),
            seconds=time.monotonic() - started,
        )

    def _engine(self) -> str:
        return str(getattr(self.backend, "name", None) or type(self.backend).__name__)

    def _start(self, circuits: Any, options: RunOptions) -> Any:
        extra = dict(self._options)
        if options.memory and self._gives_memory():
            extra["memory"] = True
        if options.seed is not None and "seed_simulator" in self._known_options:
            extra["seed_simulator"] = options.seed % (2**31 - 1)
        try:
            return self.backend.run(circuits, shots=options.shots, **extra)
        except NotImplementedError as error:
            raise _refuses_run(self._engine()) from error
        except Exception as error:
            # IBM's raises an error of its own, with this in its text.
            if "backend.run" in str(error) and "primitive" in str(error).lower():
                raise _refuses_run(self._engine()) from error
            raise


class RemoteQiskitBackend(QiskitBackend, RemoteTarget):
    """Runs circuits on a Qiskit backend that has a queue of its own.

    Its jobs are found again by the vendor's id. No vendor's adapter can be asked
    by a key of ours, so a submission that was cut off stays in doubt.
    """

    poll_seconds = 5.0

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self._jobs: dict[str, Any] = {}
        self._shapes: list[list[tuple[str, int]]] = []
        self._asked: RunOptions | None = None

    @override
    def submit(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> str:
        self._asked = options
        job = self._start([item.circuit for item in circuits], options)
        handle = str(job.job_id())
        self._jobs[handle] = job
        return handle

    @override
    def find(self, key: str) -> str | None:
        raise Doubt(f"{self._engine()} cannot be asked for a job by our key")

    @override
    def poll(self, handle: str) -> RemoteState:
        with _asking():
            job = self._job(handle)
            status = job.status()
            name = str(getattr(status, "name", status)).upper()
            position = getattr(job, "queue_position", None)
            return RemoteState(
                _STATUS.get(name, RemoteStatus.RUNNING),
                message=_error_of(job) if name == "ERROR" else None,
                position=position() if callable(position) and name == "QUEUED" else None,
            )

    @override
    def cancel(self, handle: str) -> None:
        with _asking():
            self._job(handle).cancel()

    @override
    def fetch(self, handle: str) -> list[CircuitResult]:
        with _asking():
            result = self._job(handle).result()
        options = self._asked or RunOptions(shots=0, memory=self._gives_memory())
        return [
            read_result(
                result,
                index,
                _registers_of(item),
                options,
                engine=self._engine(),
                seconds=float(getattr(result, "time_taken", None) or 0.0) / len(result.results),
            )
            for index, item in enumerate(result.results)
        ]

    def _job(self, handle: str) -> Any:
        if handle not in self._jobs:
            for name in ("retrieve_job", "job"):
                retrieve = getattr(self.backend, name, None)
                if callable(retrieve):
                    self._jobs[handle] = retrieve(handle)
                    break
            else:
                raise Gone(f"{self._engine()} cannot be asked for a job by its id")
        return self._jobs[handle]


def make(name: str, *, remote: bool = False, **options: Any) -> QiskitBackend:
    """Make the target for a backend, with a life of its own where the backend is elsewhere."""
    kind = RemoteQiskitBackend if remote else QiskitBackend
    return kind(name, remote=remote, **options)


make.__signature__ = inspect.signature(QiskitBackend)  # type: ignore[attr-defined]


# -- results -------------------------------------------------------------------------------


def read_result(
    result: Any,
    index: int,
    registers: Sequence[tuple[str, int]],
    options: RunOptions,
    *,
    engine: str,
    seconds: float,
) -> CircuitResult:
    """Read one circuit of a Qiskit result.

    Parameters
    ----------
    registers
        Name and size of each classical register of the circuit, in order.

    Raises
    ------
    InvalidCircuit
        The backend says that it could not run the circuit.
    ValueError
        What it gives does not fit the registers.

    """
    found = result.results[index]
    if not getattr(found, "success", True):
        raise InvalidCircuit(
            f"{engine} could not run the circuit: {getattr(found, 'status', 'it does not say why')}"
        )
    sizes = [size for _, size in registers]
    counts: Counter[str] = Counter()
    for key, value in result.get_counts(index).items():
        counts[grouped(key, sizes)] += int(value)
    memory, notes = None, []
    if options.memory:
        memory, note = _memory(result, index, found, sizes, counts)
        notes += [note] if note else []
    return CircuitResult(
        counts=dict(counts), memory=memory, engine=engine, seconds=seconds, notes=notes
    )


def _memory(
    result: Any, index: int, found: Any, sizes: Sequence[int], counts: Counter[str]
) -> tuple[list[str] | None, str | None]:
    """Read the bits of each shot, if they are really there: they must add up to the counts."""
    if getattr(found.data, "memory", None):
        memory = [grouped(key, sizes) for key in result.get_memory(index)]
        if Counter(memory) == counts:
            return memory, None
        return None, "the bits of single shots are left out: they do not add up to the counts"
    return None, "this target does not give the bits of single shots"


def _registers_of(found: Any) -> list[tuple[str, int]]:
    header = found.header
    sizes = getattr(header, "creg_sizes", None)
    if sizes is None and isinstance(header, dict):
        sizes = header.get("creg_sizes")
    if sizes is None:
        raise ValueError("the backend does not tell the registers of its result")
    return [(str(name), int(size)) for name, size in sizes]


# -- what differs from vendor to vendor -------------------------------------------------------

_UNREACHABLE = frozenset({"ConnectionError", "Timeout", "TransportError"})
"""What the usual HTTP clients raise that have no errors of Python's own."""

_STATUS = {
    "INITIALIZING": RemoteStatus.QUEUED,
    "QUEUED": RemoteStatus.QUEUED,
    "VALIDATING": RemoteStatus.QUEUED,
    "RUNNING": RemoteStatus.RUNNING,
    "DONE": RemoteStatus.DONE,
    "ERROR": RemoteStatus.FAILED,
    "CANCELLED": RemoteStatus.CANCELLED,
}


@contextlib.contextmanager
def _asking() -> Iterator[None]:
    """Raise ``ConnectionError`` where a vendor does not answer, whatever its client is made of."""
    try:
        yield
    except Exception as error:
        names = {kind.__name__ for kind in type(error).__mro__}
        if isinstance(error, OSError) or names & _UNREACHABLE:
            raise ConnectionError(str(error)) from error
        raise


def _is_over(job: Any) -> bool:
    status = job.status()
    return str(getattr(status, "name", status)).upper() in ("DONE", "ERROR", "CANCELLED")


def _waiting(job: Any) -> str:
    status = job.status()
    return f"at the backend: {str(getattr(status, 'name', status)).lower()}"


def _error_of(job: Any) -> str | None:
    message = getattr(job, "error_message", None)
    return str(message())[:300] if callable(message) else None


def _refuses_run(name: str) -> InvalidCircuit:
    return InvalidCircuit(
        f"{name} does not take circuits by run(), only by primitives, which this adapter does not"
        " use; it needs an adapter of its own"
    )


def _calibrated(backend: Any) -> datetime:
    """Return when the backend was calibrated, as far as it says."""
    properties = getattr(backend, "properties", None)
    if callable(properties):
        when = getattr(properties(), "last_update_date", None)
        if isinstance(when, datetime):
            return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return datetime.now(UTC).replace(microsecond=0)
