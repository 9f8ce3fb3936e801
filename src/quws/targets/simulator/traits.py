"""What the choice of a method rests on, of a circuit that is only known and of one that is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.domain.circuits import CircuitFacts
    from quws.domain.options import RunOptions


@dataclass(frozen=True, slots=True)
class Traits:
    """A circuit as the router sees it. Counts are of what is written out."""

    qubits: int
    clbits: int
    registers: int
    gates: int
    wide_gates: int
    crossing: int
    measurements: int
    clifford: bool
    sampled: bool
    """All is measured at the end, so that one run gives every shot."""
    control_flow: bool
    active: Sequence[int] | None = None
    """The qubits on which something happens; None for all."""

    @property
    def width(self) -> int:
        """Characters of the bit string of one shot."""
        return self.clbits + max(0, self.registers - 1)


def of_facts(facts: CircuitFacts, options: RunOptions) -> Traits:
    """Take them from the check of a circuit; what an old job does not know counts as the worst.

    Noise is that of certain qubits; without it those count alone on which something happens.
    """
    wide = facts.operations if facts.wide_gates is None else facts.wide_gates
    idle = facts.active is not None and options.noise is None
    return Traits(
        qubits=max(len(facts.active or ()), 1) if idle else facts.qubits,
        clbits=facts.clbits,
        registers=len(facts.registers),
        gates=facts.operations,
        wide_gates=wide,
        crossing=wide if facts.crossing is None else facts.crossing,
        measurements=facts.operations if facts.measurements is None else facts.measurements,
        clifford=facts.clifford,
        sampled=facts.sampled,
        control_flow=facts.control_flow,
    )


def of_circuit(circuit: QuantumCircuit) -> Traits:
    """Take them from the circuit itself."""
    from quws.circuits.survey import survey  # noqa: PLC0415 - it imports Qiskit

    found = survey(circuit)
    return Traits(
        qubits=circuit.num_qubits,
        clbits=circuit.num_clbits,
        registers=len(circuit.cregs),
        gates=found.gates,
        wide_gates=found.wide_gates,
        crossing=found.crossing,
        measurements=found.measurements,
        clifford=found.clifford,
        sampled=found.sampled,
        control_flow=found.control_flow,
        active=found.active,
    )


def without_idle(
    circuit: QuantumCircuit, options: RunOptions, observed: Collection[int] = ()
) -> tuple[QuantumCircuit, Traits, Callable[[int], int]]:
    """Take the qubits out of a circuit on which nothing happens and that nobody looks at.

    Noise is that of certain qubits, so that with it all are kept.

    Returns
    -------
    QuantumCircuit
    Traits
        What it is.
    callable
        Tells where a qubit that was kept is now.

    """
    from quws.circuits.shape import narrowed  # noqa: PLC0415

    traits = of_circuit(circuit)
    if options.noise is not None or traits.active is None:
        return circuit, traits, int
    kept = sorted({*traits.active, *observed}) or [0]
    if len(kept) == traits.qubits:
        return circuit, traits, int
    narrow = narrowed(circuit, kept, lambda _, __: None)
    places = {qubit: place for place, qubit in enumerate(kept)}
    alone = dataclasses.replace(traits, qubits=len(kept), active=None)
    return narrow, alone, places.__getitem__
