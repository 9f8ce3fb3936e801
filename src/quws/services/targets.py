"""Targets as users look at them, and as operators open and close them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from quws.bus.announcer import Announcer
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import Forbidden, InvalidParameter, NotFound
from quws.domain.parameters.values import is_xml_text
from quws.domain.targets import Calibration, Load, TargetRecord, TargetStatus
from quws.domain.times import format_instant
from quws.services.quotes import Quotes
from quws.store.targets import TargetStore

_LOAD_DAYS = 7
_MESSAGE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class TargetReport:
    """A target and its queue. ``wait`` is in how many seconds a new job would start; None if
    nobody knows. ``calibration_time`` is that of its present calibration.
    """

    record: TargetRecord
    waiting: int
    running: int
    wait: float | None
    calibration_time: datetime | None


class TargetService:
    """What is known of targets, for everybody; and their state, for operators to set.

    ``announcer`` is None for a command that does not know the bus of the service: workers then
    find by themselves what they would be woken for.
    """

    def __init__(
        self,
        store: TargetStore,
        quotes: Quotes,
        announcer: Announcer | None,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._quotes = quotes
        self._announcer = announcer
        self._clock = clock

    async def all(self) -> list[TargetReport]:
        """Return all targets by name."""
        return [await self._report(record) for record in await self._store.records()]

    async def records(self) -> list[TargetRecord]:
        """Return all targets by name, without their queues."""
        return await self._store.records()

    async def record(self, name: str) -> TargetRecord:
        """Return one target without its queue.

        Raises
        ------
        NotFound
            There is none of this name.

        """
        record = await self._store.record(name)
        if record is None:
            known = ", ".join(item.name for item in await self._store.records()) or "none yet"
            raise NotFound(f"there is no target '{name[:60]}'; there are: {known}")
        return record

    async def get(self, name: str) -> TargetReport:
        """Return one target.

        Raises
        ------
        NotFound
            There is none of this name.

        """
        return await self._report(await self.record(name))

    async def set_status(
        self,
        caller: Caller,
        name: str,
        status: TargetStatus,
        message: str | None = None,
        until: datetime | None = None,
    ) -> None:
        """Take a target out of service until an instant or for good, or open it again (ONLINE).

        It goes before what health checks find. Jobs wait meanwhile; with OFFLINE
        those that run are stopped and go on later, else they may end.

        Raises
        ------
        Forbidden
            The caller is no operator.
        NotFound
            There is no such target, or no worker has looked at it yet.
        InvalidParameter
            The message is none, or the instant has passed.

        """
        if not caller.operator:
            raise Forbidden("only operators may set the status of a target")
        if message is not None and (len(message) > _MESSAGE_LENGTH or not is_xml_text(message)):
            raise InvalidParameter(
                f"MESSAGE must be text of at most {_MESSAGE_LENGTH} characters",
                parameter="MESSAGE",
            )
        if until is not None and until <= self._clock():
            raise InvalidParameter(
                f"UNTIL must lie in the future, and {format_instant(until)} does not",
                parameter="UNTIL",
            )
        by = caller.name or "operator"
        if not await self._store.set_state(name, status, message or None, until, by):
            raise NotFound(f"there is no target '{name[:60]}', or no worker has looked at it yet")
        if status is TargetStatus.ONLINE and self._announcer is not None:
            await self._announcer.work(name)

    async def calibrations(self, name: str) -> list[tuple[str, datetime]]:
        """Return the calibrations that a target had, newest first: id and time.

        Raises
        ------
        NotFound
            There is no such target.

        """
        await self.record(name)
        return await self._store.calibrations(name)

    async def calibration(self, name: str, calibration_id: str) -> Calibration:
        """Return one calibration of a target.

        Raises
        ------
        NotFound
            There is no such target, or it had no such calibration.

        """
        found = await self._store.calibration(name, calibration_id)
        if found is None:
            await self.record(name)
            raise NotFound(f"target {name} has no calibration '{calibration_id[:60]}'")
        return found

    async def load(self, name: str) -> list[Load]:
        """Return how many jobs waited and ran during the last week, oldest first."""
        return await self._store.load(name, self._clock() - timedelta(days=_LOAD_DAYS))

    async def sample_load(self) -> int:
        """Write down how many jobs wait and run now; return 0, as there is nothing to report."""
        now = self._clock().replace(second=0, microsecond=0)
        await self._store.sample_load(now, now - timedelta(days=_LOAD_DAYS))
        return 0

    async def _report(self, record: TargetRecord) -> TargetReport:
        state = await self._quotes.state(record.name)
        present = record.calibration
        found = None
        if present is not None:
            found = await self._store.calibration_time(record.name, present)
        return TargetReport(
            record=record,
            waiting=state.waiting_count,
            running=len(state.running),
            wait=self._quotes.wait(state),
            calibration_time=found,
        )
