"""What engines have in common that run a circuit once and draw all shots from its end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from quws.domain.outcomes import NUMBERED_BITS, numbered_outcomes
from quws.targets.simulator.engine import Order
from quws.targets.simulator.router import Method
from quws.targets.simulator.tally import (
    CHUNK_BITS,
    Measured,
    Tally,
    of_samples,
    refuse_if_too_large,
    rows_of,
)


def fits(order: Order) -> bool:
    """Whether one state gives all shots: nothing happens after a measurement."""
    return order.method is Method.STATEVECTOR and order.traits.sampled and not order.noisy


def count(samples: npt.NDArray[np.int64], measured: dict[int, int], order: Order) -> Measured:
    """Count drawn basis states, with the readout errors that NOISE asks for."""
    writer = order.writer()
    if order.errors is None:
        return of_samples(samples, measured, writer, memory=order.memory)
    random = np.random.default_rng(order.seed)
    tally = Tally(writer, memory=order.memory)
    chunk = max(1, CHUNK_BITS // max(writer.clbits, 1))
    for start in range(0, len(samples), chunk):
        rows = rows_of(samples[start : start + chunk], measured, writer.clbits)
        tally.add(order.errors.flip(rows, measured, random))
    return tally.measured()


def counted(
    state: npt.NDArray[np.complex128], qubits: Sequence[int], order: Order
) -> dict[str, int]:
    """Draw how often each outcome of some qubits is found in a state; the last one comes first."""
    weights = np.square(state.real) + np.square(state.imag)
    width = len(qubits)
    if list(qubits) == list(range(width)):
        weights = weights.reshape(-1, 1 << width).sum(axis=0)
    else:
        places = np.arange(len(weights))
        outcomes = np.zeros_like(places)
        for bit, qubit in enumerate(qubits):
            outcomes |= (places >> qubit & 1) << bit
        weights = np.bincount(outcomes, weights=weights, minlength=1 << width)
    # All shots in one go: to draw them one by one takes longer than to find the state.
    random = np.random.default_rng(order.seed)
    found = random.multinomial(order.shots, weights / weights.sum()).tolist()
    if width <= NUMBERED_BITS:
        return {bits: found[at] for bits, at in numbered_outcomes(width).items() if found[at]}
    return {f"{at:0{width}b}": number for at, number in enumerate(found) if number}


def in_basis(samples: npt.NDArray[np.int64], qubits: Sequence[int]) -> dict[str, int]:
    """Count drawn basis states by the bits of some qubits, the last of which comes first."""
    values, numbers = np.unique(samples, return_counts=True)
    refuse_if_too_large(len(values), len(qubits))
    bits = (values[:, np.newaxis] >> np.array(qubits[::-1], dtype=np.int64)) & 1
    whole = (bits + ord("0")).astype(np.uint8).tobytes().decode("ascii")
    counts: dict[str, int] = {}
    for place, number in enumerate(numbers.tolist()):
        key = whole[place * len(qubits) : (place + 1) * len(qubits)]
        counts[key] = counts.get(key, 0) + number
    return counts
