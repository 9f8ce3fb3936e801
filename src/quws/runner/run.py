"""In a child: run a job's circuits one after the other and write down what came out."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.errors import Refusal
from quws.domain.failures import Failure, refused
from quws.domain.job import JobError
from quws.domain.outcomes import CircuitOutcome, JobOutcomes, read_circuit
from quws.domain.parameters import ResponseFormat
from quws.domain.targets import TargetState, TargetStatus
from quws.runner import results as documents
from quws.runner import votable
from quws.runner.compiled import MIME_TYPE, NotWritten
from quws.runner.compiled import write as write_compiled
from quws.runner.handover import RemoteFailure, RemoteRun, cancel
from quws.sandbox import confine
from quws.sandbox.roles import Connection, Role
from quws.targets import CircuitResult, RunOptions, Target, TargetConfig, create_target
from quws.targets.base import Compiled, RemoteTarget

_SLACK_BYTES = 2 << 30
"""Address space that libraries and thread stacks reserve beyond the state itself."""


class RunRole(Role):
    """Runs jobs on one target."""

    def __init__(self, target: dict[str, Any]) -> None:
        config = TargetConfig.model_validate(target)
        self._target: Target = create_target(config)
        self._config = config
        self.network = self._target.network

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
    def handle(self, request: dict[str, Any], connection: Connection) -> None:
        if "look" in request:
            self._look(connection)
        elif "cancel" in request:
            assert isinstance(self._target, RemoteTarget)
            connection.send(cancel(self._target, request["cancel"], request["handle"]))
        else:
            self._job(request, connection)

    def _look(self, connection: Connection) -> None:
        """Tell what the target is, whether it takes work, and how it is calibrated."""
        try:
            description = self._config.apply(self._target.describe()).model_copy(
                update={"remote": isinstance(self._target, RemoteTarget)}
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator must hear of it
            traceback.print_exc()
            connection.send({"silent": _one_line(error)})
            return
        try:
            state = self._target.state()
            calibration = self._target.calibration()
        except Exception as error:  # noqa: BLE001 - a device that does not answer takes no work
            state = TargetState(status=TargetStatus.OFFLINE, message=_one_line(error))
            calibration = None
        connection.send(
            {
                "description": description.model_dump(mode="json"),
                "state": state.model_dump(mode="json"),
                "calibration": None if calibration is None else calibration.model_dump(mode="json"),
            }
        )

    def _job(self, request: dict[str, Any], connection: Connection) -> None:
        os.chdir(request["folder"])
        options = RunOptions(
            shots=request["shots"],
            seed=request["seed"],
            memory=request["memory"],
            method=request["method"],
            noise=request["noise"],
        )
        try:
            facts = self._facts(request)
            for item in facts:
                self._target.check(item, options)
            confine.limit(
                memory_bytes=max(self._target.memory_bytes(item, options) for item in facts)
                + _SLACK_BYTES,
                cpu_seconds=None,
                file_bytes=request["file_bytes"],
            )
            self._run(request, facts, options, connection)
        except Refusal as refusal:
            connection.send(_failed(refused(refusal)))
        except MemoryError:
            connection.send(_failed(Failure.OUT_OF_MEMORY.error()))
        except OSError as error:
            connection.send(_disk_failure(error, request["file_bytes"]))

    def _facts(self, request: dict[str, Any]) -> list[CircuitFacts]:
        if request["facts"] is not None:
            return [CircuitFacts.model_validate(item) for item in request["facts"]]
        # Circuits of ours, which nobody has read yet.
        limits = CircuitLimits.model_validate(request["limits"])
        return [self._parse(source, None, limits)[1] for source in request["circuits"]]

    def _run(
        self,
        request: dict[str, Any],
        facts: list[CircuitFacts],
        options: RunOptions,
        connection: Connection,
    ) -> None:
        outcomes: dict[int, CircuitOutcome] = {
            int(index): read_circuit(Path(name).read_bytes())
            for index, name in request["done"].items()
        }
        batch = len(request["circuits"]) > 1
        teller = Teller(connection, len(request["circuits"]))
        work = _Work(request, facts, options, connection, teller)
        files: list[dict[str, str]] = []
        results = self._remote(work) if request["submission"] else self._local(work)
        try:
            for index, compiled, result in results:
                teller.circuit = index
                teller.notes(result.notes)
                outcomes[index] = result.of_circuit(
                    index,
                    facts[index].registers,
                    compiled.layout,
                    # Who finds a job again at the other side may not know what was asked for.
                    memory=options.memory,
                )
                text = _write_compiled(index, compiled, teller)
                if batch:
                    name = f"circuit-{index}.json"
                    documents.write_circuit(Path(name), outcomes[index])
                    connection.send(
                        {"finished": index, "file": name, "compiled": text, "engine": result.engine}
                    )
                else:
                    connection.send({"finished": index, "engine": result.engine})
                    files += [text] if text else []
        except _Failed as failed:
            connection.send(_failed(failed.error))
            return
        files = (
            documents.write(
                Path(),
                JobOutcomes(
                    request["job"],
                    self._target.name,
                    options.shots,
                    [outcomes[index] for index in range(len(facts))],
                ),
                ResponseFormat(request["response_format"]),
            )
            + files
        )
        connection.send({"results": files})

    def _local(self, work: _Work) -> Iterator[tuple[int, Compiled, CircuitResult]]:
        """Run circuit by circuit, here."""
        self._tell_calibration(work.connection)
        for index in work.missing():
            work.connection.send({"started": index})
            work.teller.circuit = index
            try:
                options = _of_circuit(work.options, index)
                compiled = self._compiled(work, index, options)
                work.teller.notes(compiled.notes)
                result = self._target.run(compiled, options, work.teller.progress)
            except Refusal as refusal:
                raise _Failed(refused(refusal)) from None
            except MemoryError:
                raise
            except Exception as error:
                raise _Failed(
                    Failure.EXECUTION_FAILED.error(
                        what=f"circuit {index}",
                        why=_one_line(error),
                        transient=False,
                        detail=traceback.format_exc(limit=-5),
                    )
                ) from error
            yield index, compiled, result

    def _remote(self, work: _Work) -> Iterator[tuple[int, Compiled, CircuitResult]]:
        """Have all circuits run elsewhere."""
        assert isinstance(self._target, RemoteTarget)
        circuits: list[Compiled] = []

        def ready() -> list[Compiled]:
            # Once handed over they are not needed any more.
            circuits.extend(
                self._compiled(work, index, work.options) for index in range(len(work.facts))
            )
            return circuits

        run = RemoteRun(
            self._target,
            work.request["submission"],
            ready,
            work.options,
            work.connection,
            count=len(work.facts),
        )
        try:
            results = run.results()
        except Refusal as refusal:
            raise _Failed(refused(refusal)) from None
        except RemoteFailure as failure:
            raise _Failed(failure.error) from None
        except MemoryError:
            raise
        except Exception as error:
            raise _Failed(
                Failure.EXECUTION_FAILED.error(
                    what="the job",
                    why=_one_line(error),
                    transient=True,
                    detail=traceback.format_exc(limit=-5),
                )
            ) from error
        for index in work.missing():
            # What an attempt before this one has handed over, nobody has here.
            compiled = circuits[index] if circuits else Compiled(None)
            yield index, compiled, results[index]

    def _compiled(self, work: _Work, index: int, options: RunOptions) -> Compiled:
        source, language = work.request["circuits"][index], Language(work.facts[index].language)
        circuit, _ = self._parse(source, language, work.limits)
        compiled = self._target.compile(circuit, options)
        return dataclasses.replace(compiled, source=source, language=language)

    def _tell_calibration(self, connection: Connection) -> None:
        try:
            found = self._target.calibration()
        except Exception:  # noqa: BLE001 - the job can run without anybody knowing it
            traceback.print_exc()
            return
        if found is not None:
            connection.send({"calibration": found.model_dump(mode="json")})


def _of_circuit(options: RunOptions, index: int) -> RunOptions:
    """Give each circuit of a batch random numbers of its own, also where the job has one seed.

    The first has the job's seed, as if it were alone.
    """
    if options.seed is None or index == 0:
        return options
    digest = hashlib.blake2b(f"{options.seed}/{index}".encode(), digest_size=8).digest()
    return dataclasses.replace(options, seed=int.from_bytes(digest, "big") >> 1)


class _Failed(Exception):
    """The job fails."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True)
