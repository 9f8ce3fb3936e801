"""How much memory and time a run takes, predicted from facts alone.

The rates were measured (``docs/reference/simulator.md``); they tell orders of magnitude.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from quws.targets.base import Estimate
from quws.targets.simulator.traits import Traits

MOST_BYTES = 256 << 20
"""What the bit strings of one circuit may have together, in bytes."""

AMPLITUDE_BYTES = 16
STABILIZER_QUBITS = 4096
TENSOR_QUBITS = 1000
BOND_DIMENSION = 256
_MOST_QUBITS = 30

_STEP_BYTES = 500
"""What a gate takes on its way from the text to the engine."""

_STATE_SECONDS = 1.5e-9
"""For one gate and one amplitude; several are done at once by vector instructions and threads."""
_NOISY_SECONDS = 7e-9
"""The same with an error after each gate, of a density matrix too."""
_GATE_SECONDS = 1e-5
"""To translate a gate."""
_FLIP_SECONDS = 1e-9
_BOND_SECONDS = 1e-7
_SHOT_SECONDS = 1e-6
_SPREAD = 10
"""A run takes between a tenth and ten times of what is most likely."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large circuits may be, by method."""

    state_bytes: int
    """Memory that a state may take."""
    qubits: int
    """Largest state vector."""
    bond_dimension: int = BOND_DIMENSION
    stabilizer_qubits: int = STABILIZER_QUBITS
    tensor_qubits: int = TENSOR_QUBITS

    @property
    def density_qubits(self) -> int:
        """Largest density matrix."""
        return self.qubits // 2

    @property
    def bond_qubits(self) -> int:
        """How many gates may cross a cut with the bond dimension surely being enough."""
        return self.bond_dimension.bit_length() - 1


def default_limits(qubits: int | None, bond_dimension: int = BOND_DIMENSION) -> Limits:
    """Take half of this machine's memory, unless the operator names the largest state vector."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        memory = 4 << 30
    if qubits is None:
        qubits = min(_MOST_QUBITS, (memory // 2 // AMPLITUDE_BYTES).bit_length() - 1)
    return Limits(
        state_bytes=max(memory // 2, AMPLITUDE_BYTES << qubits),
        qubits=qubits,
        bond_dimension=bond_dimension,
    )


def bond(traits: Traits, limits: Limits) -> int:
    """Predict the largest bond dimension of a matrix product state."""
    return min(limits.bond_dimension, 1 << min(traits.crossing, traits.qubits // 2, 30))


def state_bytes(method: str, traits: Traits, limits: Limits) -> int:
    """Predict the memory of the state that a method keeps."""
    match method:
        case "stabilizer":
            return max(traits.qubits**2, 64 << 20)
        case "density_matrix":
            return AMPLITUDE_BYTES << (2 * traits.qubits)
        case "matrix_product_state":
            # Two tensors for each qubit, and the copies while one is decomposed.
            size = bond(traits, limits) ** 2 * AMPLITUDE_BYTES
            # Aer's log, from which the truncation is read: a number for each bond and gate.
            log = min(traits.wide_gates, 10_000_000) * traits.qubits * 5
            return 4 * traits.qubits * size + 20 * size + log
    # Besides the amplitudes: their probabilities, added up, from which shots are drawn.
    return AMPLITUDE_BYTES * 3 // 2 << traits.qubits


def memory_bytes(method: str, traits: Traits, limits: Limits, *, shots: int, memory: bool) -> int:
    """Predict the memory of a whole run."""
    outcomes = min(shots, 1 << min(traits.clbits, 62))
    results = outcomes * (traits.width + 500)
    if memory:
        results += shots * (4 * traits.width + 200)
    steps = min(traits.gates, 10_000_000) * _STEP_BYTES
    return state_bytes(method, traits, limits) + results + steps


def estimate(method: str, traits: Traits, limits: Limits, *, shots: int, noisy: bool) -> Estimate:
    """Predict the time of a run."""
    repeated = method == "trajectories" or noisy or not traits.sampled
    runs = shots if repeated else 1
    gates = max(1, traits.gates)
    drawing = shots * (_SHOT_SECONDS + traits.clbits * 2e-8)
    match method:
        case "stabilizer":
            work = gates * (1e-6 + shots * _FLIP_SECONDS + traits.qubits * 1e-10)
        case "density_matrix":
            runs = 1 if traits.sampled else shots
            work = runs * gates * (1e-6 + _NOISY_SECONDS * 4.0**traits.qubits)
        case "matrix_product_state":
            d = float(bond(traits, limits))
            work = runs * (gates * 2e-6 + traits.wide_gates * (1e-6 + _BOND_SECONDS * d**3))
            drawing += shots * traits.qubits * (1e-7 + 1e-8 * d**2)
        case "trajectories":
            work = runs * gates * (2e-6 + _NOISY_SECONDS * 2.0**traits.qubits)
        case _:
            work = runs * gates * (1e-7 + _STATE_SECONDS * 2.0**traits.qubits)
    seconds = 2e-3 + gates * _GATE_SECONDS + work + drawing
    return Estimate(seconds, seconds / _SPREAD, seconds * _SPREAD)
