"""In a child: have a job's circuits run by a target with a queue of its own."""

from __future__ import annotations

import traceback

from quws.domain.errors import Refusal
from quws.domain.failures import Failure, refused
from quws.domain.kinds import JobKind
from quws.runner.estimate import estimated, plan_of, sampling
from quws.runner.handover import RemoteRun, Sent
from quws.runner.work import Failed, Ran, Work, is_harmless, none_ran, one_line
from quws.sandbox.messages import KnownHandover
from quws.targets.base import Compiled, RemoteTarget


def run_elsewhere(target: RemoteTarget, known: KnownHandover, work: Work) -> Ran:
    """Have the circuits run, and give those that have no result yet.

    What was handed over once is handed over: circuits that are to be left out since then run there
    all the same, and nobody asks what they gave.

    Raises
    ------
    Failed

    """
    circuits: dict[int, list[Compiled]] = {}
    estimates = work.options.kind is JobKind.ESTIMATE and not target.forwards
    options = sampling(work.options) if estimates else work.options

    def compiled(index: int) -> list[Compiled]:
        if not estimates:
            return [work.compiled(target, index, options)]
        measured, notes = work.measured(index)
        work.teller.notes(notes)
        return [target.compile(circuit, options) for circuit in measured]

    def ready() -> Sent:
        # Once handed over they are not needed any more.
        for index in range(len(work.facts)):
            # Another quws counts them as we do, for its seeds and observables.
            if target.forwards or index not in work.missing:
                with work.one(index):
                    circuits[index] = compiled(index)
        if not circuits:
            raise Failed(none_ran(work.missing), harmless=not work.harmed)
        left_out = [index for index in range(len(work.facts)) if index not in circuits]
        return Sent([item for each in circuits.values() for item in each], left_out)

    runs = [work.options.runs(index) if estimates else 1 for index in range(len(work.facts))]
    run = RemoteRun(target, known, ready, options, work.connection, runs=runs)
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
    wanted = frozenset(work.to_run())
    for index, mine in results:
        if index not in wanted:
            continue
        if mine and (missing := mine[0].missing) is not None:
            work.fail(index, Failure.REMOTE_FAILED.error(why=missing, transient=False))
            continue
        # What an attempt before this one has handed over, nobody has here.
        first = circuits[index][0] if circuits.get(index) else Compiled(None)
        yield index, first, estimated(plan_of(work.options, index), mine) if estimates else mine[0]
