"""The interface that every target implements.

``describe`` is called in service processes and must be cheap. Everything else
happens in child processes of a worker: ``load`` once in the process they are
forked from, ``warm`` once in each child before it gets a job.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from typing_extensions import override

from quws.domain.outcomes import CircuitOutcome
from quws.domain.targets import Feature, TargetState

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    from quws.domain.bases import Basis
    from quws.domain.circuits import CircuitFacts, Language
    from quws.domain.compiling import Optimization
    from quws.domain.options import RunOptions
    from quws.domain.paulis import Observable
    from quws.domain.targets import Calibration, TargetDescription
    from quws.targets.sweep import Sweep


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a circuit will run on the target, in seconds: most likely, and between what."""

    seconds: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Compiled:
    """A circuit as the target will run it.

    ``layout`` names, for each qubit of the submitted circuit, the qubit of the
    target that carries it at the start; None where both are the same.
    """

    circuit: QuantumCircuit
    layout: list[int] | None = None
    notes: list[str] = field(default_factory=list)
    """What a user should know, for the timeline."""
    changed: bool = False
    """Whether it differs from what was submitted, so that it is worth being shown."""
    source: str | None = None
    """The text that was submitted, for targets that hand it on; None where there is none, or where
    the process has a network and so must not see it.
    """
    language: Language | None = None
    """The language of that text."""
    values: Mapping[str, float] | None = None
    """The values of its parameters, which are not in the text; None where it has none."""
    optimization: Optimization | None = None
    """How hard the compiler tried; None where there is none."""
    seed: int | None = None
    """What the compiler drew its random numbers from."""
    shot_seconds: float | None = None
    """How long one run of it will take, by the target's calibration; None where nobody knows."""
    fidelity: float | None = None
    """How likely nothing goes wrong in a run, by the target's calibration."""


@dataclass(frozen=True, slots=True)
class CircuitResult(CircuitOutcome):
    """What a target gives for one circuit. Whose circuit it is, its caller adds."""

    notes: list[str] = field(default_factory=list, kw_only=True)
    """What a user should know, for the timeline: why this engine, for one."""
    compiled: str | None = field(default=None, kw_only=True)
    """The circuit that ran, as OpenQASM 3, where it was compiled elsewhere and is known."""


class Misread(NamedTuple):
    """How likely a bit is read wrong."""

    one_for_zero: float
    zero_for_one: float


class NotLoaded(Exception):
    """A target cannot describe itself before its libraries are loaded."""


COMPUTED = (
    Feature.MEMORY,
    Feature.SEED,
    Feature.MID_CIRCUIT,
    Feature.RESET,
    Feature.CONTROL_FLOW,
    Feature.DELAY,
)
"""What a target can do whose circuits are computed by our own engines."""

Progress = Callable[[float, str | None], None]
"""Takes the part that is done, 0 to 1, and a sentence on what is being done."""


