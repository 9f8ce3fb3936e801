"""In a child: have a job's circuits run by a target with a queue of its own."""

from __future__ import annotations

import traceback

from quws.domain.batch import CircuitStatus
from quws.domain.errors import Refusal
from quws.domain.failures import Failure, refused
from quws.domain.kinds import JobKind
from quws.runner.estimate import plan_of, sampling
from quws.runner.handover import RemoteRun, Sent
from quws.runner.runs import compiled_runs, counts_of, estimate_of
from quws.runner.work import Failed, Ran, Work, is_harmless, none_ran, one_line
from quws.sandbox.messages import KnownHandover
from quws.targets.base import CircuitResult, Compiled, RemoteTarget


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
        return [item for item, _ in compiled_runs(target, measured, work.options)]

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
    aborted = [
        index
        for index, why in work.missing.items()
        if target.forwards and why.startswith(CircuitStatus.ABORTED)
    ]
    run = RemoteRun(target, known, ready, options, work.connection, runs=runs, aborted=aborted)
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
            why = missing.removeprefix(f"{CircuitStatus.FAILED}: ")
            work.fail(index, Failure.REMOTE_FAILED.error(why=why, transient=False), harmless=True)
            continue
        found: tuple[Compiled, CircuitResult] | None = None
        with work.one(index):
            if index not in circuits and work.options.mitigation and not target.forwards:
                # Handed over by an attempt before this one: how, is needed to correct it.
                circuits[index] = compiled(index)
            # Else nobody has here what an attempt before this one has handed over.
            first = circuits[index][0] if circuits.get(index) else Compiled(None)
            if target.forwards:
                found = first, mine[0]
            elif estimates:
                plan, own = plan_of(work.options, index), circuits.get(index, [])
                wrong = work.misread(target)
                found = first, estimate_of(target, plan, own, mine, work.options, wrong)
            else:
                wrong = work.misread(target)
                found = first, counts_of(target, first, mine[0], work.options, wrong)
        if found is not None:
            yield index, *found
