"""Everything that the store does to one job, and in which phases it may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from store_helpers import FAILURE, LONG, NOW, TARGET, a_result, apply, entry, later, overdue, run

from quws.domain.job import Claim, Parameter, Said
from quws.domain.phases import MOVES, Move, Phase
from quws.domain.spec import JobSpec
from quws.store.jobs.control import NewParameters
from quws.store.jobs.store import JobStore

EXECUTING = frozenset({Phase.EXECUTING})


NOT_OVER = frozenset(
    {Phase.PENDING, Phase.HELD, Phase.QUEUED, Phase.EXECUTING, Phase.SUSPENDED},
)


@dataclass(frozen=True)
class Action:
    """Something that the store does to one job that a worker holds or held."""

    act: Callable[[JobStore, Claim], Awaitable[Any]]
    legal: frozenset[Phase]
    leads_to: Phase | None = None
    """None if the phase stays."""
    removes: bool = False


def move(kind: Move, act: Callable[[JobStore, Claim], Awaitable[Any]], fenced: bool) -> Action:
    sources, target = MOVES[kind]
    # A worker can do to a job only what may be done while it executes.
    return Action(act, sources & EXECUTING if fenced else sources, target)


async def act_claim(store: JobStore, held: Claim) -> bool:
    taken = await store.claims.claim(TARGET, "worker-2", LONG, later(5))
    assert taken is None or taken.id == held.id
    return taken is not None


RENEWED = NewParameters([Parameter("TAG", "x")], {"spec": JobSpec().stored(), "circuits": 2})

ACTIONS = {
    "queue": move(Move.QUEUE, lambda s, c: run(s, c.id), False),
    "queue-quota": move(Move.QUEUE, lambda s, c: run(s, c.id, most=9), False),
    "hold": move(Move.HOLD, lambda s, c: run(s, c.id, most=-1), False),
    "claim": move(Move.CLAIM, act_claim, False),
    "complete": move(
        Move.COMPLETE, lambda s, c: s.publishing.complete(c, [a_result()], entry(), 1.0), True
    ),
    "fail": move(Move.FAIL, lambda s, c: s.publishing.fail(c, FAILURE, entry()), True),
    "abort": move(Move.ABORT, lambda s, c: s.control.abort(c.id, entry()), False),
    "retry": move(Move.REQUEUE, lambda s, c: s.publishing.retry(c, entry()), True),
    "hand_back": move(Move.SUSPEND, lambda s, c: s.publishing.hand_back(c, entry()), True),
    "requeue": move(Move.REQUEUE, lambda s, c: s.sweeps.requeue(overdue(c), entry()), False),
    "give_up": move(Move.FAIL, lambda s, c: s.sweeps.give_up(overdue(c), FAILURE, entry()), True),
    "archive": move(Move.ARCHIVE, lambda s, c: s.sweeps.archive(c.id, later(90_000)), False),
    "renew": Action(lambda s, c: s.claims.renew(c, LONG), EXECUTING),
    "say": Action(lambda s, c: s.publishing.say(c, Said([entry("noted")])), EXECUTING),
    "store_circuits": Action(
        lambda s, c: s.publishing.store_circuits(c, range(1), [a_result("counts-0")], entry(), NOW),
        EXECUTING,
    ),
    "abort_circuits": Action(
        lambda s, c: s.control.abort_circuits(c.id, {1}, NOW, "anna"), NOT_OVER
    ),
    "set_run_id": Action(
        lambda s, c: apply(s, c.id, run_id="new"), frozenset(Phase) - {Phase.ARCHIVED}
    ),
    "set_destruction": Action(
        lambda s, c: apply(s, c.id, destruction=later(9)), frozenset(Phase) - {Phase.ARCHIVED}
    ),
    "set_execution_duration": Action(
        lambda s, c: apply(s, c.id, execution_duration=7), NOT_OVER | {Phase.UNKNOWN}
    ),
    "set_parameters": Action(
        lambda s, c: apply(s, c.id, parameters=RENEWED),
        frozenset({Phase.PENDING}),
    ),
    "delete": Action(lambda s, c: s.control.delete(c.id, NOW), frozenset(Phase), removes=True),
    "destroy": Action(
        lambda s, c: s.sweeps.destroy(c.id, later(90_000)), frozenset(Phase), removes=True
    ),
}


WORKER = ("renew", "say", "store_circuits", "complete", "fail", "retry", "hand_back")
