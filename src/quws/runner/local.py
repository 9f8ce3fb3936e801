"""In a child: run a job's circuits here, one after the other."""

from __future__ import annotations

import dataclasses
import hashlib
import time
import traceback

from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
from quws.runner.estimate import estimated, plan_of, sampling
from quws.runner.work import Ran, Work
from quws.sandbox.messages import Calibrated, CircuitStarted
from quws.sandbox.roles import Connection
from quws.targets import CircuitResult, Target
from quws.targets.base import Compiled


def run_here(target: Target, work: Work) -> Ran:
    """Run the circuits that have no result yet.

    Raises
    ------
    Failed
        One cannot be run, and the job is not to go on without it.

    """
    _tell_calibration(target, work.connection)
    for place, index in enumerate(work.to_run()):
        if place == 0:
            work.connection.send_soon(CircuitStarted(circuit=index, at=time.monotonic()))
        work.teller.circuit = index
        ran: tuple[Compiled, CircuitResult] | None = None
        with work.one(index):
            options = _of_circuit(work.options, index)
            ran = _WORK[work.options.kind](target, work, index, options)
        if ran is not None:
            yield index, *ran


def _sample(
    target: Target, work: Work, index: int, options: RunOptions
) -> tuple[Compiled, CircuitResult]:
    compiled = work.compiled(target, index, options)
    work.teller.notes(compiled.notes)
    return compiled, target.run(compiled, options, work.teller.progress)


def _estimate(
    target: Target, work: Work, index: int, options: RunOptions
) -> tuple[Compiled, CircuitResult]:
    """Find the expectation values of a circuit; of many bases the first stands for all."""
    if options.exact:
        circuit, notes = work.unmeasured(index)
        work.teller.notes(notes)
        observables = plan_of(options, index).observables
        return Compiled(circuit), target.expectations(circuit, observables, options)
    circuits, notes = work.measured(index)
    work.teller.notes(notes)
    first, results = Compiled(None), []
    for run, circuit in enumerate(circuits):
        asked = sampling(options, run)
        compiled = target.compile(circuit, asked)
        first = first if run else compiled

        def progress(part: float, sentence: str | None, run: int = run) -> None:
            where = f"basis {run} of {len(circuits)}"
            work.teller.progress(
                (run + part) / len(circuits), None if sentence is None else f"{where}: {sentence}"
            )

        results.append(target.run(compiled, asked, progress))
    if len(circuits) > 1:
        work.teller.notes([f"its observables are measured in {len(circuits)} bases"])
    work.teller.notes(first.notes)
    return first, estimated(plan_of(options, index), results)


def _compile(
    target: Target, work: Work, index: int, options: RunOptions
) -> tuple[Compiled, CircuitResult]:
    started = time.perf_counter()
    compiled = work.compiled(target, index, options)
    work.teller.notes(compiled.notes)
    return dataclasses.replace(compiled, changed=True), CircuitResult(
        {}, engine="compiler", seconds=time.perf_counter() - started
    )


_WORK = {JobKind.SAMPLE: _sample, JobKind.ESTIMATE: _estimate, JobKind.COMPILE: _compile}


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
