"""In a child: what is to be done for a job, and why it cannot be."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from quws.domain.batch import CircuitStatus, OnError, why_missing
from quws.domain.circuits import CircuitFacts, Language
from quws.domain.errors import Refusal
from quws.domain.failures import Failure, refused
from quws.domain.job import JobError
from quws.domain.mitigation import Mitigation
from quws.domain.options import RunOptions
from quws.runner.estimate import LEFT_OUT, measuring, plan_of, without_last_measurements
from quws.runner.teller import Teller
from quws.sandbox.messages import MOST_SAID, CircuitFailed, RunJob
from quws.sandbox.roles import Connection
from quws.targets import CircuitResult, Target
from quws.targets.base import Compiled, Misread

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.runner.circuits import Circuits

Ran = Iterator[tuple[int, Compiled, CircuitResult]]
"""Circuits by index, each as soon as it has its result."""


class Failed(Exception):
    """The job ends in ERROR.

    ``harmless`` says that nothing went wrong in this process: the job asks for what it cannot have.
    ``circuit`` is the one that could not be run, if it is because of one.
    """

    def __init__(
        self, error: JobError, *, harmless: bool = False, circuit: int | None = None
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.harmless = harmless
        self.circuit = circuit


@dataclass(frozen=True)
class Work:
    """What is to be done for a job.

    ``missing`` says why circuits have no result and get none; ``harmed`` has those that may have
    left this process in disorder.
    """

    request: RunJob
    facts: list[CircuitFacts]
    options: RunOptions
    circuits: Circuits
    connection: Connection
    teller: Teller
    missing: dict[int, str] = field(default_factory=dict)
    harmed: list[int] = field(default_factory=list)
    _misread: dict[int, Misread] = field(default_factory=dict)

    def misread(self, target: Target) -> Mapping[int, Misread]:
        """Return how likely each qubit is read wrong, where the job wants it corrected.

        The target is asked once: what holds of the first circuit holds of all.
        """
        if not self._misread and Mitigation.READOUT in (self.options.mitigation or ()):
            self._misread.update(target.readout_errors(self.options))
        return self._misread

    def to_run(self) -> Iterator[int]:
        """List the circuits that have no result yet, and are to get one."""
        done = self.request.done
        return (i for i in range(len(self.facts)) if i not in done and i not in self.missing)

    def fail(self, index: int, error: JobError, *, harmless: bool = False) -> None:
        """Leave a circuit out that cannot be run, if the job is to go on without it.

        Raises
        ------
        Failed
            It is not.

        """
        if not harmless:
            self.harmed.append(index)
        if len(self.facts) == 1:
            raise Failed(error, harmless=harmless)
        if self.options.on_error is OnError.STOP:
            raise Failed(of_circuit(index, error), harmless=harmless, circuit=index)
        sentence = error.message[:MOST_SAID]
        self.missing[index] = why_missing(CircuitStatus.FAILED, sentence)
        self.connection.send(CircuitFailed(circuit=index, sentence=sentence))

    @contextmanager
    def one(self, index: int) -> Iterator[None]:
        """Do the work on one circuit; see `fail` for what becomes of what it raises."""
        try:
            yield
        except Failed:
            raise
        except Refusal as refusal:
            self.fail(index, refused(refusal), harmless=is_harmless(refusal))
        except MemoryError:
            self.fail(index, Failure.OUT_OF_MEMORY.error())
        except Exception as error:  # noqa: BLE001 - whatever a target's software raises
            failure = Failure.EXECUTION_FAILED.error(
                what=f"circuit {index}",
                why=one_line(error),
                transient=False,
                detail=traceback.format_exc(limit=-5),
            )
            self.fail(index, failure)

    def compiled(self, target: Target, index: int, options: RunOptions) -> Compiled:
        """Compile a circuit for the target.

        Raises
        ------
        InvalidCircuit
            The target cannot run it after all.

        """
        source, language = self._text(index)
        if target.forwards:
            notes, bindings = self.facts[index].notes, self.request.bindings
            values = None if bindings is None else bindings.of(index)
            return Compiled(None, source=source, language=language, notes=notes, values=values)
        circuit, facts = self.circuits.of(index)
        compiled = target.compile(circuit, options)
        notes = [*facts.notes, *compiled.notes]
        return dataclasses.replace(compiled, source=source, language=language, notes=notes)

    def measured(self, index: int) -> tuple[list[QuantumCircuit], list[str]]:
        """Read a circuit, and measure in turn all bases that its observables need.

        Returns
        -------
        list of QuantumCircuit
            One for each basis.
        list of str
            What is to be said of how the circuit was read.

        Raises
        ------
        InvalidCircuit, Failed

        """
        circuit, notes = self.unmeasured(index)
        bases = plan_of(self.options, index).bases
        return [measuring(circuit, basis) for basis in bases], notes

    def unmeasured(self, index: int) -> tuple[QuantumCircuit, list[str]]:
        """Read a circuit whose observables are wanted, and what is to be said of that."""
        circuit, facts = self.circuits.of(index)
        bare = without_last_measurements(circuit)
        more = [] if bare is circuit else [LEFT_OUT]
        return bare, [*facts.notes, *more]

    def _text(self, index: int) -> tuple[str | None, Language]:
        source = None if self.request.apart else self.request.text(index)
        return source, Language(self.facts[index].language)


def of_circuit(index: int, error: JobError) -> JobError:
    """Return the error of one circuit as that of a batch: it says which."""
    which = f"circuit {index}"
    if error.message.startswith(which):
        return error
    return dataclasses.replace(error, message=f"{which}: {error.message}")


def none_ran(missing: Mapping[int, str]) -> JobError:
    """Return the error of a job without any result: the first circuit that failed says why."""
    failed = [item for item in missing.items() if item[1].startswith(CircuitStatus.FAILED)]
    index, why = min(failed or missing.items())
    return Failure.CIRCUITS_FAILED.error(index=index, why=why)


def is_harmless(refusal: Refusal) -> bool:
    """Whether a refusal is all there was: no parser was out of memory or broke down before it."""
    before: BaseException | None = refusal
    while before is not None:
        if isinstance(before, MemoryError | RecursionError) or not isinstance(before, Exception):
            return False
        before = before.__cause__ or before.__context__
    return True


def one_line(error: Exception) -> str:
    """Return the first line of what an exception says."""
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:300]
