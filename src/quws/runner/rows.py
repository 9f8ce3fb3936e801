"""In a child: circuits that are one circuit with rows of values, on a target that takes it so."""

from __future__ import annotations

from typing import NamedTuple

from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
from quws.runner.circuits import Bindable
from quws.runner.estimate import (
    LEFT_OUT,
    estimated,
    in_so_many_bases,
    plan_of,
    sampling,
    without_last_measurements,
)
from quws.runner.work import Work
from quws.targets import CircuitResult, Target
from quws.targets.base import Compiled
from quws.targets.sweep import Sweep

_KINDS = (JobKind.ESTIMATE, JobKind.SAMPLE)


class _Found(NamedTuple):
    """The circuit, what runs it, and what is to be said of how it is run."""

    bindable: Bindable
    sweep: Sweep
    notes: list[str]


class Rows:
    """The rows of values of a job, if it has any.

    The circuit is read when the first row is run, and translated once for all of them.
    """

    def __init__(self, target: Target, work: Work) -> None:
        self._target = target
        self._work = work
        self._found: _Found | None = None
        options = work.options
        self._open = (
            work.request.bindings is not None
            and not target.forwards
            and options.kind in _KINDS
            and not options.mitigation
        )

    def ran(self, index: int, options: RunOptions) -> tuple[Compiled, CircuitResult] | None:
        """Run the circuit of a row; None where it is to be run like any other circuit.

        Raises
        ------
        InvalidCircuit, InvalidParameter

        """
        if self._open:
            self._open = False
            self._found = self._look()
        bindings = self._work.request.bindings
        if self._found is None or bindings is None:
            return None
        bindable, sweep, notes = self._found
        values = bindable.row(bindings.of(index))
        notes = [*self._work.facts[index].notes, *notes]
        if options.kind is JobKind.SAMPLE:
            result = sweep.run(values, options)
        else:
            plan = plan_of(options, index)
            if options.exact:
                result = sweep.expectations(values, plan.observables, options)
            else:
                asked = [sampling(options, run) for run in range(len(plan.bases))]
                found = sweep.in_bases(values, plan.bases, asked)
                result = None if found is None else estimated(plan, found)
                notes += in_so_many_bases(plan)
        if result is None:
            return None
        self._work.teller.notes(notes, soon=True)
        return Compiled(bindable.circuit), result

    def _look(self) -> _Found | None:
        work = self._work
        bindable = work.circuits.bindable()
        if bindable is None:
            return None
        circuit, notes = bindable.circuit, list[str]()
        if work.options.kind is JobKind.ESTIMATE:
            circuit = without_last_measurements(circuit)
            notes += [] if circuit is bindable.circuit else [LEFT_OUT]
        sweep = self._target.sweep(circuit, bindable.parameters, work.options)
        return None if sweep is None else _Found(bindable, sweep, notes)
