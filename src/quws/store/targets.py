"""Targets as their workers described them, and the state that they are in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from time import monotonic
from typing import Any

import structlog
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    not_,
    or_,
    select,
    type_coerce,
    update,
)

from quws.domain.quotes import QuoteRecord
from quws.domain.targets import (
    Calibration,
    Load,
    TargetDescription,
    TargetRecord,
    TargetState,
    TargetStatus,
)
from quws.store import tables as t
from quws.store.database import Database
from quws.store.statements import Statement

_FRESH_SECONDS = 1.0
_UNATTENDED = "no worker has run for it yet"
_c = t.targets.c
_CALLED = _c.name == bindparam("called", type_=_c.name.type)
_log = structlog.get_logger(__name__)


class TargetStore:
    """What each target of this service is and can do, and how it fares."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one = _records(database).where(_CALLED)
        self._state = select_state(database)
        self._all = _records(database).order_by(_c.name)
        # What a target is changes seldom, and takes longer to understand than to read.
        self._understood: dict[str, tuple[Any, TargetDescription]] = {}
        self._known: list[TargetRecord] = []
        self._kept: set[tuple[str, str]] = set()
        self._fresh_until = 0.0

    async def register(
        self,
        descriptions: Iterable[TargetDescription],
        now: datetime,
        *,
        replace: bool,
        attended: bool = True,
    ) -> None:
        """Write down what targets are.

        With ``replace`` the new description wins (a worker speaks of what it
        holds); without, one that is there stays. One that is new and not ``attended`` is offline
        until a worker has looked at it.
        """
        first = {} if attended else {"status": TargetStatus.OFFLINE, "message": _UNATTENDED}
        async with self._database.write() as connection:
            for description in descriptions:
                values = {"description": description.model_dump(mode="json"), "updated": now}
                row = self._database.insert(t.targets).values(
                    name=description.name, **values, **first
                )
                await connection.execute(
                    row.on_conflict_do_update(index_elements=["name"], set_=values)
                    if replace
                    else row.on_conflict_do_nothing()
                )
        self._fresh_until = 0.0

    # -- reading ------------------------------------------------------------------

    async def records(self) -> list[TargetRecord]:
        """List all targets by name; as they were at most a second ago."""
        if monotonic() < self._fresh_until:
            return self._known

        def read(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(self._all).all()

        self._known = self._readable(await self._database.look(read))
        self._fresh_until = monotonic() + _FRESH_SECONDS if self._known else 0.0
        return self._known

    async def record(self, name: str) -> TargetRecord | None:
        """Read one target as it is now."""

        def read(connection: Connection) -> Row[Any] | None:
            return connection.execute(self._one, {"called": name}).first()

        row = await self._database.look(read)
        return None if row is None else self._record(row)

    async def state(self, name: str) -> TargetState | None:
        """Read how a target fares now."""

        def read(connection: Connection) -> TargetState | None:
            return state_of(connection, self._state, name)

        return await self._database.look(read)

    async def all(self) -> list[TargetDescription]:
        """List what all targets are, by name; as they were at most a second ago."""
        return [item.description for item in await self.records()]

    async def get(self, name: str) -> TargetDescription | None:
        """Find one target by its name."""
        return next((item for item in await self.all() if item.name == name), None)

    # -- state ----------------------------------------------------------------------

    async def found(self, name: str, state: TargetState, now: datetime) -> None:
        """Write down what a health check found."""
        async with self._database.write() as connection:
            await connection.execute(
                update(t.targets)
                .where(_c.name == name)
                .values(status=state.status, message=state.message, until=state.until, checked=now)
            )
        self._fresh_until = 0.0

    async def set_state(
        self,
        name: str,
        status: TargetStatus,
        message: str | None,
        until: datetime | None,
        by: str,
    ) -> bool:
        """Set the state of a target by an operator's word; ONLINE takes the word back.

        It counts until its time is over, or until it is taken back. False when
        there is no such target.
        """
        online = status is TargetStatus.ONLINE
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(t.targets)
                .where(_c.name == name)
                .values(
                    hold=None if online else status,
                    hold_message=None if online else message,
                    hold_until=None if online else until,
                    hold_by=None if online else by,
                )
            )
        self._fresh_until = 0.0
        return changed.rowcount == 1

    async def set_conformance(self, name: str, report: dict[str, Any], now: datetime) -> None:
        """Keep what the conformance circuits found."""
        async with self._database.write() as connection:
            await connection.execute(
                update(t.targets)
                .where(_c.name == name)
                .values(conformance=report, conformance_time=now)
            )
        self._fresh_until = 0.0

    # -- calibrations ---------------------------------------------------------------

    async def calibrated(self, target: str, calibration: Calibration, *, present: bool) -> None:
        """Keep a calibration of a target; ``present`` makes it the one that it has now."""
        if not present and (target, calibration.id) in self._kept:
            return
        async with self._database.write() as connection:
            await connection.execute(
                self._database.insert(t.calibrations)
                .values(
                    target=target,
                    id=calibration.id,
                    time=calibration.time,
                    content=calibration.model_dump(mode="json", include={"qubits", "gates"}),
                )
                .on_conflict_do_nothing()
            )
            if present:
                await connection.execute(
                    update(t.targets)
                    .where(
                        _c.name == target,
                        func.coalesce(_c.calibration_id, "") != calibration.id,
                    )
                    .values(calibration_id=calibration.id)
                )
        self._kept.add((target, calibration.id))
        self._fresh_until = 0.0

    async def calibrations(self, target: str, limit: int = 1000) -> list[tuple[str, datetime]]:
        """List a target's calibrations, newest first: id and time."""
        c = t.calibrations.c
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(c.id, c.time)
                .where(c.target == target)
                .order_by(c.time.desc(), c.id)
                .limit(limit)
            )
            return [(found, time) for found, time in rows]

    async def calibration(self, target: str, calibration_id: str) -> Calibration | None:
        """Read one calibration."""
        c = t.calibrations.c
        async with self._database.read() as connection:
            row = (
                await connection.execute(
                    select(c.id, c.time, c.content).where(
                        c.target == target, c.id == calibration_id
                    )
                )
            ).first()
        if row is None:
            return None
        return Calibration.model_validate({"id": row.id, "time": row.time, **row.content})

    async def calibration_time(self, target: str, calibration_id: str) -> datetime | None:
        """Return when a calibration was made."""
        c = t.calibrations.c
        query = select(c.time).where(c.target == target, c.id == calibration_id)
        return await self._database.look(lambda connection: connection.scalar(query))

    # -- load -----------------------------------------------------------------------

    async def sample_load(self, now: datetime, oldest: datetime) -> None:
        """Write down how many jobs of each target wait and run; forget what is too old.

        Two samples of one time are one.
        """
        j = t.jobs.c
        waiting = case((j.phase == "EXECUTING", 0), else_=1)
        async with self._database.write() as connection:
            rows = await connection.execute(
                select(j.target, func.sum(waiting), func.count())
                .where(j.phase.in_(["QUEUED", "SUSPENDED", "EXECUTING"]))
                .group_by(j.target)
            )
            busy = {target: (int(wait), int(count)) for target, wait, count in rows}
            for name in await connection.scalars(select(_c.name)):
                wait, count = busy.get(name, (0, 0))
                await connection.execute(
                    self._database.insert(t.target_load)
                    .values(target=name, time=now, waiting=wait, running=count - wait)
                    .on_conflict_do_nothing()
                )
            await connection.execute(delete(t.target_load).where(t.target_load.c.time < oldest))

    async def load(self, target: str, since: datetime) -> list[Load]:
        """Read the samples of a target, oldest first."""
        c = t.target_load.c
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(c.time, c.waiting, c.running)
                .where(c.target == target, c.time >= since)
                .order_by(c.time)
            )
            return [Load(time=row.time, waiting=row.waiting, running=row.running) for row in rows]

    # -- helpers ----------------------------------------------------------------------

    def _readable(self, rows: Iterable[Row[Any]]) -> list[TargetRecord]:
        """Read the targets that can be read: one that cannot takes no other out of service."""
        found = []
        for row in rows:
            try:
                found.append(self._record(row))
            except (ValueError, TypeError) as error:
                _log.warning("target cannot be read", target=row.name, error=type(error).__name__)
        return found

    def _record(self, row: Row[Any]) -> TargetRecord:
        stored, description = self._understood.get(row.name, (None, None))
        if description is None or stored != row.description:
            description = TargetDescription.model_validate(row.description)
            self._understood[row.name] = (row.description, description)
        return TargetRecord(
            description=description,
            state=state_in(row),
            set_by=row.hold_by if row.is_held else None,
            checked=row.checked,
            calibration=row.calibration_id,
            conformance=row.conformance,
            conformance_time=row.conformance_time,
            quotes=QuoteRecord.model_validate(row.quote_record or {}),
        )