class Target(ABC):
    """Something that runs circuits, one at a time, in a child process."""

    network: bool = True
    """Whether it talks to anything outside the process; else the process cannot. Where it does, the
    process sees no texts of users: others read them, and hand on the circuits.
    """
    processes: bool = True
    """Whether it starts programs to run or compile circuits; else the process cannot."""
    reusable: bool = False
    """Whether a process that has run a job may run the next one of the same owner: a run leaves
    nothing behind by which the next would be another one. Without it each job has its own.
    """
    forwards: bool = False
    """Whether it hands texts on as they are. Then nothing reads them here: no parser gets into the
    process that holds its secrets. Without ``compile``.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def describe(self) -> TargetDescription:
        """Describe what the target is and what it can run, without loading its libraries.

        Raises
        ------
        NotLoaded
            That can be told in a child only, after ``warm``. The service then knows the
            target from when its worker has looked, and from then on what it said last.

        """

    @abstractmethod
    def load(self) -> None:
        """Import the libraries. Must not start a thread: a forked child would lack it."""

    def warm(self) -> None:
        """Do whatever makes the first run of a child as fast as the second."""

    def state(self) -> TargetState:
        """Look whether the target takes work; called in a child now and then."""
        return TargetState()

    def calibration(self) -> Calibration | None:
        """Read the present calibration; called in a child, and for each job that runs."""
        return None

    def readout_errors(self, options: RunOptions) -> Mapping[int, Misread]:
        """Return how likely each qubit is read wrong, as far as that is known.

        Asked once for a job that wants it corrected.
        """
        found = self.calibration()
        return {
            item.qubit: Misread(item.readout_error, item.readout_error)
            for item in ([] if found is None else found.qubits)
            if item.readout_error is not None
        }

    def memory_bytes(self, facts: CircuitFacts, options: RunOptions) -> int:
        """Predict the memory that running a circuit takes beyond the libraries."""
        return 1 << 30

    def check(self, facts: CircuitFacts, options: RunOptions) -> None:
        """Refuse what cannot be run here, from the facts alone and without the libraries.

        Beyond the limits that the description names. Called when a job is created, where
        the adapter is installed there, and again in the child that runs the job.

        Raises
        ------
        InvalidCircuit, InvalidParameter

        """

    def estimate(self, facts: CircuitFacts, options: RunOptions) -> Estimate | None:
        """Predict the run time of a circuit; None when nothing is known."""
        return None

    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        """Turn a circuit that passed the check into what the target runs.

        Raises
        ------
        InvalidCircuit
            The target cannot run it after all.

        """
        return Compiled(circuit)

    @abstractmethod
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        """Run a compiled circuit, and count what was measured.

        Raises
        ------
        InvalidCircuit
            It asks for more than the target can give.

        """

    def expectations(
        self, circuit: QuantumCircuit, observables: Sequence[Observable], options: RunOptions
    ) -> CircuitResult:
        """Compute exact expectation values; asked of targets with ``Feature.EXACT`` only.

        The circuit measures nothing at its end.

        Raises
        ------
        InvalidCircuit, InvalidParameter
            They cannot be computed for this circuit.

        """
        raise NotImplementedError(f"{self.name} computes no exact values")

    def in_bases(
        self, circuit: QuantumCircuit, bases: Sequence[Basis], options: Sequence[RunOptions]
    ) -> list[CircuitResult] | None:
        """Sample a circuit in several bases at once, with options for each.

        The circuit measures nothing at its end. The outcomes of a basis are the bits of its
        qubits, the last of which comes first.

        Returns
        -------
        list of CircuitResult or None
            One for each basis. None where each is to be run as a circuit of its own.

        """
        return None

    def sweep(
        self, circuit: QuantumCircuit, parameters: Sequence[Parameter], options: RunOptions
    ) -> Sweep | None:
        """Take a circuit with parameters, of which values will make many.

        Parameters
        ----------
        parameters
            Those that its gates use, in the order of the values.
        options
            Of the job. Where they want expectation values the circuit measures nothing at its
            end.

        Returns
        -------
        Sweep or None
            What runs it. None where the circuit of each row is to be run by itself.

        Raises
        ------
        InvalidCircuit, InvalidParameter

        """
        return None


class RemoteStatus(StrEnum):
    """Where a submission stands at the other side."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RemoteState:
    """What the other side says of a submission. ``message`` is for users."""

    status: RemoteStatus
    message: str | None = None
    position: int | None = None
    """How many go before it there."""
    done: int | None = None
    """How many of its circuits are done."""
    transient: bool = True
    """Of one that failed: whether the same may work when it is sent again."""
    notes: Sequence[str] = ()
    """What happened to it there, for the timeline once it is over."""


class Busy(ConnectionError):
    """The other side wants to be asked again not before so many seconds are over."""

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence)
        self.seconds = seconds


class Gone(Exception):
    """The other side does not know a submission any more, or its results."""


class Doubt(Exception):
    """Nobody can tell whether a submission has arrived."""


class RemoteTarget(Target):
    """Something that has a queue of its own: a job is handed over whole, then looked after.

    The key of a submission is written down before ``submit`` is called and the
    handle after it, so that after a crash the next attempt can find what was
    submitted, and never submits twice.
    """

    poll_seconds: float = 1.0
    """How long to wait between two looks."""
    idempotent: bool = False
    """Whether the other side takes two submissions under one key for one."""
    settle_seconds: float = 60.0
    """How long a submission that was cut off may still be under way, so that it is not there yet
    when it is looked for. Not waited for where the other side is idempotent.
    """

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        raise NotImplementedError("a remote target is handed whole jobs")

    def prepare(self) -> None:
        """Ask the other side for what compiling needs; called before the first circuit of a job.

        Raises
        ------
        ConnectionError
            It does not answer now.

        """

    @abstractmethod
    def submit(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> str:
        """Hand over a job under a key of ours; gives the handle of the other side.

        Raises
        ------
        Doubt
            It may have arrived, or not.
        ConnectionError
            It has not arrived; trying again is safe.

        """

    @abstractmethod
    def find(self, key: str) -> str | None:
        """Find a submission by our key; None when there surely is none.

        Raises
        ------
        Doubt
            The other side cannot be asked that.
        ConnectionError
            It does not answer now.

        """

    @abstractmethod
    def poll(self, handle: str) -> RemoteState:
        """Look where a submission stands.

        Raises
        ------
        Gone, ConnectionError

        """

    @abstractmethod
    def cancel(self, handle: str) -> None:
        """Ask the other side to stop; it may be too late, which is no error.

        Raises
        ------
        Gone, ConnectionError

        """

    def leave_out(self, handle: str, circuits: Sequence[int]) -> None:
        """Tell the other side that nobody wants some circuits any more, as far as it can be told.

        Asked of a target that ``forwards``, where the other side counts circuits as we do; more
        than once of one circuit, and too late. Their results may be missing.

        Raises
        ------
        ConnectionError

        """

    @abstractmethod
    def fetch(self, handle: str) -> list[CircuitResult]:
        """Get the results of a submission that is done, one per circuit.

        Raises
        ------
        Gone, ConnectionError

        """

    def calibration_of(self, handle: str) -> Calibration | None:
        """Read the calibration that a submission runs with.

        Asked once it runs, and where it is None then, once more when it is done.
        """
        return self.calibration()
