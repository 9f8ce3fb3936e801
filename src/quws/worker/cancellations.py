"""Cancels at the other side of a remote target what was aborted or deleted here.

What is to be cancelled is in the database, so whoever dies, the next worker does it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import monotonic

import structlog

from quws.domain.job import TimelineEntry
from quws.domain.phases import Phase
from quws.sandbox.child import ChildLost
from quws.sandbox.messages import Cancel, CancelAnswer, Cancellation
from quws.sandbox.pool import ChildrenUnavailable
from quws.sandbox.roles import unexpected
from quws.store.database import StoreUnavailable
from quws.store.handovers import Handover
from quws.worker.workplace import Workplace

_GLANCE_SECONDS = 1.0
_CANCEL_SECONDS = 60.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_MISSING = timedelta(seconds=90)
"""How long something that was being handed over when its job ended may turn up late."""
_log = structlog.get_logger(__name__)


class Cancellations:
    """What a worker has to cancel at the other side of its target."""

    def __init__(self, place: Workplace) -> None:
        self._place = place
        self._again: dict[str, tuple[float, float]] = {}
        """For those that were tried in vain: when to try again, and the pause before that."""

    async def run(self) -> None:
        """Cancel what there is to cancel, every second until cancelled."""
        while True:
            try:
                await self.cancel_due()
            except (StoreUnavailable, ChildrenUnavailable) as error:
                _log.warning("cancelling interrupted", error=str(error))
            except Exception:  # noqa: BLE001 - the next turn may do better
                _log.exception("cancelling failed")
            await asyncio.sleep(_GLANCE_SECONDS)

    async def cancel_due(self) -> None:
        """Try what there is to cancel, save what was tried in vain a moment ago.

        Raises
        ------
        StoreUnavailable
        ChildrenUnavailable

        """
        duties = await self._place.handovers.duties(self._place.target)
        self._again = {duty.key: self._again.get(duty.key, (0.0, _FIRST_PAUSE)) for duty in duties}
        for duty in duties:
            due, pause = self._again[duty.key]
            if monotonic() >= due:
                pause = min(2 * pause, _LONGEST_PAUSE)
                self._again[duty.key] = monotonic() + pause, pause
                await self._cancel(duty)

    async def _cancel(self, duty: Handover) -> None:
        match await self._answer(duty):
            case CancelAnswer(outcome=Cancellation.DONE, sentence=sentence):
                await self._close(duty, sentence)
            case CancelAnswer(outcome=Cancellation.MISSING, sentence=sentence) if self._late(duty):
                await self._close(duty, sentence)
            case answer:
                _log.info(
                    "not cancelled yet", job=duty.job_id, handle=duty.handle, why=answer.sentence
                )

    async def _answer(self, duty: Handover) -> CancelAnswer:
        try:
            async with asyncio.timeout(_CANCEL_SECONDS):
                answer = await self._place.children.ask(Cancel(key=duty.key, handle=duty.handle))
        except (ChildLost, TimeoutError) as error:
            why = str(error) or "it took too long"
            return CancelAnswer(outcome=Cancellation.AGAIN, sentence=why)
        if not isinstance(answer, CancelAnswer):
            raise unexpected(answer)
        return answer

    def _late(self, duty: Handover) -> bool:
        return self._place.clock() - duty.changed > _MISSING

    async def _close(self, duty: Handover, sentence: str) -> None:
        entry = TimelineEntry(
            self._place.clock(), "cancelled remotely", self._place.worker, sentence
        )
        await self._place.handovers.close(duty.key, entry)
        # It was aborted, or deleted since: whoever looks at it looks again.
        await self._place.announcer.changed(duty.job_id, Phase.ABORTED)