def is_online(database: Database, target: str | BindParameter[str]) -> ColumnElement[bool]:
    """Say that jobs of a target may be started, by the clock of the database."""
    return not_(exists().where(_c.name == target, _effective(database) != TargetStatus.ONLINE))


def select_state(database: Database, *more: ColumnElement[Any]) -> Statement:
    """Return the query that `state_of` asks, with ``more`` columns.

    What else is known of a target is far longer.
    """
    return Statement(
        select(
            _c.status,
            _c.message,
            _c.until,
            _c.hold,
            _c.hold_message,
            _c.hold_until,
            _held(database).label("is_held"),
            *more,
        ).where(_CALLED)
    )


def state_of(connection: Connection, query: Statement, target: str) -> TargetState | None:
    """Read the state of a target that counts; None where there is no such target."""
    row = query.first(connection, {"called": target})
    return None if row is None else state_in(row)


def _held(database: Database) -> ColumnElement[bool]:
    over = type_coerce(_c.hold_until, BigInteger) <= database.now
    return and_(_c.hold.is_not(None), or_(_c.hold_until.is_(None), not_(over)))


def _effective(database: Database) -> ColumnElement[str]:
    return case((_held(database), _c.hold), else_=_c.status)


def _records(database: Database) -> Any:
    return select(t.targets, _held(database).label("is_held"))


def state_in(row: Any) -> TargetState:
    """Return the state of a target that counts, by a row that has what it consists of."""
    if row.is_held:
        return TargetState(
            status=TargetStatus(row.hold), message=row.hold_message, until=row.hold_until
        )
    return TargetState(status=TargetStatus(row.status), message=row.message, until=row.until)
