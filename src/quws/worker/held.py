"""A job in the hands of a worker, and all that may be written of it.

Every write is fenced by attempt and lease: a worker that lost its job can change nothing, and
learns so by ``Fenced``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import TypeVar

import structlog

from quws.artifacts import ArtifactStoreUnavailable
from quws.domain.job import (
    DURATION_OVER,
    NONE_FAILED,
    NOTHING_SAID,
    REQUEUED,
    Claim,
    Done,
    JobError,
    Result,
    Said,
    TimelineEntry,
)
from quws.domain.phases import Phase
from quws.domain.targets import Calibration
from quws.domain.versions import VERSIONS, in_words
from quws.sandbox.child import Child
from quws.store.database import StoreUnavailable
from quws.telemetry import metrics
from quws.worker.batch import Batch, told_of
from quws.worker.files import Files
from quws.worker.gathered import Gathered
from quws.worker.interruptions import CircuitsAborted, Fenced
from quws.worker.workplace import Workplace

T = TypeVar("T")

_RETRY_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class HeldJob:
    """A job in the hands of this worker.

    Its methods write, and are fenced; where a database or an artifact store is away they wait for
    it, save those of the lease. Its attributes are what those who look after the job tell each
    other.

    Parameters
    ----------
    shifted
        How far the store's clock had been set when the deadline was last right.

    """

    def __init__(self, place: Workplace, claim: Claim, shifted: float) -> None:
        self._place = place
        self._shifted = shifted
        self.claim = claim
        self._gathered = Gathered(self.write_down)
        self.began = monotonic()
        self.batch = Batch(claim.job.circuits)
        self.files = Files(self, place)
        """Its results on their way into the store."""
        self.again = False
        """The child was killed because its circuit was aborted: another one goes on."""
        self.child: Child | None = None
        self.lost = asyncio.Event()
        """The job was taken away: aborted, deleted, over its time or requeued."""
        self.changed = asyncio.Event()
        """Something happened to the job: look now rather than at the next heartbeat."""
        self.over = False
        """The attempt is over: nobody need keep its lease any more."""
        self.handing_back: str | None = None
        """Why the job is to be given back to the queue; the child is killed for it."""
        self.waiting_since: float | None = None
        """From when on it waits at the other side, as far as its deadline has not moved for it."""
        self.submitting = False
        """The other side is getting the job: to be killed now would leave that in doubt."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.claim.id

    # -- how it gets on ---------------------------------------------------------------------------

    def begins(self) -> None:
        """Tell of the claim, soon: most jobs have ended by then."""
        self._gathered.soon()

    def note(self, sentence: str) -> None:
        """Have a sentence written into the timeline: soon, or with what is written next."""
        self._gathered.note(self._entry("note", sentence))

    def say(self, sentence: str) -> None:
        """Have written what the job is doing just now: soon, or with what is written next."""
        self._gathered.say(sentence)

    async def calibrate(self, calibration: Calibration) -> None:
        """Have the calibration written that the job runs with: soon, or with what comes next.

        Raises
        ------
        Fenced
            The job was lost while the database was away.

        """
        place = self._place
        # Before the job refers to it.
        await self.persistently(
            lambda: place.targets.calibrated(place.target, calibration, present=False)
        )
        self._gathered.calibrate(calibration.id)

    async def write_down(self, said: Said) -> None:
        """Write what the job has said of itself, and tell of it, if it is still this worker's."""
        try:
            if said != NOTHING_SAID:
                await self._write(lambda: self._place.jobs.publishing.say(self.claim, said))
        except Fenced:
            self.changed.set()  # Who keeps the lease finds out what has become of the job.
        else:
            await self.announce(Phase.EXECUTING)

    async def close(self) -> None:
        """Write no more by itself."""
        await self._gathered.take()

    async def add_done(self, done: Done) -> None:
        """Publish the results of circuits that follow each other, as `done` has made it.

        Raises
        ------
        Fenced

        """
        said = await self._gathered.take()
        await self._write(lambda: self._place.jobs.publishing.store(self.claim, done, said))
        await self.announce(Phase.EXECUTING)

    def done(
        self,
        circuits: range,
        results: Sequence[Result],
        engine: str,
        started: datetime,
        more: Sequence[Result] = (),
        failed: Mapping[int, str] = NONE_FAILED,
    ) -> Done:
        """Return what is to be written of circuits that follow each other and are over.

        ``more`` is what else came of them; ``failed`` says of those that could not be run why.
        """
        entry = self._entry(*told_of(circuits, self.circuits, engine, failed))
        return Done(circuits, results, entry, started, more, failed)

    @property
    def circuits(self) -> int:
        """How many circuits the job has."""
        return self.claim.job.circuits

    # -- how it ends ------------------------------------------------------------------------------

    async def complete(self, results: Sequence[Result], last: Done | None = None) -> None:
        """End the job as COMPLETED, and publish its last circuits with that.

        Raises
        ------
        Fenced
        CircuitsAborted

        """
        entry = self._entry("completed", self.batch.sentence())
        seconds, told = monotonic() - self.began, self.batch.aborted_told
        try:
            await self._end(
                Phase.COMPLETED,
                lambda said: self._place.jobs.publishing.complete(
                    self.claim, list(results), entry, seconds, said, told, last
                ),
            )
        except Fenced:
            # It may still be ours.
            await self.persistently(self.renew)
            if self.claim.aborted == told:
                raise
            if last is not None:
                await self.add_done(last)
            raise CircuitsAborted from None

    async def fail(
        self, error: JobError, circuit: int | None = None, versions: Mapping[str, str] | None = None
    ) -> None:
        """End the job in ERROR, because of one of its circuits where that is known.

        Raises
        ------
        Fenced

        """
        known = versions or self._place.children.versions
        if known and self.child is not None:
            self._gathered.note(self._entry(VERSIONS, in_words(known)))
        entry = self._entry("failed", error.message)
        await self._end(
            Phase.ERROR,
            lambda said: self._place.jobs.publishing.fail(self.claim, error, entry, said, circuit),
        )

    async def retry(self, reason: str) -> None:
        """Queue the job again after an attempt that came to nothing.

        Raises
        ------
        Fenced

        """
        entry = self._entry(REQUEUED, f"{reason}; the job is tried again")
        await self._end(
            Phase.QUEUED, lambda said: self._place.jobs.publishing.retry(self.claim, entry, said)
        )
        await self._place.announcer.work(self._place.target)

    async def hand_back(self, reason: str) -> None:
        """Let another worker go on with the job: it is SUSPENDED until one does.

        Raises
        ------
        Fenced

        """
        entry = self._entry("suspended", reason)
        await self._end(
            Phase.SUSPENDED,
            lambda said: self._place.jobs.publishing.hand_back(self.claim, entry, said),
        )
        await self._place.announcer.work(self._place.target)

    async def troubles(self) -> list[str]:
        """Return how earlier attempts ended.

        Raises
        ------
        Fenced
            The job was lost while the database was away.

        """
        return await self.persistently(lambda: self._place.jobs.reading.troubles(self.id))

    # -- the other side of a remote target --------------------------------------------------------

    async def intend(self, key: str, left_out: Sequence[int] = ()) -> None:
        """Write down that the job is about to be sent to the other side, without some circuits.

        Raises
        ------
        Fenced

        """
        now = self._place.clock()
        await self._gathered.now()
        await self._write(lambda: self._place.handovers.intend(self.claim, key, now, left_out))

    async def arrived(self, key: str, handle: str) -> None:
        """Write down what the other side calls the job.

        Raises
        ------
        Fenced

        """
        entry = self._entry("handed over", f"the target's own queue has it as {handle}"[:500])
        await self._gathered.now()
        await self._write(lambda: self._place.handovers.arrived(self.claim, key, handle, entry))
        await self.announce(Phase.EXECUTING)

    async def doubt(self, key: str, sentence: str) -> None:
        """Write down that nobody can tell whether the other side has the job.

        Raises
        ------
        Fenced

        """
        entry = self._entry("in doubt", sentence)
        await self._gathered.now()
        await self._write(lambda: self._place.handovers.doubt(self.claim, key, entry))

    # -- the lease, at once or not at all ---------------------------------------------------------

    async def renew(self) -> datetime:
        """Renew the lease and move the deadline where it must move; gives the store's time.

        Raises
        ------
        Fenced
        StoreUnavailable

        """
        asked = monotonic()
        renewed = await self._place.jobs.claims.renew(self.claim, self._place.lease_seconds)
        if renewed is None:
            raise Fenced
        self.claim, now = renewed
        self._place.store_clock.observe(now, asked)
        shifted = self._place.store_clock.shifted
        if self._shifted != shifted:
            await self._shift(shifted - self._shifted)
            self._shifted = shifted
        await self.rest()
        return now

    async def rest(self) -> None:
        """Move the deadline by what the job has waited at the other side since the last time.

        Raises
        ------
        Fenced
        StoreUnavailable

        """
        since, now = self.waiting_since, monotonic()
        if since is None:
            return
        self.waiting_since = now
        try:
            await self._shift(now - since)
        except StoreUnavailable:
            self.waiting_since = since
            raise

    async def abort_overdue(self, now: datetime) -> bool:
        """Abort the job because its time is over. False if by now it has more time.

        Raises
        ------
        StoreUnavailable

        """
        entry = self._entry("aborted", DURATION_OVER)
        aborted = await self._place.jobs.control.abort(self.id, entry, past_deadline=now)
        if aborted is None:
            return False
        await self.announce(Phase.ABORTED)
        return True

    async def _shift(self, seconds: float) -> None:
        moved = await self._place.jobs.claims.shift(self.claim, seconds)
        if moved is None:
            raise Fenced
        self.claim = moved

    # -- how it is written ------------------------------------------------------------------------

    async def announce(self, phase: Phase) -> None:
        """Say that the job has changed; nothing is lost if nobody hears it."""
        await self._place.announcer.changed(self.id, phase, by=self._place.worker)

    async def persistently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Repeat what a database or artifact store that is away made fail.

        There is no limit but the job's own: when it is aborted, over its time, or somebody
        else's, the lease keeper says so as soon as it can know.

        Raises
        ------
        Fenced
            The job was lost meanwhile.

        """
        while True:
            try:
                return await work()
            except (StoreUnavailable, ArtifactStoreUnavailable) as error:
                _log.warning("store unavailable", error=str(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_RETRY_SECONDS):
                        await self.lost.wait()
                if self.lost.is_set():
                    raise Fenced from None

    async def _write(self, write: Callable[[], Awaitable[bool]]) -> None:
        if not await self.persistently(write):
            raise Fenced

    async def _end(self, phase: Phase, write: Callable[[Said], Awaitable[bool]]) -> None:
        said = await self._gathered.take()
        await self._write(lambda: write(said))
        metrics.ended(self._place.target, phase, monotonic() - self.began)
        await self.announce(phase)

    def _entry(self, status: str, message: str | None = None) -> TimelineEntry:
        return TimelineEntry(self._place.clock(), status, self._place.worker, message)