class _Work:
    """What is to be done for a job."""

    request: dict[str, Any]
    facts: list[CircuitFacts]
    options: RunOptions
    connection: Connection
    teller: Teller

    @property
    def limits(self) -> CircuitLimits:
        return CircuitLimits.model_validate(self.request["limits"])

    def missing(self) -> Iterator[int]:
        """List the circuits that have no result yet."""
        return (i for i in range(len(self.facts)) if str(i) not in self.request["done"])


class Teller:
    """Tells the user how a job gets on, through the worker: briefly, and nothing twice."""

    _NOTES = 50
    _PAUSE_SECONDS = 0.5

    def __init__(self, connection: Connection, circuits: int) -> None:
        self._connection = connection
        self._circuits = circuits
        self._told: set[str] = set()
        self._next = time.monotonic() + self._PAUSE_SECONDS
        self.circuit = 0

    def notes(self, notes: Iterable[str]) -> None:
        """Add to the timeline what has not been said of an earlier circuit of the job."""
        for note in notes:
            if note not in self._told and len(self._told) < self._NOTES:
                self._told.add(note)
                self._connection.send({"note": f"{self._which()}{note}"})

    def progress(self, part: float, sentence: str | None) -> None:
        """Say how far the circuit is. What comes too soon after the last word is left out."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._PAUSE_SECONDS
            text = sentence or f"{round(100 * part)} % done"
            self._connection.send({"progress": part, "message": f"{self._which()}{text}"})

    def _which(self) -> str:
        return "" if self._circuits == 1 else f"circuit {self.circuit} of {self._circuits}: "


def _write_compiled(index: int, compiled: Compiled, teller: Teller) -> dict[str, str] | None:
    if not compiled.changed:
        return None
    name = f"circuit-{index}.qasm"
    try:
        write_compiled(Path(name), compiled)
    except NotWritten as error:
        teller.notes([str(error)])
        return None
    return {"id": f"circuit-{index}", "file": name, "mime_type": MIME_TYPE}


def _failed(error: JobError) -> dict[str, Any]:
    return {"failed": dataclasses.asdict(error)}


def _disk_failure(error: OSError, file_bytes: int) -> dict[str, Any]:
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            # Not the job's fault: the worker gives it back.
            return {"no_room": "the disk is full"}
        case errno.EFBIG:
            return _failed(Failure.RESULT_TOO_LARGE.error(bytes=file_bytes))
    return _failed(Failure.DISK.error(why=error.strerror))


def _one_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:300]
