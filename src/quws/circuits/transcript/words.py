"""The words of a transcript: what a circuit can consist of, said in JSON.

A transcript is ``{"qubits": n, "clbits": m, "qregs": [[name, [qubit, …]], …], "cregs": …,
"gates": […], "phase": angle, "body": […]}``. Whoever gets one trusts neither it nor its writer:
``building`` holds every part to what stands here, and to the limits of the target.

- An instruction is a list that begins with a word; what follows are the qubits by number, and
  for most what else they need. A gate of ``standard_gates`` is a word of its own:
  ``["rx", [0], [0.5]]``.
- Qubits and bits have the same numbers everywhere but in the bodies of ``gates``, which count
  their own from 0.
- ``gates`` has what the circuit defines, ``[name, qubits, phase, body]``, each written out of
  those before it: they are as many as there are definitions, however often they are used.
- A block of control flow is ``[cregs, phase, body]``, the first the numbers of the registers that
  are known in it.
- An angle is a number, or ``[number, [[loop, factor], …]]``: a sum over the variables of the
  loops around it, the outermost being 0.
- A condition is ``[register, value]`` or ``[[part, …]]``: bits by number, ``true`` and ``false``,
  and after what they join the words of ``JOINS``.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from qiskit.circuit import Gate
from qiskit.circuit.library import C3XGate, C4XGate, get_standard_gate_name_mapping

from quws.domain.circuits import CircuitLimits

MEASURE, RESET, BARRIER, DELAY = "measure", "reset", "barrier", "delay"
USE, UNITARY, CONTROL = GATES = "use", "unitary", "control"
IF, FOR, RANGE, BREAK, CONTINUE = "if", "for", "range", "break", "continue"

NOT = "not"
JOINS = ("and", "or", "==", "!=")

UNITS = ("s", "ms", "us", "ns", "ps", "dt")
"""Of delays."""

WIDEST_MATRIX = 3
"""Qubits of a gate that is given by its matrix."""

DEEPEST = 100
"""Blocks within blocks."""

LARGEST = 1e15
"""Of all numbers but those that registers are compared with."""

PER_OPERATION = 4
"""Instructions that one operation, as they are counted for limits, may become at most."""

FEW = 1000
"""Instructions that every circuit may have."""

DETAILS = 2_000_000
"""Bits of registers, parts of conditions and values of loops: more than any text has."""


class Room:
    """How much a circuit may still have; whoever writes and whoever builds counts alike."""

    def __init__(self, limits: CircuitLimits) -> None:
        self._instructions = PER_OPERATION * limits.operations + FEW
        self._details = DETAILS

    def take(self, *, instructions: int = 0, details: int = 0) -> bool:
        """Count what comes; whether there was room for it."""
        self._instructions -= instructions
        self._details -= details
        return self._instructions >= 0 and self._details >= 0


class Standard(NamedTuple):
    """A gate that has a name of its own: its class, and how many angles it takes."""

    kind: type[Gate]
    angles: int


@cache
def standard_gates() -> dict[str, Standard]:
    """Return the gates that have a name of their own, by that name."""
    known = get_standard_gate_name_mapping()
    gates = {
        name: Standard(gate.base_class, len(gate.params))
        for name, gate in known.items()
        if isinstance(gate, Gate)
    }
    return gates | {"c3x": Standard(C3XGate, 0), "c4x": Standard(C4XGate, 0)}
