"""What owners and groups have used, in SQL: counted where it is asked, or charged job by job.

What is charged is noted with the job, in the transaction that queues it, and settled in the one
that ends or removes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from quws.domain.phases import Phase
from quws.domain.quotas import COUNTED, Bound, Limit, Use
from quws.store import tables as t
from quws.store.database import Database
from quws.store.instants import from_stored, to_stored
from quws.store.jobs.clauses import in_phases, not_archived
from quws.store.owner_tables import quota_use

_j = t.jobs.c
_u = quota_use.c
_PHASES = {
    Limit.PENDING: frozenset({Phase.PENDING, Phase.HELD}),
    Limit.QUEUED: frozenset({Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED}),
    Limit.RUNNING: frozenset({Phase.EXECUTING}),
}
_Key = tuple[str, str, int]
_EXECUTING = (
    select(_j.owner, func.count().label("running"))
    .where(in_phases({Phase.EXECUTING}))
    .group_by(_j.owner)
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job would add to what its owner has; ``ms`` is how long it will probably run."""

    pending: int = 0
    queued: int = 0
    jobs: int = 0
    stored_bytes: int = 0
    shots: int = 0
    ms: int = 0

    def of(self, limit: Limit) -> int:
        """Return how much of what is limited it adds."""
        match limit:
            case Limit.DAY_SHOTS:
                return self.shots
            case Limit.MONTH_SECONDS:
                return self.ms
            case Limit.JOBS | Limit.PENDING | Limit.QUEUED | Limit.STORED_BYTES:
                found: int = getattr(self, limit.value)
                return found
        return 0


async def take(
    connection: AsyncConnection,
    database: Database,
    bounds: Sequence[Bound],
    wanted: Wanted,
    now: datetime,
) -> list[list[Any]] | None:
    """Take what a job needs of its owner's quotas, and return what was charged for it.

    That is to be noted with the job; None where nothing was. Of two who want the last of a quota
    one waits here until the other's transaction has ended.

    Raises
    ------
    QuotaExceeded
        One of them has no room for it: nothing was taken.

    """
    counted = [item for item in bounds if item.limit in COUNTED and wanted.of(item.limit)]
    others = [item for item in bounds if item.limit not in COUNTED and wanted.of(item.limit)]
    if others:
        for subject in sorted({bound.subject for bound in others}):
            await database.lock(connection, f"quota:{subject}")
        uses = (await connection.execute(select(*map(_counting, others)))).one()
        for bound, used in zip(others, uses, strict=True):
            if int(used or 0) + wanted.of(bound.limit) > bound.most:
                if bound.limit is Limit.QUEUED:
                    # To wait for a place is no use to what is used up.
                    await _check_counted(connection, counted, wanted, now)
                raise bound.exceeded(int(used or 0), wanted.of(bound.limit), now)
    return await _charge(connection, database, counted, wanted, now) if counted else None


async def settle(
    connection: AsyncConnection, ended: Iterable[tuple[list[list[Any]], int, bool]]
) -> None:
    """Replace what was charged for jobs by what they took.

    Each with its charges, how many milliseconds it ran, and whether it was ever claimed: the
    shots of one that was not are given back.
    """
    changes: defaultdict[_Key, int] = defaultdict(int)
    for charged, ran_ms, claimed in ended:
        for subject, kind, ends, amount in charged:
            if kind == Limit.MONTH_SECONDS:
                changes[subject, kind, ends] += ran_ms - amount
            elif not claimed:
                changes[subject, kind, ends] -= amount
    await _add(connection, changes)


async def executing(connection: AsyncConnection) -> dict[str, int]:
    """Count the jobs of each owner that run."""
    return {row.owner: row.running for row in await connection.execute(_EXECUTING)}


