"""In a child: run the circuits of a job and write down what came out."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from typing_extensions import override

from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit, Refusal
from quws.domain.failures import Failure, refused
from quws.domain.job import LARGE_BATCH
from quws.domain.kinds import JobKind, as_measured
from quws.domain.outcomes import CircuitOutcome, JobOutcomes
from quws.runner import results as documents
from quws.runner.allowance import Allowance
from quws.runner.circuits import Circuits, Maker, Texts, Transcripts
from quws.runner.compiled import MIME_TYPE, NotWritten
from quws.runner.compiled import facts as facts_of_compiled
from quws.runner.compiled import write as write_compiled
from quws.runner.handover import cancel
from quws.runner.inspection import inspect
from quws.runner.local import run_here
from quws.runner.remote import run_elsewhere
from quws.runner.teller import Teller
from quws.runner.versions import begin, versions
from quws.runner.work import Failed, Ran, Work, is_harmless, none_ran
from quws.sandbox import confine
from quws.sandbox.messages import (
    SMALL_OUTCOME,
    Cancel,
    CircuitFinished,
    Inspect,
    JobFailed,
    NoRoom,
    ResultFile,
    ResultsWritten,
    RunJob,
    ToChild,
)
from quws.sandbox.roles import Connection, Role, unexpected
from quws.targets import CircuitResult, Target, TargetConfig, create_target
from quws.targets.base import Compiled, RemoteTarget

_SLACK_BYTES = 2 << 30
"""Address space that libraries and thread stacks reserve beyond the state itself."""
_QUICK_SECONDS = 0.01
_TEXTS = 1 << 20
"""Characters of what circuits gave that are kept to be written once more."""
_TOGETHER_SECONDS = 0.1
"""For how long rows of values that are done quickly are gathered: each word wakes the worker."""


class RunRole(Role):
    """Runs jobs on one target."""

    def __init__(self, target: dict[str, Any], file_bytes: int | None = None) -> None:
        config = TargetConfig.model_validate(target)
        self._target: Target = create_target(config)
        self._config = config
        self.network = self._target.network
        self.processes = self._target.processes
        self.files = config.files
        # What can reach others, or holds a secret for them, reads nothing that users have written.
        self.apart = self.network and not self._target.forwards
        # What has been elsewhere may hold connections, and what it was trusted with.
        self.reusable = self._target.reusable and not isinstance(self._target, RemoteTarget)
        self.most = confine.Most(file_bytes=file_bytes)
        self._bound: tuple[tuple[str, Language, CircuitLimits], Maker] | None = None
        self._quick: tuple[Any, ...] | None = None
        """What was run last, if its rows of values took no time worth speaking of."""

    @override
    def load(self) -> None:
        begin()
        if self.apart:
            from quws.circuits.transcript.building import build  # noqa: PLC0415

            self._build = build
        elif not self._target.forwards:
            from quws.circuits.several import read_to_bind  # noqa: F401, PLC0415
        self._target.load()
        # Here, for all children: to look them up takes longer than a small job.
        versions()

    @override
    def warm(self) -> None:
        self._target.warm()

    @override
    def handle(self, request: ToChild, connection: Connection) -> bool:
        match request:
            case RunJob():
                return self._job(request, connection)
            case Inspect():
                connection.send(inspect(self._target, self._config))
            case Cancel(key=key, handle=handle) if isinstance(self._target, RemoteTarget):
                connection.send(cancel(self._target, key, handle))
            case _:
                raise unexpected(request)
        return True

    def _job(self, request: RunJob, connection: Connection) -> bool:
        """Run a job; whether nothing went wrong that the next one could suffer from."""
        if bool(request.apart) is not self.apart:
            raise unexpected(request)
        options = request.options
        try:
            os.chdir(request.folder)
            if request.facts is None:
                # Circuits of ours, which nobody has read yet.
                ours = self._circuits(request, connection)
                facts = [ours.facts(index) for index in range(request.count)]
            else:
                facts = request.facts.each()
            teller = Teller(connection, request.count)
            circuits = self._circuits(request, connection)
            missing = dict(request.missing)
            work = Work(request, facts, options, circuits, connection, teller, missing)
            confine.limit(
                memory_bytes=self._checked(work) + _SLACK_BYTES,
                cpu_seconds=None,
                file_bytes=request.file_bytes,
            )
            self._run(work)
        except Failed as failed:
            connection.send(
                JobFailed(error=failed.error, circuit=failed.circuit, versions=versions())
            )
            return failed.harmless
        except Refusal as refusal:
            connection.send(JobFailed(error=refused(refusal), versions=versions()))
            return is_harmless(refusal)
        except MemoryError:
            connection.send(JobFailed(error=Failure.OUT_OF_MEMORY.error()))
        except OSError as error:
            if Path(request.folder).exists():
                connection.send(_disk_failure(error, request.file_bytes))
            else:
                connection.send(NoRoom(sentence=f"the folder {request.folder} is gone"))
        else:
            return not work.harmed
        return False

    def _checked(self, work: Work) -> int:
        """Check once more that the target takes the circuits; return the memory that they need.

        Raises
        ------
        Failed
            It does not take one, and the job is not to go on without it.

        """
        needed = 0
        measured = as_measured(work.facts, work.options.kind, work.options.observable)
        alike: dict[int, list[int]] = {}
        for index in work.to_run():
            alike.setdefault(id(measured[index]), []).append(index)
        for indices in alike.values():
            facts = measured[indices[0]]
            options = work.options.of(facts)
            try:
                self._target.check(facts, options)
            except Refusal as refusal:
                for index in indices:
                    work.fail(index, refused(refusal), harmless=is_harmless(refusal))
            else:
                needed = max(needed, self._target.memory_bytes(facts, options))
        return needed

    def _circuits(self, request: RunJob, connection: Connection) -> Circuits:
        if self.apart:
            # What is handed over is handed over whole.
            done: Iterable[int] = request.done if request.handover is None else ()
            skipped = frozenset([*done, *request.missing])
            return Transcripts(request, self._build, connection, skipped=skipped)
        from quws.circuits.parse import parse, read_again  # noqa: PLC0415
        from quws.circuits.several import read_to_bind  # noqa: PLC0415

        def to_bind(source: str, language: Language, limits: CircuitLimits) -> Maker:
            # A loop sends the same circuit again and again.
            key = source, language, limits
            if self._bound is None or self._bound[0] != key:
                self._bound = key, read_to_bind(*key)
            return self._bound[1]

        return Texts(request, parse, read_again, to_bind)

    def _run(self, work: Work) -> None:
        request, facts = work.request, work.facts
        outcomes = documents.read_done(request.done)
        batch = request.count > 1
        files: list[ResultFile] = []
        allowance = Allowance(request.results_bytes)
        told = _Told(work.connection, allowance)
        # A loop asks for the same again and again: that takes as long each time.
        like = _like(request)
        quick = like is not None and self._quick == like
        for index, compiled, result in self._ran(work, quick=quick):
            work.teller.circuit = index
            work.teller.notes(result.notes, soon=True)
            try:
                # Of a large batch that would be as many files as it has circuits.
                text = None
                if request.count <= LARGE_BATCH:
                    needed = work.options.kind is JobKind.COMPILE
                    text = _write_compiled(index, compiled, result, work.teller, needed=needed)
            except NotWritten as error:
                work.fail(index, refused(InvalidCircuit(str(error))), harmless=True)
                continue
            if text is not None:
                allowance.take(Path(text.file))
            outcomes[index] = result.of_circuit(
                index,
                # Else nobody sees what was measured.
                facts[index].registers if work.options.kind is JobKind.SAMPLE else [],
                compiled.layout,
                # Who finds a job again at the other side may not know what was asked for.
                memory=work.options.memory,
                compilation=facts_of_compiled(compiled),
            )
            if batch:
                # The next row of values takes as long.
                quick = request.bindings is not None and result.seconds < _QUICK_SECONDS
                told.one(outcomes[index], text, result.engine, soon=quick)
                continue
            if text is not None:
                files.append(text)
            work.connection.send_soon(CircuitFinished(circuit=index, engine=result.engine))
        if not outcomes:
            raise Failed(none_ran(work.missing), harmless=not work.harmed)
        for index, why in work.missing.items():
            outcomes[index] = CircuitOutcome({}, index=index, missing=why)
        written = documents.write(
            Path(),
            JobOutcomes(
                request.job,
                self._target.name,
                work.options.shots_run,
                [outcomes[index] for index in range(len(facts))],
                versions(),
            ),
            request.response_format,
            min(SMALL_OUTCOME, request.file_bytes),
            told.texts,
        )
        for item in written:
            if item.content is None:
                allowance.take(Path(item.file))
            else:
                allowance.add(len(item.content.encode()))
        work.connection.send(ResultsWritten(files=[*written, *files]))
        self._quick = like if quick else None

    def _ran(self, work: Work, *, quick: bool) -> Ran:
        handed = work.request.handover is not None and (
            work.options.kind is not JobKind.COMPILE or self._target.forwards
        )
        if isinstance(self._target, RemoteTarget) and handed:
            assert work.request.handover is not None
            return run_elsewhere(self._target, work.request.handover, work)
        return run_here(self._target, work, quick=quick)


class _Told:
    """Tells what each circuit of a batch gave, and keeps the texts of it that are not large."""

    def __init__(self, connection: Connection, allowance: Allowance) -> None:
        self._connection = connection
        self._allowance = allowance
        self._size = 0
        self.texts: dict[int, str] = {}
        """For the document of the job: to write a circuit twice takes twice as long."""

    def one(
        self, outcome: CircuitOutcome, compiled: ResultFile | None, engine: str, *, soon: bool
    ) -> None:
        """Tell what one circuit gave: now, or with those that are done within a moment."""
        index = outcome.index
        name = f"circuit-{index}.json"
        text = documents.write_circuit(name, outcome, SMALL_OUTCOME)
        if text is None:
            self._allowance.take(Path(name))
        else:
            self._allowance.add(len(text))
            self._size += len(text)
            if self._size <= _TEXTS:
                self.texts[index] = text
        told = CircuitFinished(
            circuit=index,
            engine=engine,
            outcome=text,
            file=name if text is None else None,
            compiled=compiled,
        )
        self._connection.send_within(_TOGETHER_SECONDS if soon else 0.0, told)


def _like(request: RunJob) -> tuple[Any, ...] | None:
    """Return what is the same of jobs whose rows of values take as long; None without rows."""
    if request.bindings is None or request.apart:
        return None
    options = request.options.model_copy(update={"seed": None})
    return request.circuits[0], request.limits, options


def _write_compiled(
    index: int, compiled: Compiled, result: CircuitResult, teller: Teller, *, needed: bool
) -> ResultFile | None:
    if not compiled.changed and result.compiled is None:
        return None
    name = f"circuit-{index}.qasm"
    try:
        if result.compiled is not None:
            Path(name).write_text(result.compiled, encoding="utf-8")
        else:
            write_compiled(Path(name), compiled)
    except NotWritten as error:
        if needed:
            raise
        teller.notes([str(error)])
        return None
    return ResultFile(id=f"circuit-{index}", file=name, mime_type=MIME_TYPE)


def _disk_failure(error: OSError, file_bytes: int) -> NoRoom | JobFailed:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            # Not the job's fault: the worker gives it back.
            return NoRoom(sentence="the disk is full")
        case errno.EFBIG:
            return JobFailed(error=Failure.RESULT_TOO_LARGE.error(bytes=file_bytes))
    return JobFailed(error=Failure.DISK.error(why=error.strerror))
