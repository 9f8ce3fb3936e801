"""What the choice of a method rests on, of a circuit that is only known and of one that is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.domain.circuits import CircuitFacts


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

    def without_idle(self) -> Traits:
        """Return those of the same circuit on the qubits alone on which something happens."""
        if self.active is None:
            return self
        return dataclasses.replace(self, qubits=max(len(self.active), 1), active=None)

    @property
    def width(self) -> int:
        """Characters of the bit string of one shot."""
        return self.clbits + max(0, self.registers - 1)


def of_facts(facts: CircuitFacts) -> Traits:
    """Take them from the check of a circuit; what an old job does not know counts as the worst."""
    wide = facts.operations if facts.wide_gates is None else facts.wide_gates
    return Traits(
        qubits=facts.qubits,
        clbits=facts.clbits,
        registers=len(facts.registers),
        gates=facts.operations,
        wide_gates=wide,
        crossing=wide if facts.crossing is None else facts.crossing,
        measurements=facts.operations if facts.measurements is None else facts.measurements,
        clifford=facts.clifford,
        sampled=facts.sampled,
        control_flow=facts.control_flow,
        active=facts.active,
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
