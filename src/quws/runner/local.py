"""In a child: run a job's circuits here, one after the other."""

from __future__ import annotations

import dataclasses
import hashlib
import time
import traceback
from typing import TYPE_CHECKING

from quws.domain.bases import Plan
from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
from quws.runner.estimate import estimated, in_so_many_bases, measuring, plan_of, sampling
from quws.runner.rows import Rows
from quws.runner.runs import compiled_runs, counts_of, estimate_of
from quws.runner.work import Ran, Work
from quws.sandbox.messages import Calibrated, CircuitStarted
from quws.sandbox.roles import Connection
from quws.targets import CircuitResult, Target
from quws.targets.base import Compiled

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def run_here(target: Target, work: Work, *, quick: bool = False) -> Ran:
    """Run the circuits that have no result yet.

    Parameters
    ----------
    quick
        Whether each is known to take no time worth speaking of.

    Raises
    ------
    Failed
        One cannot be run, and the job is not to go on without it.

    """
    _tell_calibration(target, work.connection)
    rows = Rows(target, work)
    for place, index in enumerate(work.to_run()):
        if place == 0:
            started = CircuitStarted(circuit=index, at=time.monotonic())
            if work.request.count == 1 or quick:
                work.connection.send_soon(started)
            else:
                # So that it can be stopped without the others.
                work.connection.send(started)
        work.teller.circuit = index
        ran: tuple[Compiled, CircuitResult] | None = None
        with work.one(index):
            options = _of_circuit(work.options.of(work.facts[index]), index)
            ran = rows.ran(index, options)
            if ran is None:
                ran = _WORK[work.options.kind](target, work, index, options)
        if ran is not None:
            yield index, *ran


def _sample(
    target: Target, work: Work, index: int, options: RunOptions
) -> tuple[Compiled, CircuitResult]:
    compiled = work.compiled(target, index, options)
    work.teller.notes(compiled.notes)
    result = target.run(compiled, options, work.teller.progress)
    return compiled, counts_of(target, compiled, result, options, work.misread(target))


def _estimate(
    target: Target, work: Work, index: int, options: RunOptions
) -> tuple[Compiled, CircuitResult]:
    """Find the expectation values of a circuit; of many bases the first stands for all."""
    circuit, notes = work.unmeasured(index)
    work.teller.notes(notes)
    plan = plan_of(options, index)
    if options.exact:
        return Compiled(circuit), target.expectations(circuit, plan.observables, options)
    results = None
    if not options.mitigation:
        asked = [sampling(options, run) for run in range(len(plan.bases))]
        results = target.in_bases(circuit, plan.bases, asked)
    if results is None:
        first, found = _each_run(target, work, plan, circuit, options)
    else:
        first, found = Compiled(circuit), estimated(plan, results)
    work.teller.notes([*in_so_many_bases(plan), *first.notes])
    return first, found


def _each_run(
    target: Target, work: Work, plan: Plan, circuit: QuantumCircuit, options: RunOptions
) -> tuple[Compiled, CircuitResult]:
    """Run a circuit as often as it takes, one after the other; what was compiled first stands for
    all.
    """
    circuits = [measuring(circuit, basis) for basis in plan.bases]
    count = len(circuits) * len(options.factors)
    runs, results = [], []
    for run, (compiled, asked) in enumerate(compiled_runs(target, circuits, options)):
        runs.append(compiled)

        def progress(part: float, sentence: str | None, run: int = run) -> None:
            where = f"run {run} of {count}"
            work.teller.progress(
                (run + part) / count, None if sentence is None else f"{where}: {sentence}"
            )

        results.append(target.run(compiled, asked, progress))
    first = runs[0] if runs else Compiled(None)
    return first, estimate_of(target, plan, runs, results, options, work.misread(target))


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
