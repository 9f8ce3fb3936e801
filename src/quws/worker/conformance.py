"""Runs the conformance circuits on a target, the way in which jobs run on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from quws.domain.clock import Clock
from quws.domain.conformance import ConformanceCheck, ConformanceReport, Verdict
from quws.domain.job import new_job_id
from quws.domain.options import RunOptions
from quws.domain.outcomes import CircuitOutcome, UnreadableOutcomes, read_job
from quws.domain.parameters.values import ResponseFormat
from quws.domain.targets import Feature, TargetDescription
from quws.domain.words import counted
from quws.sandbox.child import Child, ChildLost
from quws.sandbox.folder import ChildFolder
from quws.sandbox.messages import (
    Calibrated,
    Cancel,
    CancelAnswer,
    Cancellation,
    CircuitFinished,
    CircuitStarted,
    CircuitsWanted,
    Go,
    InDoubt,
    JobFailed,
    KnownHandover,
    MessageFault,
    NoRoom,
    Note,
    NotSubmitted,
    Progress,
    ResultFile,
    ResultsWritten,
    RunJob,
    Submitted,
    Submitting,
    Waiting,
)
from quws.sandbox.pool import ChildPool
from quws.sandbox.roles import unexpected
from quws.targets import conformance
from quws.targets.conformance import Check, Probe
from quws.worker.reading import Readers, Texts

_SHOTS, _QUICK_SHOTS = 1000, 200
_SEED = 20_261
_COUNTS = "counts.json"
_MEMORY = "memory.json"
FILE_BYTES = 64 << 20
_LOCAL_SECONDS, _REMOTE_SECONDS = 300.0, 3600.0
_CANCEL_PAUSES = (0.0, 0.1, 1.0, 5.0, 30.0)
"""Before each time that a job at the other side is asked to stop."""
_ENOUGH = 3
"""After so many circuits of which none could be run, no further one is tried."""
_log = structlog.get_logger(__name__)


class _Failed(Exception):
    """A job of the check did not do what it should; the sentence says what it did instead."""


class Conformance:
    """The checks of one target.

    Parameters
    ----------
    children
        The target's processes.
    readers
        Who reads for them, where they must not read.
    quick
        Fewer positions and shots.

    """

    def __init__(
        self,
        children: ChildPool,
        readers: Readers,
        target: TargetDescription,
        *,
        quick: bool,
        clock: Clock,
    ) -> None:
        self._children = children
        self._readers = readers
        self._target = target
        self._quick = quick
        self._clock = clock
        self._shots = min(_QUICK_SHOTS if quick else _SHOTS, target.max_shots)
        self._memory = Feature.MEMORY in target.features

    async def run(self) -> ConformanceReport:
        """Run all checks.

        Raises
        ------
        ChildrenUnavailable
            No process can be started for the target.

        """
        started, now = time.monotonic(), self._clock()
        checks = list(conformance.checks(self._target, quick=self._quick))
        done = await self._circuits(checks)
        if not any(item.outcome is Verdict.FAILED for item in done):
            done += await self._jobs()
        return ConformanceReport(
            target=self._target.name,
            time=now,
            fingerprint=self._target.fingerprint,
            quick=self._quick,
            seconds=round(time.monotonic() - started, 3),
            checks=done,
        )

    # -- the circuits, in batches ------------------------------------------------------------

    async def _circuits(self, checks: Sequence[Check]) -> list[ConformanceCheck]:
        probes = [probe for check in checks for probe in check.probes]
        wrong: dict[int, str | None] = {}
        memory: str | None = None
        ran = False
        size = max(1, min(self._target.max_circuits, len(probes)))
        for first in range(0, len(probes), size):
            part = probes[first : first + size]
            for probe, found in zip(part, await self._apart(part), strict=True):
                if isinstance(found, str):
                    wrong[id(probe)] = found
                    continue
                ran = True
                wrong[id(probe)] = self._judge(probe, found)
                if self._memory:
                    memory = memory or conformance.judge_memory(found)
        done = [_checked(check, [wrong[id(probe)] for probe in check.probes]) for check in checks]
        title = "The bits of each shot"
        if self._memory and not ran:
            done.append(_skipped("memory", title, "no circuit could be run"))
        elif self._memory:
            done.append(_outcome("memory", title, memory))
        else:
            done.append(_skipped("memory", title, f"it does not claim {Feature.MEMORY}"))
        return done

    async def _apart(self, probes: Sequence[Probe]) -> list[CircuitOutcome | str]:
        """Run circuits in one job; where that fails each in its own, to see which is to blame."""
        try:
            return [*await self._job([probe.source for probe in probes])]
        except _Failed as failed:
            if len(probes) == 1:
                return [str(failed)]
            alone: list[CircuitOutcome | str] = []
            for probe in probes:
                if len(alone) >= _ENOUGH and all(isinstance(item, str) for item in alone):
                    alone.append(alone[-1])  # It is none of them by itself.
                else:
                    alone += await self._apart([probe])
            return alone

    def _judge(self, probe: Probe, found: CircuitOutcome) -> str | None:
        shots = found.shots
        if shots != self._shots:
            return f"it gives {counted(shots, 'shot')}, {self._shots} were asked for"
        return probe.judge(found.counts)

    # -- what jobs do ---------------------------------------------------------------------------

    async def _jobs(self) -> list[ConformanceCheck]:
        done = [await self._attempt("single", "A circuit alone, as in a batch", self._single)]
        title = "The same counts for the same seed"
        if Feature.SEED in self._target.features:
            done.append(await self._attempt("seed", title, self._seed))
        else:
            done.append(_skipped("seed", title, f"it does not claim {Feature.SEED}"))
        title, again = "A job that is cancelled", "A job that is found again after a crash"
        if self._target.remote:
            done.append(await self._attempt("cancel", title, self._cancel_remote))
            done.append(await self._attempt("re-attach", again, self._reattach))
        else:
            done.append(await self._attempt("cancel", title, self._cancel))
            done.append(_skipped("re-attach", again, "it has no queue of its own"))
        return done

    async def _attempt(self, name: str, title: str, work: Callable[[], Any]) -> ConformanceCheck:
        try:
            wrong = await work()
        except _Failed as failed:
            wrong = str(failed)
        except MessageFault as fault:
            _log.exception("child speaks nonsense")
            wrong = str(fault)
        return _outcome(name, title, wrong)

    def _lone(self) -> Probe:
        return next(
            check.probes[-1]
            for check in conformance.checks(self._target, quick=self._quick)
            if check.name == "flips"
        )

    async def _single(self) -> str | None:
        probe = self._lone()
        (found,) = await self._job([probe.source])
        return self._judge(probe, found)

    async def _seed(self) -> str | None:
        probe = next(
            check.probes[1]
            for check in conformance.checks(self._target, quick=self._quick)
            if check.name == "sweep"
        )
        (first,) = await self._job([probe.source])
        (second,) = await self._job([probe.source])
        return None if first.counts == second.counts else "two runs gave different counts"

    async def _cancel(self) -> str | None:
        child = await self._children.acquire()
        await self._begin(child, [self._lone().source], None)
        child.kill()
        await child.close()
        # Whatever was left of it, the next one must not suffer.
        return await self._single()

    async def _cancel_remote(self) -> str | None:
        key = new_job_id()
        handle = await self._handed_over(key)
        try:
            async with asyncio.timeout(_REMOTE_SECONDS):
                for pause in _CANCEL_PAUSES:
                    await asyncio.sleep(pause)
                    answer = await self._cancelled(key, handle)
                    if answer.outcome is not Cancellation.AGAIN:
                        return None
        except TimeoutError:
            return "it was not stopped in time"
        return f"it was not stopped: {answer.sentence}"

    async def _reattach(self) -> str | None:
        key = new_job_id()
        handle = await self._handed_over(key)
        probe = self._lone()
        known = KnownHandover(key=key, begun=True, handle=handle)
        (found,) = await self._job([probe.source], known)
        return self._judge(probe, found)

    async def _handed_over(self, key: str) -> str:
        """Submit a job, and kill the process that did as soon as it has arrived."""
        child = await self._children.acquire()
        try:
            probe = self._lone()
            await self._begin(child, [probe.source], KnownHandover(key=key))
            async with asyncio.timeout(_REMOTE_SECONDS):
                async for message in child.messages():
                    match message:
                        case Submitted(handle=handle):
                            return handle
                        case JobFailed(error=error):
                            raise _Failed(error.message)
                        case Submitting():
                            await child.send(Go())
                        case CircuitsWanted():
                            await self._read([probe.source], message, child)
        except ChildLost as lost:
            raise _Failed(f"its process died: {lost}") from None
        except TimeoutError:
            raise _Failed("it was not handed over in time") from None
        finally:
            await child.close()
        raise _Failed("it was not handed over")

    # -- one job -----------------------------------------------------------------------------------

    async def _cancelled(self, key: str, handle: str) -> CancelAnswer:
        try:
            answer = await self._children.ask(Cancel(key=key, handle=handle))
        except ChildLost as lost:
            raise _Failed(f"its process died: {lost}") from None
        if not isinstance(answer, CancelAnswer):
            raise unexpected(answer)
        return answer

    async def _job(
        self, circuits: Sequence[str], known: KnownHandover | None = None
    ) -> Sequence[CircuitOutcome]:
        if self._target.remote and known is None:
            known = KnownHandover(key=new_job_id())
        child = await self._children.acquire()
        seconds = _REMOTE_SECONDS if self._target.remote else _LOCAL_SECONDS
        try:
            await self._begin(child, circuits, known)
            async with asyncio.timeout(seconds):
                files = await self._converse(child, circuits)
            return _read(child.folder, files, len(circuits))
        except ChildLost as lost:
            raise _Failed(f"its process died: {lost}") from None
        except MessageFault as fault:
            _log.exception("child speaks nonsense")
            raise _Failed(str(fault)) from fault
        except TimeoutError:
            raise _Failed(f"it was not done within {seconds:.0f} seconds") from None
        finally:
            await child.close()

    async def _begin(
        self,
        child: Child,
        circuits: Sequence[str],
        known: KnownHandover | None,
    ) -> None:
        await child.send(
            RunJob(
                job="conformance",
                circuits=[] if self._children.apart else list(circuits),
                apart=len(circuits) if self._children.apart else 0,
                facts=None,
                limits=self._target.circuit_limits,
                options=RunOptions(
                    shots=self._shots,
                    seed=_SEED if Feature.SEED in self._target.features else None,
                    memory=self._memory,
                ),
                response_format=ResponseFormat.JSON,
                folder=str(child.folder.path),
                file_bytes=FILE_BYTES,
                handover=known,
            )
        )

    async def _read(self, circuits: Sequence[str], wanted: CircuitsWanted, child: Child) -> None:
        limits = self._target.circuit_limits
        texts = Texts(circuits, [None] * len(circuits), limits)
        failure = await self._readers.hand(texts, wanted, child)
        if failure is not None:
            raise _Failed(failure.message)

    async def _converse(self, child: Child, circuits: Sequence[str]) -> Sequence[ResultFile]:
        """Let the child work, and return what it says of its files."""
        files: Sequence[ResultFile] | None = None
        async for message in child.messages():
            match message:
                case JobFailed(error=error):
                    raise _Failed(error.message)
                case NoRoom(sentence=sentence):
                    raise _Failed(sentence)
                case Submitting() | Submitted() | InDoubt():
                    await child.send(Go())
                case CircuitsWanted():
                    await self._read(circuits, message, child)
                case ResultsWritten():
                    files = message.files
                case (
                    CircuitStarted()
                    | CircuitFinished()
                    | Note()
                    | Progress()
                    | Calibrated()
                    | Waiting()
                    | NotSubmitted()
                ):
                    pass
                case _:
                    raise unexpected(message)
        if files is None:
            raise _Failed("its process ended without a result")
        return files


def _read(
    folder: ChildFolder, files: Sequence[ResultFile], circuits: int
) -> Sequence[CircuitOutcome]:
    told = {item.file: item.content.encode() for item in files if item.content is not None}
    written = {item.name for item in folder.path.iterdir()}
    counts = told.get(_COUNTS) or folder.read(_COUNTS, FILE_BYTES)
    memory = told.get(_MEMORY)
    if memory is None and _MEMORY in written:
        memory = folder.read(_MEMORY, FILE_BYTES)
    try:
        found = read_job(counts, memory).circuits
    except UnreadableOutcomes as error:
        raise _Failed(str(error)) from None
    if len(found) != circuits:
        raise _Failed(
            f"it gives counts of {counted(len(found), 'circuit')}, of {circuits} are right"
        )
    return found


def _checked(check: Check, wrong: Sequence[str | None]) -> ConformanceCheck:
    if check.skipped is not None:
        return _skipped(check.name, check.title, check.skipped)
    return _outcome(check.name, check.title, next(filter(None, wrong), None))


def _outcome(name: str, title: str, wrong: str | None) -> ConformanceCheck:
    outcome = Verdict.PASSED if wrong is None else Verdict.FAILED
    return ConformanceCheck(name=name, title=title, outcome=outcome, message=wrong)


def _skipped(name: str, title: str, why: str) -> ConformanceCheck:
    return ConformanceCheck(name=name, title=title, outcome=Verdict.SKIPPED, message=why)
