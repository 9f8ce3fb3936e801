"""How a worker and its target fare: asked now and then, and seen when somebody says so."""

from __future__ import annotations

import asyncio

import structlog

from quws.bus.dispatcher import UnfitWorker
from quws.domain.targets import TargetDescription, TargetKind, TargetStatus
from quws.domain.timeslots import Timeslot
from quws.store.database import StoreUnavailable
from quws.worker.inspection import record_inspection
from quws.worker.slots import Slots
from quws.worker.workplace import Workplace

_GLANCE_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class TargetHealth:
    """Keeps the slots of a worker to what its target is and can do.

    Parameters
    ----------
    check_seconds
        Pause between two inspections.

    """

    def __init__(
        self, place: Workplace, target: TargetDescription, slots: Slots, *, check_seconds: float
    ) -> None:
        self._place = place
        self._steady = target.kind is TargetKind.SIMULATOR
        self._slots = slots
        self._check_seconds = check_seconds
        self._online = True
        self._timeslot: Timeslot | None = None

    async def run(self) -> None:
        """Look after the target until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._glance_often())
            group.create_task(self._inspect_often())

    async def _glance_often(self) -> None:
        place = self._place
        while True:
            if self._slots.trouble is not None:
                unfit = UnfitWorker(place.target, place.worker, self._slots.trouble)
                await place.announcer.unfit(unfit)
            try:
                await self.glance()
            except StoreUnavailable as error:
                _log.warning("state of the target not read", error=str(error))
            except Exception:  # noqa: BLE001 - the next turn may do better
                _log.exception("state of the target not read")
            await asyncio.sleep(_GLANCE_SECONDS)

    async def _inspect_often(self) -> None:
        # The first inspection was before the first job.
        pause = self._check_seconds
        while True:
            await asyncio.sleep(pause)
            pause = self._check_seconds
            try:
                if not self._steady or await self._was_found_away():
                    pause = await self.inspect()
            except StoreUnavailable as error:
                _log.warning("health check not written down", error=str(error))
            except Exception:  # noqa: BLE001 - the next look may do better
                _log.exception("health check failed")

    async def _was_found_away(self) -> bool:
        """Whether the target takes no work, and not by an operator's word."""
        record = await self._place.targets.record(self._place.target)
        return record is not None and record.set_by is None and not record.state.takes_work

    async def inspect(self) -> float:
        """Ask the target what it is and how it is, and return after how long to ask again.

        Raises
        ------
        StoreUnavailable

        """
        place = self._place
        description = await record_inspection(
            place.children, place.targets, place.target, place.clock
        )
        if description is not None:
            self._slots.describe(description)
        record = await place.targets.record(place.target)
        if record is None or record.state.until is None:
            return self._check_seconds
        # Expected back before its turn, it is asked then.
        left = (record.state.until - place.clock()).total_seconds()
        return min(self._check_seconds, max(_GLANCE_SECONDS, left))

    async def glance(self) -> None:
        """See whether the state has changed, by an inspection or by an operator, or the timeslot.

        Raises
        ------
        StoreUnavailable

        """
        place = self._place
        state = await place.targets.state(place.target)
        if state is None:
            return
        was, self._online = self._online, state.takes_work
        if state.status is TargetStatus.OFFLINE and not place.remote:
            # What runs elsewhere goes on there; what runs here is ours to repeat.
            self._slots.suspend(state.sentence(place.target) or "")
        elif self._online and not was:
            await place.announcer.work(place.target)
        if (rules := self._slots.timeslots) is not None:
            before, self._timeslot = self._timeslot, await place.jobs.timeslots.on(place.target)
            if not place.remote:
                self._slots.keep_to(rules, self._timeslot)
            if self._timeslot != before:
                await place.announcer.work(place.target)
