"""In a child: have a job's circuits run by a target with a queue of its own."""

from __future__ import annotations

import traceback

from quws.domain.errors import Refusal
from quws.domain.failures import Failure, refused
from quws.runner.handover import RemoteRun
from quws.runner.work import Failed, Ran, Work, is_harmless, one_line
from quws.sandbox.messages import KnownHandover
from quws.targets.base import Compiled, RemoteTarget


def run_elsewhere(target: RemoteTarget, known: KnownHandover, work: Work) -> Ran:
    """Have all circuits run, and give those that have no result yet.

    Raises
    ------
    Failed

    """
    circuits: list[Compiled] = []

    def ready() -> list[Compiled]:
        # Once handed over they are not needed any more.
        circuits.extend(
            work.compiled(target, index, work.options) for index in range(len(work.facts))
        )
        return circuits

    run = RemoteRun(target, known, ready, work.options, work.connection, count=len(work.facts))
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
    for index in work.missing():
        # What an attempt before this one has handed over, nobody has here.
        compiled = circuits[index] if circuits else Compiled(None)
        yield index, compiled, results[index]
