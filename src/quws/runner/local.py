"""In a child: run a job's circuits here, one after the other."""

from __future__ import annotations

import hashlib
import traceback

from quws.domain.errors import Refusal
from quws.domain.failures import Failure, refused
from quws.domain.options import RunOptions
from quws.runner.work import Failed, Ran, Work, is_harmless, one_line
from quws.sandbox.messages import Calibrated, CircuitStarted
from quws.sandbox.roles import Connection
from quws.targets import Target


def run_here(target: Target, work: Work) -> Ran:
    """Run the circuits that have no result yet.

    Raises
    ------
    Failed
        One cannot be run, and so the job cannot.

    """
    _tell_calibration(target, work.connection)
    for place, index in enumerate(work.missing()):
        if place == 0:
            work.connection.send(CircuitStarted(circuit=index))
        work.teller.circuit = index
        try:
            options = _of_circuit(work.options, index)
            compiled = work.compiled(target, index, options)
            work.teller.notes(compiled.notes)
            result = target.run(compiled, options, work.teller.progress)
        except Refusal as refusal:
            raise Failed(refused(refusal), harmless=is_harmless(refusal)) from None
        except (Failed, MemoryError):
            raise
        except Exception as error:
            raise Failed(
                Failure.EXECUTION_FAILED.error(
                    what=f"circuit {index}",
                    why=one_line(error),
                    transient=False,
                    detail=traceback.format_exc(limit=-5),
                )
            ) from error
        yield index, compiled, result


def _tell_calibration(target: Target, connection: Connection) -> None:
    try:
        found = target.calibration()
    except Exception:  # noqa: BLE001 - the job can run without anybody knowing it
        traceback.print_exc()
        return
    if found is not None:
        connection.send(Calibrated(calibration=found))


def _of_circuit(options: RunOptions, index: int) -> RunOptions:
    """Give each circuit of a batch random numbers of its own, also where the job has one seed.

    The first has the job's seed, as if it were alone.
    """
    if options.seed is None or index == 0:
        return options
    digest = hashlib.blake2b(f"{options.seed}/{index}".encode(), digest_size=8).digest()
    return options.model_copy(update={"seed": int.from_bytes(digest, "big") >> 1})
