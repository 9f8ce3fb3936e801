"""In a child: have a job's circuits run by a target with a queue of its own."""

from __future__ import annotations

import traceback
from itertools import accumulate

from quws.domain.errors import Refusal
from quws.domain.failures import Failure, refused
from quws.domain.kinds import JobKind
from quws.runner.estimate import plan_of, sampling
from quws.runner.handover import RemoteRun
from quws.runner.runs import compiled_runs, counts_of, estimate_of
from quws.runner.work import Failed, Ran, Work, is_harmless, one_line
from quws.sandbox.messages import KnownHandover
from quws.targets.base import Compiled, RemoteTarget


def run_elsewhere(target: RemoteTarget, known: KnownHandover, work: Work) -> Ran:
    """Have all circuits run, and give those that have no result yet.

    Raises
    ------
    Failed

    """
    circuits: list[list[Compiled]] = []
    estimates = work.options.kind is JobKind.ESTIMATE and not target.forwards
    options = sampling(work.options) if estimates else work.options
    runs = [work.options.runs(index) if estimates else 1 for index in range(len(work.facts))]

    def compiled(index: int) -> list[Compiled]:
        if not estimates:
            return [work.compiled(target, index, options)]
        measured, notes = work.measured(index)
        work.teller.notes(notes)
        return [item for item, _ in compiled_runs(target, measured, work.options)]

    def ready() -> list[Compiled]:
        # Once handed over they are not needed any more.
        circuits.extend(compiled(index) for index in range(len(work.facts)))
        return [item for each in circuits for item in each]

    run = RemoteRun(target, known, ready, options, work.connection, count=sum(runs))
    try:
        results = run.results()
    except Refusal as refusal:
        raise Failed(refused(refusal), harmless=is_harmless(refusal)) from None
    except (Failed, MemoryError):
        raise
    except Exception as error:
        raise Failed(
            Failure.EXECUTION_FAILED.error(
                what="the job",
                why=one_line(error),
                transient=True,
                detail=traceback.format_exc(limit=-5),
            )
        ) from error
    if work.options.mitigation and not circuits and not target.forwards:
        # An attempt before this one has handed it over: how, is needed to correct it.
        ready()
    ends = list(accumulate(runs))
    for index in work.missing():
        # What an attempt before this one has handed over, nobody has here.
        first = circuits[index][0] if circuits and circuits[index] else Compiled(None)
        mine = results[ends[index] - runs[index] : ends[index]]
        if target.forwards:
            yield index, first, mine[0]
            continue
        wrong = work.misread(target)
        if estimates:
            plan, own = plan_of(work.options, index), circuits[index] if circuits else []
            found = estimate_of(target, plan, own, mine, work.options, wrong)
        else:
            found = counts_of(target, first, mine[0], work.options, wrong)
        yield index, first, found