class QuotaUse:
    """Tells what is used of limits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, bounds: Sequence[Bound], now: datetime) -> list[Use]:
        """Return how much is used of each limit: of one for single jobs nothing."""
        if not bounds:
            return []
        query = select(*map(_counting, bounds))
        keys = [(bound, _key(bound, now)) for bound in bounds if bound.limit in COUNTED]
        async with self._database.read() as connection:
            counts = dict(zip(bounds, (await connection.execute(query)).one(), strict=True))
            charged = await _used(connection, [key for _, key in keys]) if keys else {}
        counts |= {bound: charged.get(key, 0) for bound, key in keys}
        return [Use(bound, int(counts[bound] or 0), bound.limit.ends(now)) for bound in bounds]

    async def forget(self, before: datetime) -> int:
        """Forget what was used in periods that ended before an instant. Returns how many rows."""
        async with self._database.write() as connection:
            gone = await connection.execute(delete(quota_use).where(_u.ends < before))
            return gone.rowcount


def _counting(bound: Bound) -> Any:
    """Return the query for how much of a limit is used now, 0 for what is not counted by jobs."""
    owned = _j.owner.in_(bound.owners)
    query: Select[Any]
    match bound.limit:
        case Limit.JOBS:
            query = select(func.count()).select_from(t.jobs).where(owned, not_archived())
        case Limit.STORED_BYTES:
            query = select(func.sum(_j.stored_bytes)).where(owned, not_archived())
        case limit if limit in _PHASES:
            query = select(func.count()).select_from(t.jobs).where(owned, in_phases(_PHASES[limit]))
        case _:
            query = select(literal(0))
    return query.scalar_subquery()


def _key(bound: Bound, now: datetime) -> _Key:
    ends = bound.limit.ends(now)
    assert ends is not None, "what is charged has a period"
    return bound.subject, bound.limit.value, to_stored(ends)


async def _charge(
    connection: AsyncConnection,
    database: Database,
    bounds: Sequence[Bound],
    wanted: Wanted,
    now: datetime,
) -> list[list[Any]]:
    by_key = {_key(bound, now): bound for bound in bounds}
    keys = sorted(by_key)  # Always in one order: two that want the same must not wait in a ring.
    for key in keys:
        bound, amount = by_key[key], wanted.of(by_key[key].limit)
        if amount > bound.most * bound.limit.unit:
            used = (await _used(connection, [key])).get(key, 0)
            raise bound.exceeded(used, amount, now, possible=False)
    row = database.insert(quota_use).values(
        [
            {
                "subject": key[0],
                "kind": key[1],
                "ends": from_stored(key[2]),
                "used": wanted.of(by_key[key].limit),
                "most": by_key[key].most * by_key[key].limit.unit,
            }
            for key in keys
        ]
    )
    taken = await connection.execute(
        row.on_conflict_do_update(
            index_elements=["subject", "kind", "ends"],
            set_={"used": _u.used + row.excluded.used, "most": row.excluded.most},
            where=_u.used + row.excluded.used <= row.excluded.most,
        ).returning(_u.subject, _u.kind, _u.ends)
    )
    made = {(subject, kind, to_stored(ends)) for subject, kind, ends in taken}
    for key in keys:
        if key not in made:
            bound = by_key[key]
            await _add(connection, {item: -wanted.of(by_key[item].limit) for item in made})
            used = (await _used(connection, [key])).get(key, 0)
            raise bound.exceeded(used, wanted.of(bound.limit), now)
    return [[*key, wanted.of(by_key[key].limit)] for key in keys]


async def _check_counted(
    connection: AsyncConnection, bounds: Sequence[Bound], wanted: Wanted, now: datetime
) -> None:
    keys = {_key(bound, now): bound for bound in bounds}
    used = await _used(connection, list(keys)) if keys else {}
    for key, bound in sorted(keys.items(), key=lambda item: item[0]):
        most, amount = bound.most * bound.limit.unit, wanted.of(bound.limit)
        if used.get(key, 0) + amount > most:
            raise bound.exceeded(used.get(key, 0), amount, now, possible=amount <= most)


_ADD = (
    update(quota_use)
    .where(
        _u.subject == bindparam("its_subject"),
        _u.kind == bindparam("its_kind"),
        _u.ends == bindparam("its_end", type_=_u.ends.type),
    )
    .values(used=_u.used + bindparam("change", type_=_u.used.type))
)


async def _add(connection: AsyncConnection, changes: dict[_Key, int]) -> None:
    for (subject, kind, ends), change in sorted(changes.items()):
        if change:
            end = from_stored(ends)
            which = {"its_subject": subject, "its_kind": kind, "its_end": end, "change": change}
            await connection.execute(_ADD, which)


async def _used(connection: AsyncConnection, keys: Sequence[_Key]) -> dict[_Key, int]:
    wanted = or_(
        *(
            and_(_u.subject == subject, _u.kind == kind, _u.ends == from_stored(ends))
            for subject, kind, ends in keys
        )
    )
    rows = await connection.execute(select(_u.subject, _u.kind, _u.ends, _u.used).where(wanted))
    return {(row.subject, row.kind, to_stored(row.ends)): row.used for row in rows}
