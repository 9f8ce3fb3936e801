"""Whether the service can do its work, and since when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

import structlog

from quws.artifacts import ArtifactStore
from quws.bus.dispatcher import Dispatcher
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import Unavailable
from quws.domain.times import format_instant
from quws.schemas.health import ReadinessJson
from quws.store.clock import StoreClock
from quws.store.database import Database

_FRESH_SECONDS = 1.0
_LIMIT_SECONDS = 5.0
_TOLD_FOR = timedelta(minutes=10)
_APART_SECONDS = 5.0
_BUS_AWAY = "the message bus does not answer: jobs start, and waiting clients hear, seconds later"
_ARTIFACTS_AWAY = "the artifact store does not answer: results cannot be read, and new ones wait"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Whether a process can do its work, and since when. All is for users: no hosts are named.

    ``problems`` keep it from its work; ``degraded`` is what does not answer although the work goes
    on; ``notices`` is what else users should know.
    """

    available: bool
    since: datetime | None
    problems: list[str]
    degraded: list[str]
    notices: list[str]

    @property
    def notes(self) -> list[str]:
        """All that is to be said."""
        return [*self.problems, *self.degraded, *self.notices]

    def readiness(self) -> ReadinessJson:
        """Return what whoever sends requests wants to know."""
        return ReadinessJson(ready=self.available, problems=self.problems, degraded=self.degraded)


class Health:
    """Looks at database, bus and artifact store, at most once a second.

    Without the bus all goes on, only later, and without the artifact store most does: a process
    that cannot reach them is not to be taken out of service, as all others cannot either.
    ``more`` are further parts that a process cannot do without, by name; each raises
    ``Unavailable`` when it does not work.
    """

    def __init__(
        self,
        database: Database,
        dispatcher: Dispatcher,
        artifacts: ArtifactStore,
        store_clock: StoreClock,
        *,
        more: Mapping[str, Callable[[], Awaitable[None]]] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._needed: dict[str, Callable[[], Awaitable[None]]] = {
            "the database does not answer": database.probe,
            **{f"{name} does not answer": probe for name, probe in (more or {}).items()},
        }
        self._helpful: dict[str, Callable[[], Awaitable[None]]] = {
            _BUS_AWAY: dispatcher.probe,
            _ARTIFACTS_AWAY: artifacts.probe,
        }
        self._store_clock = store_clock
        self._clock = clock
        self._clock_set: datetime | None = None
        self._since: datetime | None = None
        self._report: HealthReport | None = None
        self._fresh_until = 0.0
        self._one_look = asyncio.Lock()

    async def report(self) -> HealthReport:
        """Return what works, as it was at most a second ago."""
        async with self._one_look:
            if self._report is None or monotonic() >= self._fresh_until:
                self._report = await self._look()
                self._fresh_until = monotonic() + _FRESH_SECONDS
            return self._report

    async def _look(self) -> HealthReport:
        problems, degraded = await asyncio.gather(_troubles(self._needed), _troubles(self._helpful))
        if problems:
            self._since = None
        elif self._since is None:
            self._since = self._clock()
        return HealthReport(not problems, self._since, problems, degraded, await self._time())

    async def _time(self) -> list[str]:
        """Return what is wrong with the clocks, if anything was lately."""
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                step = await self._store_clock.look()
        except (Unavailable, TimeoutError):
            return []  # That it does not answer is told already.
        now = self._clock()
        notices = []
        if step:
            self._clock_set = now
        if self._clock_set is not None and abs(now - self._clock_set) < _TOLD_FOR:
            notices.append(
                f"the clock was set at {format_instant(self._clock_set)}; what is due by it may"
                " have been late or early"
            )
        apart = (now - self._store_clock.now()).total_seconds()
        if abs(apart) > _APART_SECONDS:
            _log.warning("clocks differ", seconds=round(apart, 1))
            notices.append(
                f"the clock of this host differs from the database's by {abs(apart):.0f} seconds"
            )
        return notices


async def _troubles(parts: Mapping[str, Callable[[], Awaitable[None]]]) -> list[str]:
    found = await asyncio.gather(*(_trouble(said, probe) for said, probe in parts.items()))
    return [said for said in found if said is not None]


async def _trouble(said: str, probe: Callable[[], Awaitable[None]]) -> str | None:
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            await probe()
    except (Unavailable, TimeoutError) as error:
        _log.warning("unavailable", part=said, error=str(error))
        return said
    return None
