"""Publishes what a child has made: of each circuit of a batch, and the results of a job."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import BinaryIO

from quws.domain.job import LARGE_BATCH, NONE_FAILED, Done, Result, part_id
from quws.domain.outcome_texts import END, NEXT, circuit_json, head_of_circuits
from quws.domain.outcomes import DOCUMENT, CircuitOutcome, JobOutcomes
from quws.sandbox.messages import (
    CircuitFailed,
    CircuitFinished,
    MessageFault,
    ResultFile,
    ResultsWritten,
)
from quws.worker.files import Small
from quws.worker.held import HeldJob

Take = Callable[[str], BinaryIO]
"""Opens a file that a child says it has written."""
_MIME_TYPE = "application/json"
_TOGETHER = "Together"
"""The file of small results: no child can name its own so."""
_TOGETHER_SECONDS = 0.5
_TOGETHER_PART = 0.02
_TOGETHER_CIRCUITS = 100


class Finished:
    """Circuits of a batch that have their results, published together.

    As many as are done within half a second; of a large batch, within a fiftieth of the time that
    the job has run, and in one file: so there are never more than some hundred results to be
    listed. What comes of a single circuit is among the results of the job.

    Parameters
    ----------
    folder
        Where there is room for a file.

    """

    def __init__(self, held: HeldJob, take: Take, folder: Path) -> None:
        self._held = held
        self._take = take
        self._folder = folder
        self._document = DOCUMENT[held.claim.job.spec.kind]
        self._large = held.circuits > LARGE_BATCH
        self._most = max(_TOGETHER_CIRCUITS, held.circuits // 100)
        self._gathered: list[CircuitFinished | CircuitFailed] = []
        self._started: datetime | None = None
        self._since = 0.0

    def wait_seconds(self) -> float | None:
        """Return in how many seconds to publish what is gathered; None where nothing is."""
        if not self._gathered:
            return None
        together = _TOGETHER_SECONDS
        if self._large:
            together = max(together, _TOGETHER_PART * (self._since - self._held.began))
        return max(0.0, self._since + together - monotonic())

    async def add(self, message: CircuitFinished | CircuitFailed, started: datetime) -> None:
        """Take a circuit that has its result, or gets none, and publish what is due by now.

        Raises
        ------
        Fenced, TooMuch
        MessageFault
            The job has no such circuit, or it is no file of the job that is named.
        OSError
            The folder is gone, or there is no room.

        """
        if message.circuit >= self._held.circuits:
            raise MessageFault(f"a circuit that the job has not: {message.circuit}")
        if self._held.batch.is_gap(range(message.circuit, message.circuit + 1)):
            return  # It was aborted while it ran.
        if isinstance(message, CircuitFailed):
            self._held.batch.failed(message.circuit, message.sentence)
            alone = False
        elif message.file is None and message.outcome is None:
            return
        else:
            # What is too large for a message could be too much for the job, without those before.
            alone = message.file is not None and not self._large
        if self._gathered and (alone or not self._follows(message.circuit)):
            await self.publish()
        if not self._gathered:
            self._since, self._started = monotonic(), started
        self._gathered.append(message)
        if alone or len(self._gathered) >= self._most or self.wait_seconds() == 0:
            await self.publish()

    def _follows(self, circuit: int) -> bool:
        """Whether between what is gathered and a circuit there are none that may have a result."""
        last = self._gathered[-1].circuit
        return circuit > last and self._held.batch.is_gap(range(last + 1, circuit))

    async def publish(self) -> None:
        """Publish what is gathered.

        Raises
        ------
        Fenced, TooMuch, MessageFault, OSError

        """
        gathered, self._gathered = self._gathered, []
        if not gathered:
            return
        circuits = range(gathered[0].circuit, gathered[-1].circuit + 1)
        ran = [item for item in gathered if isinstance(item, CircuitFinished)]
        failed = {
            item.circuit: item.sentence for item in gathered if isinstance(item, CircuitFailed)
        }
        if self._large and len(ran) > 1:
            results = [await self._together(circuits, ran)]
        else:
            results = await self._each(circuits, ran)
        more = await asyncio.gather(*map(self._compiled, ran))
        kept = [item for item in more if item is not None]
        await self._held.files.admit([*results, *kept])
        await self._held.add_done(self._done(circuits, results, ran, kept, failed))

    async def end(self, message: ResultsWritten) -> None:
        """Publish a job's results, and end it: what is gathered of its circuits goes with that.

        Raises
        ------
        Fenced, TooMuch
        CircuitsAborted
            The results are to be made anew.
        MessageFault
            What is named is no file of the job, or named twice.
        OSError
            The folder is gone.

        """
        gathered, circuits = self._gathered, range(0)
        ran = [item for item in gathered if isinstance(item, CircuitFinished) and item.is_small()]
        if self._large or not gathered or len(ran) < len(gathered):
            await self.publish()
            ran = []
        else:
            self._gathered = []
            circuits = range(ran[0].circuit, ran[-1].circuit + 1)
        of_circuits = [self._small(item) for item in ran]
        at_hand = [
            Small(item.id, item.content.encode(), item.mime_type)
            for item in message.files
            if item.content is not None
        ]
        names = [*(item.id for item in message.files), *(item.id for item in of_circuits)]
        if len(set(names)) < len(names):
            raise MessageFault("two results of one name")
        with contextlib.ExitStack() as stack:
            # All of them before any is stored.
            files = [
                (item, stack.enter_context(self._take(item.file)))
                for item in message.files
                if item.content is None
            ]
            small = await self._held.files.put_together(_TOGETHER, [*at_hand, *of_circuits])
            large = await asyncio.gather(*(self._put(item, file) for item, file in files))
        found = {item.id: item for item in (*small, *large)}
        results = [found[item.id] for item in message.files]
        await self._held.files.admit([*small, *large])
        last = None
        if ran:
            last = self._done(circuits, [found[item.id] for item in of_circuits], ran)
        await self._held.complete(results, last)

    def _done(
        self,
        circuits: range,
        results: Sequence[Result],
        ran: Sequence[CircuitFinished],
        more: Sequence[Result] = (),
        failed: Mapping[int, str] = NONE_FAILED,
    ) -> Done:
        assert self._started is not None
        engines = ", ".join(dict.fromkeys(item.engine for item in ran))
        return self._held.done(circuits, results, engines, self._started, more, failed)

    def _small(self, message: CircuitFinished) -> Small:
        content = (message.outcome or "").encode()
        return Small(f"{self._document}-{message.circuit}", content, _MIME_TYPE)

    async def _put(self, item: ResultFile, file: BinaryIO) -> Result:
        return await self._held.files.put(item.id, item.file, file, item.mime_type)

    async def _each(self, circuits: range, ran: Sequence[CircuitFinished]) -> list[Result]:
        """Store what each circuit gave: of those that are small in one file."""
        small = [self._small(item) for item in ran if item.file is None]
        name = f"{_TOGETHER}-{circuits[0]}-{circuits[-1]}"
        put = await self._held.files.put_together(name, small)
        large = await asyncio.gather(*(self._alone(item) for item in ran if item.file is not None))
        found = {item.id: item for item in (*put, *large)}
        return [found[f"{self._document}-{item.circuit}"] for item in ran]

    async def _alone(self, message: CircuitFinished) -> Result:
        name, index = f"circuit-{message.circuit}.json", message.circuit
        with self._content(message) as content:
            return await self._held.files.put(
                f"{self._document}-{index}", name, content, _MIME_TYPE
            )

    async def _together(self, circuits: range, ran: Sequence[CircuitFinished]) -> Result:
        result_id = part_id(self._document, circuits)
        with TemporaryFile(dir=self._folder) as file:
            await asyncio.to_thread(self._join, file, circuits, ran)
            return await self._held.files.put(result_id, f"{result_id}.json", file, _MIME_TYPE)

    def _join(self, file: BinaryIO, circuits: range, ran: Sequence[CircuitFinished]) -> None:
        by_index = {item.circuit: item for item in ran}
        missing = self._held.batch.missing
        job = self._held.claim.job
        head = head_of_circuits(JobOutcomes(job.id, job.target, job.spec.options.shots_run, []))
        file.write(head.encode())
        for place, index in enumerate(circuits):
            file.write(NEXT.encode() if place else b"")
            item = by_index.get(index)
            if item is None:
                # The place in the file says which circuit it is.
                none = CircuitOutcome({}, index=index, missing=missing[index])
                file.write("".join((*circuit_json(none), "\n")).encode())
                continue
            with self._content(item) as content:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    shutil.copyfileobj(content, file)
            file.write(b"\n")
        file.write(END.encode())

    @contextlib.contextmanager
    def _content(self, message: CircuitFinished) -> Iterator[bytes | BinaryIO]:
        if message.file is None:
            yield (message.outcome or "").encode()
        else:
            with self._take(message.file) as file:
                yield file

    async def _compiled(self, message: CircuitFinished) -> Result | None:
        text = message.compiled
        if text is None:
            return None
        with self._take(text.file) as file:
            return await self._held.files.put(text.id, text.file, file, text.mime_type)
