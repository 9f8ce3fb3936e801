"""In a child: run the circuits of a job and write down what came out."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from typing_extensions import override

from quws.domain.circuits import CircuitFacts
from quws.domain.errors import Refusal
from quws.domain.failures import Failure, refused
from quws.domain.outcomes import CircuitOutcome, JobOutcomes, read_circuit
from quws.runner import results as documents
from quws.runner import votable
from quws.runner.allowance import Allowance
from quws.runner.compiled import MIME_TYPE, NotWritten
from quws.runner.compiled import write as write_compiled
from quws.runner.handover import cancel
from quws.runner.inspection import inspect
from quws.runner.local import run_here
from quws.runner.remote import run_elsewhere
from quws.runner.teller import Teller
from quws.runner.work import Failed, Ran, Work, is_harmless
from quws.sandbox import confine
from quws.sandbox.messages import (
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
from quws.targets import Target, TargetConfig, create_target
from quws.targets.base import Compiled, RemoteTarget

_SLACK_BYTES = 2 << 30
"""Address space that libraries and thread stacks reserve beyond the state itself."""


class RunRole(Role):
    """Runs jobs on one target."""

    def __init__(self, target: dict[str, Any], file_bytes: int | None = None) -> None:
        config = TargetConfig.model_validate(target)
        self._target: Target = create_target(config)
        self._config = config
        self.network = self._target.network
        self.processes = self._target.processes
        self.files = config.files
        # What has been elsewhere may hold connections, and what it was trusted with.
        self.reusable = self._target.reusable and not isinstance(self._target, RemoteTarget)
        self.most = confine.Most(file_bytes=file_bytes)

    @override
    def load(self) -> None:
        from quws.circuits.parse import parse  # noqa: PLC0415

        self._parse = parse
        self._target.load()
        votable.load()

    @override
    def warm(self) -> None:
        self._target.warm()
        votable.warm()

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
        options = request.options
        try:
            os.chdir(request.folder)
            facts = self._facts(request)
            for item in facts:
                self._target.check(item, options)
            confine.limit(
                memory_bytes=max(self._target.memory_bytes(item, options) for item in facts)
                + _SLACK_BYTES,
                cpu_seconds=None,
                file_bytes=request.file_bytes,
            )
            teller = Teller(connection, len(request.circuits))
            self._run(Work(request, facts, options, self._parse, connection, teller))
        except Failed as failed:
            connection.send(JobFailed(error=failed.error))
            return failed.harmless
        except Refusal as refusal:
            connection.send(JobFailed(error=refused(refusal)))
            return is_harmless(refusal)
        except MemoryError:
            connection.send(JobFailed(error=Failure.OUT_OF_MEMORY.error()))
        except OSError as error:
            if Path(request.folder).exists():
                connection.send(_disk_failure(error, request.file_bytes))
            else:
                connection.send(NoRoom(sentence=f"the folder {request.folder} is gone"))
        else:
            return True
        return False

    def _facts(self, request: RunJob) -> list[CircuitFacts]:
        if request.facts is not None:
            return request.facts
        # Circuits of ours, which nobody has read yet.
        return [self._parse(source, None, request.limits)[1] for source in request.circuits]

    def _run(self, work: Work) -> None:
        request, facts = work.request, work.facts
        outcomes: dict[int, CircuitOutcome] = {
            index: read_circuit(Path(name).read_bytes()) for index, name in request.done.items()
        }
        batch = len(request.circuits) > 1
        files: list[ResultFile] = []
        allowance = Allowance(request.results_bytes)
        for index, compiled, result in self._ran(work):
            work.teller.circuit = index
            work.teller.notes(result.notes)
            outcomes[index] = result.of_circuit(
                index,
                facts[index].registers,
                compiled.layout,
                # Who finds a job again at the other side may not know what was asked for.
                memory=work.options.memory,
            )
            text = _write_compiled(index, compiled, work.teller)
            if text is not None:
                allowance.take(Path(text.file))
            finished = CircuitFinished(circuit=index, engine=result.engine)
            if batch:
                name = f"circuit-{index}.json"
                documents.write_circuit(Path(name), outcomes[index])
                allowance.take(Path(name))
                finished = finished.model_copy(update={"file": name, "compiled": text})
            elif text is not None:
                files.append(text)
            work.connection.send(finished)
        written = documents.write(
            Path(),
            JobOutcomes(
                request.job,
                self._target.name,
                work.options.shots,
                [outcomes[index] for index in range(len(facts))],
            ),
            request.response_format,
        )
        for item in written:
            allowance.take(Path(item.file))
        work.connection.send(ResultsWritten(files=[*written, *files]))

    def _ran(self, work: Work) -> Ran:
        if isinstance(self._target, RemoteTarget) and work.request.handover is not None:
            return run_elsewhere(self._target, work.request.handover, work)
        return run_here(self._target, work)


def _write_compiled(index: int, compiled: Compiled, teller: Teller) -> ResultFile | None:
    if not compiled.changed:
        return None
    name = f"circuit-{index}.qasm"
    try:
        write_compiled(Path(name), compiled)
    except NotWritten as error:
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
