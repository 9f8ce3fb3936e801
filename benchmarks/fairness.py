"""A hundred owners want one target for a week: how long do they wait, and how evenly?

The scheduler's own code (the store's queue, turns and claims, on SQLite) with a clock that jumps
from one event to the next. The same jobs three times: first come, first served; by plain priority;
by quws's fair share. Owners are of four kinds: seventy send a job now and then, twenty-two a few at
once, six many at once, and two all the time.

    ./quws bench fairness
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import mean, quantiles

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from store_helpers import TARGET, entry, new_job

from quws.domain.phases import Phase
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.schema import upgrade

BEGIN = datetime(2026, 11, 23, tzinfo=UTC)
WEEK = 7 * 86_400.0
LOAD = 0.95
FIRST_COME, PRIORITY, FAIR = "first come, first served", "plain priority", "fair share"


@dataclass(frozen=True)
class Arrival:
    """A job that somebody sends."""

    second: float
    owner: str
    runs: float
    predicted: float
    priority: int


@dataclass(frozen=True)
class Done:
    """How a job fared, in seconds."""

    owner: str
    wait: float
    runs: float


def week(chance: Random) -> list[Arrival]:
    """Make what a hundred owners send in a week, scaled to the load."""
    found: list[Arrival] = []
    for number in range(100):
        owner = f"owner {number:02}"
        often, at_once, runs = 15, 1, 20.0
        if number >= 98:
            often, at_once, runs = 40, 12, 90.0
        elif number >= 92:
            often, at_once, runs = 5, 60, 60.0
        elif number >= 70:
            often, at_once, runs = 6, 8, 30.0
        priority = chance.choice((0, 0, 0, 10, 20))
        for _ in range(often):
            second = chance.uniform(0, WEEK)
            for _ in range(chance.randint(1, 2 * at_once - 1)):
                time = runs * chance.lognormvariate(-0.32, 0.8)
                found.append(
                    Arrival(second, owner, time, time * chance.lognormvariate(0, 0.3), priority)
                )
    scale = LOAD * WEEK / sum(item.runs for item in found)
    return sorted(
        (replace(item, runs=item.runs * scale, predicted=item.predicted * scale) for item in found),
        key=lambda item: item.second,
    )


async def serve(store: JobStore, arrivals: list[Arrival], rule: str) -> list[Done]:
    """Let one target run all of them, one after the other, in the order of the store."""
    coming = list(reversed(arrivals))
    jobs: dict[str, Arrival] = {}
    done: list[Done] = []
    now, used, told = 0.0, defaultdict[str, int](int), 0.0
    while coming or jobs:
        while coming and (coming[-1].second <= now or not jobs):
            item = coming.pop()
            now = max(now, item.second)
            at = BEGIN + timedelta(seconds=item.second)
            job = new_job(
                phase=Phase.QUEUED,
                queued_time=at,
                creation_time=at,
                # One owner of all has one queue, in the order in which it came.
                owner=item.owner if rule == FAIR else "all",
                cost_ms=round(1000 * item.predicted),
                priority=item.priority if rule == PRIORITY else 0,
            )
            jobs[job.id] = item
            await store.creation.add(job, [entry(time=at)])
        at = BEGIN + timedelta(seconds=now)
        claim = await store.claims.claim(TARGET, "worker", 1e9, at)
        assert claim is not None
        item = jobs.pop(claim.id)
        done.append(Done(item.owner, now - item.second, item.runs))
        now += item.runs
        ends = BEGIN + timedelta(seconds=now)
        await store.publishing.complete(claim, [], entry(time=ends), item.runs)
        used[item.owner] += round(1000 * item.runs)
        if rule == FAIR and now - told > 5:
            await store.target_use.add(TARGET, used, ends)
            used.clear()
            told = now
    return done


def jain(values: list[float]) -> float:
    """Return Jain's index: 1 where all fare alike, 1/n where one has it all."""
    return sum(values) ** 2 / (len(values) * sum(value * value for value in values))


def row(rule: str, done: list[Done]) -> str:
    """Write what became of a week under a rule."""
    waits = [item.wait for item in done]
    by_owner: dict[str, list[Done]] = defaultdict(list)
    for item in done:
        by_owner[item.owner].append(item)
    # How much of the time between sending a job and its end it ran: of all of an owner's jobs.
    speed = [
        sum(item.runs for item in mine) / sum(item.runs + item.wait for item in mine)
        for mine in by_owner.values()
    ]
    small = [item.wait for owner, mine in by_owner.items() if owner < "owner 70" for item in mine]
    large = [item.wait for owner, mine in by_owner.items() if owner >= "owner 92" for item in mine]
    late = quantiles(waits, n=20)[-1]
    minutes = " | ".join(
        f"{value / 60:.0f}" for value in (mean(waits), late, max(waits), mean(small), mean(large))
    )
    return f"| {rule} | {minutes} | {jain(speed):.2f} |"


async def main() -> None:
    """Print the table."""
    arrivals = week(Random(2026))
    owners = len({item.owner for item in arrivals})
    print(f"{len(arrivals)} jobs of {owners} owners, load {LOAD:.0%}; minutes of waiting:\n")
    print("| rule | mean | 95 % | longest | mean of the 70 small | mean of the 8 large | Jain |")
    print("|---|---|---|---|---|---|---|")
    for rule in (FIRST_COME, PRIORITY, FAIR):
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{folder}/quws.db"
            upgrade(url)
            database = Database(url)
            try:
                print(row(rule, await serve(JobStore(database), arrivals, rule)), flush=True)
            finally:
                await database.close()


if __name__ == "__main__":
    asyncio.run(main())
