"""In a child: the runs that one circuit takes, and what they give together.

To estimate it is run once for each basis, and where noise is extrapolated once more for each
factor of it: all bases with the first factor come first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from quws.domain.bases import Plan
from quws.domain.compiling import Optimization
from quws.domain.mitigation import Mitigation
from quws.domain.options import RunOptions
from quws.runner.estimate import estimated, sampling
from quws.runner.mitigation import (
    MOST_OUTCOMES,
    corrected_counts,
    extrapolated,
    folded,
    misread_bits,
)
from quws.targets.base import CircuitResult, Compiled, Misread, Target

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Instruction


def compiled_runs(
    target: Target, circuits: Sequence[QuantumCircuit], options: RunOptions
) -> Iterator[tuple[Compiled, RunOptions]]:
    """Compile a circuit for each of its runs, and tell how each is run.

    Parameters
    ----------
    circuits
        One for each basis.

    Raises
    ------
    InvalidCircuit
        The target cannot run it after all.

    """
    plain: list[Compiled] = []
    for place, factor in enumerate(options.factors):
        for basis, circuit in enumerate(circuits):
            asked = sampling(options, place * len(circuits) + basis)
            if factor == 1:
                plain.append(target.compile(circuit, asked))
                yield plain[basis], asked
            else:
                yield _noisier(target, circuit, plain[basis], factor, asked), asked


def _noisier(
    target: Target, circuit: QuantumCircuit, plain: Compiled, factor: int, asked: RunOptions
) -> Compiled:
    if plain.optimization is None:
        return target.compile(folded(circuit, factor, lambda _: True), asked)
    # What a compiler sees once more, it would take out.
    gates = frozenset(target.describe().native_gates)

    def native(operation: Instruction) -> bool:
        return not gates or operation.name in gates

    as_it_is = {"optimization": Optimization.NONE, "initial_layout": None}
    return target.compile(folded(plain.circuit, factor, native), asked.model_copy(update=as_it_is))


def estimate_of(
    target: Target,
    plan: Plan,
    runs: Sequence[Compiled],
    results: Sequence[CircuitResult],
    options: RunOptions,
    known: Mapping[int, Misread],
) -> CircuitResult:
    """Put together what all runs of a circuit gave.

    Parameters
    ----------
    runs
        As they were compiled; needed only to correct what was read.
    known
        How likely each qubit of the target is read wrong.

    Raises
    ------
    InvalidParameter
        That is not known of a qubit that is measured.

    """
    bases = len(plan.bases)
    starts = [place * bases for place in range(len(options.factors))]
    raw = estimated(plan, results[:bases])
    ways = options.mitigation
    if not ways:
        return raw
    wrong: list[list[Misread]] | None = None
    if Mitigation.READOUT in ways:
        wrong = [
            # What was measured to estimate stands in the last register.
            misread_bits(item.circuit, known, target.name)[-item.circuit.cregs[-1].size :]
            for item in runs
        ]
    found = [
        estimated(
            plan,
            results[start : start + bases],
            None if wrong is None else wrong[start : start + bases],
        )
        for start in starts
    ]
    return extrapolated(found, raw, ways)


def counts_of(
    target: Target,
    compiled: Compiled,
    result: CircuitResult,
    options: RunOptions,
    known: Mapping[int, Misread],
) -> CircuitResult:
    """Return what a run gave, with what would have been read without errors, where it is wanted.

    Raises
    ------
    InvalidParameter
        Nobody knows how likely a qubit that is measured is read wrong.

    """
    if not options.mitigation:
        return result
    circuit = compiled.circuit
    wrong = dict(zip(circuit.clbits, misread_bits(circuit, known, target.name), strict=True))
    # As they stand in an outcome.
    bits = [wrong[bit] for register in reversed(circuit.cregs) for bit in reversed(list(register))]
    mitigated = corrected_counts(result.counts, bits) if len(bits) == len(wrong) else None
    notes = list(result.notes)
    if mitigated is None:
        notes.append(
            f"its readout is not corrected: it has {len(result.counts)} different outcomes, and at"
            f" most {MOST_OUTCOMES} can be"
            if len(bits) == len(wrong)
            else "its readout is not corrected: its registers share bits"
        )
    return dataclasses.replace(
        result,
        notes=notes,
        mitigated=mitigated,
        mitigation=None if mitigated is None else [Mitigation.READOUT],
    )
