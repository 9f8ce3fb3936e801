"""One attempt at a job: a child in a folder of its own, heard until it is done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic

import structlog

from quws.artifacts import ArtifactMissing
from quws.artifacts.facts import read_facts
from quws.artifacts.parameters import read_bindings, read_circuits
from quws.domain.circuits import BatchFacts
from quws.domain.failures import Failure
from quws.domain.job import JobError
from quws.domain.targets import TargetDescription
from quws.sandbox.child import Child, ChildLost, Owner
from quws.sandbox.messages import (
    Calibrated,
    CircuitFailed,
    CircuitFinished,
    CircuitStarted,
    CircuitsWanted,
    FromChild,
    InDoubt,
    JobFailed,
    MessageFault,
    NoRoom,
    Note,
    NotSubmitted,
    Progress,
    ResultsWritten,
    RunJob,
    Submitted,
    Submitting,
    Waiting,
)
from quws.sandbox.pool import ChildrenUnavailable, NoFolder
from quws.sandbox.roles import unexpected
from quws.telemetry import metrics, tracing
from quws.worker import lease
from quws.worker.end import child_died, leave_out_fatal, sweep_up
from quws.worker.handover import hear_of_handover, known_handover
from quws.worker.held import HeldJob
from quws.worker.interruptions import CircuitsAborted, Fenced, TooMuch
from quws.worker.publish import Finished
from quws.worker.reading import Texts
from quws.worker.workplace import Workplace

_log = structlog.get_logger(__name__)


_NO_ROOM = "the worker has no room for its files"
_NO_PROCESS = "the worker could not start a process for it"


class _Unfit(Exception):
    """No job can be run by this worker just now.

    The sentence tells users, ``why`` tells operators.
    """

    def __init__(self, sentence: str, why: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.why = why


class Run:
    """One attempt at a job.

    Parameters
    ----------
    target
        What the target is at present.
    rest
        Called with the reason when this worker is in trouble, before the job is given back
        because of it.

    """

    def __init__(
        self,
        held: HeldJob,
        place: Workplace,
        target: TargetDescription,
        rest: Callable[[str], None],
    ) -> None:
        self._held = held
        self._place = place
        self._target = target
        self._rest = rest
        self._started = False
        self._again = False
        """Whether this attempt has had a child before."""
        self._went_well = False
        """Whether the child can do another job, for all that is known here."""
        self._circuit_started = place.clock()
        self._texts: Texts | None = None

    async def run(self) -> None:
        """See the job to its end, or until it is not ours any more."""
        held = self._held
        keeper = asyncio.get_running_loop().create_task(lease.keep(held, self._place))
        try:
            held.begins()
            await self._work()
        except Fenced:
            _log.info("job taken away")
            await sweep_up(held, self._place)
        except TooMuch as refused:
            with contextlib.suppress(Fenced):
                await held.fail(refused.error)
        except _Unfit as trouble:
            await self._give_back(trouble.sentence, trouble.why)
        except OSError as error:
            await self._give_back(_NO_ROOM, str(error))
        except Exception:  # noqa: BLE001 - a fault of ours must not leave the job EXECUTING
            _log.exception("job could not be run")
            with contextlib.suppress(Fenced):
                await held.fail(Failure.INTERNAL_ERROR.error())
        finally:
            await held.close()
            await lease.let_go(held, keeper)
            if held.child is not None:
                if self._went_well:
                    await self._place.children.release(held.child)
                else:
                    await held.child.close()

    async def _give_back(self, message: str, why: str) -> None:
        """Let another worker have the job: what is wrong is ours, not the job's."""
        _log.error("worker cannot run jobs", error=why)
        self._rest(why)
        with contextlib.suppress(Fenced):
            await self._held.hand_back(message)

    async def _work(self) -> None:
        held = self._held
        try:
            circuits = await held.persistently(self._circuits)
            # Once, save where circuits are aborted while they run.
            while await self._with_child(circuits):
                held.again, self._again = False, True
                if held.child is not None:
                    await held.child.close()
        except ArtifactMissing as error:
            await held.fail(Failure.NOT_STARTED.error(what=error))
        except NoFolder as error:
            raise _Unfit(_NO_ROOM, str(error)) from error
        except ChildrenUnavailable as error:
            raise _Unfit(_NO_PROCESS, str(error)) from error

    async def _with_child(self, circuits: list[str]) -> bool:
        """Let a child run what is to be run; whether another one must go on."""
        held = self._held
        if held.claim.aborted or held.claim.job.circuits_failed:
            over = await held.persistently(lambda: self._place.jobs.circuits.over(held.id))
            held.batch.learn(over)
        owner = Owner(held.claim.job.owner)
        held.child = child = await self._place.children.acquire(owner)
        request = await held.persistently(lambda: self._request(circuits, child.folder.path))
        lease.limit_cpu(held, self._place)
        if held.lost.is_set() or held.handing_back:
            # Came while there was no child to kill.
            child.kill()
        try:
            failure = await self._converse(child, request)
        except ChildLost as lost:
            if held.lost.is_set():
                raise Fenced from None
            if held.handing_back:
                await held.hand_back(held.handing_back)
            elif held.again or await leave_out_fatal(held, self._place, lost):
                return True
            else:
                await child_died(held, self._place, lost)
            return False
        except CircuitsAborted:
            return True
        if failure is not None:
            await held.fail(failure.error, failure.circuit, failure.versions)
        self._went_well = True
        return False

    async def _circuits(self) -> list[str]:
        return await read_circuits(self._place.artifacts, self._held.claim.job.parameters)

    async def _request(self, circuits: list[str], folder: Path) -> RunJob:
        held, place = self._held, self._place
        spec = held.claim.job.spec
        facts = await read_facts(place.artifacts, spec)
        limits = self._target.circuit_limits
        bindings = await read_bindings(place.artifacts, held.claim.job.parameters)
        done = await self._done(folder)
        apart = place.children.apart
        if apart:
            self._texts = Texts(circuits, [item.language for item in facts], limits, bindings)
        return RunJob(
            job=held.id,
            circuits=[] if apart else circuits,
            apart=len(facts) if apart else 0,
            bindings=None if apart else bindings,
            facts=BatchFacts.of(facts),
            limits=limits,
            options=spec.options,
            response_format=spec.response_format,
            done=done,
            missing=held.batch.begin(done),
            folder=str(folder),
            file_bytes=place.result_bytes,
            results_bytes=place.results_bytes,
            handover=await known_handover(held, place) if place.remote else None,
        )

    async def _done(self, folder: Path) -> dict[int, str]:
        """Fetch what earlier attempts have got, for the results of the whole job."""
        done: dict[int, str] = {}
        if self._held.claim.job.circuits_done or self._again:
            found = await self._place.jobs.reading.circuit_artifacts(self._held.id)
            names: dict[str, str] = {}
            for index, key in found.items():
                if key not in names:
                    names[key] = f"done-{index}.json"
                    content = await self._place.artifacts.read(key)
                    await asyncio.to_thread((folder / names[key]).write_bytes, content)
                done[index] = names[key]
        return done

    async def _converse(self, child: Child, request: RunJob) -> JobFailed | None:
        """Let the child work and write down what it says. Gives why the job failed, if it did."""
        await child.send(request)
        self._circuit_started = self._place.clock()
        failure: JobFailed | None = None
        ended = False
        take = partial(child.folder.open, most_bytes=self._place.result_bytes)
        finished = Finished(self._held, take, child.folder.path)
        coming = child.messages()
        while message := await _next(coming, finished):
            if isinstance(message, JobFailed | Submitting):
                await finished.publish()
            if isinstance(message, JobFailed):
                failure = message
            elif isinstance(message, CircuitsWanted):
                if refusal := await self._read(message, child):
                    child.kill()  # It waits for what will not come.
                    await finished.publish()
                    return JobFailed(error=refusal)
            elif isinstance(message, CircuitFinished | CircuitFailed):
                if isinstance(message, CircuitFinished):
                    self._trace(message, child, self._circuit_started)
                await finished.add(message, self._circuit_started)
                self._circuit_started = self._place.clock()
                self._held.batch.ended(message.circuit)
                lease.stop_aborted(self._held)
            else:
                await self._hear(child, message, finished)
            ended = ended or isinstance(message, JobFailed | ResultsWritten)
        if not ended:
            raise MessageFault("the child ended without a word on how the job did")
        return failure

    async def _read(self, wanted: CircuitsWanted, child: Child) -> JobError | None:
        """Have circuits read for a child that must not. Gives why the job fails, if it does."""
        if self._texts is None:
            raise unexpected(wanted)
        try:
            return await self._place.readers.hand(self._texts, wanted, child)
        except NoFolder as error:
            raise _Unfit(_NO_ROOM, str(error)) from error
        except ChildrenUnavailable as error:
            raise _Unfit(_NO_PROCESS, str(error)) from error

    async def _hear(self, child: Child, message: FromChild, finished: Finished) -> None:
        held = self._held
        match message:
            case CircuitStarted(circuit=circuit, at=at):
                held.batch.started(circuit)
                self._begin_circuit(at)
            case Note(sentence=sentence):
                held.note(sentence)
            case Progress(sentence=sentence):
                held.say(sentence)
            case Calibrated(calibration=calibration):
                await held.calibrate(calibration)
            case ResultsWritten():
                await finished.end(message)
            case NoRoom(sentence=sentence):
                raise _Unfit(_NO_ROOM, sentence)
            case Waiting() | Submitting() | NotSubmitted() | Submitted() | InDoubt():
                await hear_of_handover(held, child, message)
            case _:
                raise unexpected(message)

    def _begin_circuit(self, at: float | None) -> None:
        now, began = monotonic(), self._held.began
        since = now if at is None else min(max(at, began), now)
        self._circuit_started = self._place.clock() - timedelta(seconds=now - since)
        if not self._started:
            self._started = True
            metrics.started(self._place.target, since - began)

    def _trace(self, message: CircuitFinished, child: Child, started: datetime) -> None:
        facts = {"circuit": message.circuit, "engine": message.engine, "pid": child.pid}
        tracing.tell("circuit", started, self._place.clock(), **facts)


async def _next(coming: AsyncIterator[FromChild], finished: Finished) -> FromChild | None:
    """Return what a child says next, None if it says no more.

    What it has done meanwhile is published in time, also where it does not say anything for long.
    """
    seconds = finished.wait_seconds()
    if seconds is None:
        return await anext(coming, None)
    message = asyncio.ensure_future(_first(coming))
    try:
        await asyncio.wait({message}, timeout=seconds)
        if not message.done():
            await finished.publish()
        return await message
    except ChildLost:
        await finished.publish()
        raise
    finally:
        message.cancel()


async def _first(coming: AsyncIterator[FromChild]) -> FromChild | None:
    return await anext(coming, None)
