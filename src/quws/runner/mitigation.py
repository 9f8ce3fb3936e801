"""In a child: errors that are mitigated after the run, by what is known of the target.

Readout is corrected bit by bit: of counts with the assignment matrix between the outcomes that were
seen, as M3 does, of expectation values in each term. Noise is extrapolated to none from circuits in
which each gate is followed by its inverse and itself again, once and twice.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.mitigation import FACTORS, Mitigation
from quws.domain.outcomes import Expectation
from quws.targets.base import CircuitResult, Misread

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from qiskit import QuantumCircuit
    from qiskit.circuit import Instruction

MOST_OUTCOMES = 3000
"""The matrix between so many is solved in seconds; it grows with their square."""
_SURE = Misread(0.0, 0.0)
_LEAST = 1e-12
_USELESS = 0.99
"""Where both errors of a qubit together are so large, what is read tells nothing of it."""
_NO_GATES = ("measure", "barrier", "delay", "reset")


# -- readout -------------------------------------------------------------------------------------


def misread_bits(
    circuit: QuantumCircuit, known: Mapping[int, Misread], target: str
) -> list[Misread]:
    """Return how likely each classical bit of a compiled circuit is read wrong.

    Raises
    ------
    InvalidParameter
        The target does not tell it of a qubit that is measured.

    """
    qubits = {bit: number for number, bit in enumerate(circuit.qubits)}
    clbits = {bit: number for number, bit in enumerate(circuit.clbits)}
    found = [_SURE] * circuit.num_clbits
    for instruction in circuit.data:
        if instruction.name != "measure":
            continue
        qubit = qubits[instruction.qubits[0]]
        wrong = known.get(qubit)
        if wrong is None or wrong.one_for_zero + wrong.zero_for_one >= _USELESS:
            raise InvalidParameter(
                f"MITIGATION=readout needs the readout error of qubit {qubit}, of which the"
                f" calibration of target {target} tells nothing that could be corrected",
                parameter="MITIGATION",
            )
        found[clbits[instruction.clbits[0]]] = wrong
    return found


def corrected_counts(counts: Mapping[str, int], bits: Sequence[Misread]) -> dict[str, float] | None:
    """Return which part of the shots each outcome would have had if all bits were read right.

    The parts add up to 1; some may be below 0, since they are found from a number of shots.

    Parameters
    ----------
    bits
        Of each bit, in the order in which they stand in an outcome.

    Returns
    -------
    dict or None
        None for more outcomes than can be corrected.

    """
    import numpy as np  # noqa: PLC0415

    if not 0 < len(counts) <= MOST_OUTCOMES:
        return None
    text = "".join(counts).replace(" ", "").encode("ascii")
    seen = (np.frombuffer(text, dtype=np.uint8).reshape(len(counts), -1) == ord("1")).astype(float)
    up = np.array([max(item.one_for_zero, _LEAST) for item in bits])
    down = np.array([max(item.zero_for_one, _LEAST) for item in bits])
    # The logarithm of how likely each outcome (row) is read where another one (column) is right.
    unseen = 1 - seen
    matrix = np.exp(
        (seen * np.log(up)) @ unseen.T
        + (unseen * np.log1p(-up)) @ unseen.T
        + (unseen * np.log(down)) @ seen.T
        + (seen * np.log1p(-down)) @ seen.T
    )
    matrix /= matrix.sum(axis=0)
    read = np.fromiter(counts.values(), dtype=np.float64, count=len(counts))
    right = np.linalg.solve(matrix, read / read.sum())
    return {key: float(f"{value:.9g}") for key, value in zip(counts, right, strict=True)}


def corrected_signs(bits: npt.NDArray[np.uint8], wrong: Sequence[Misread]) -> Any:
    """Return what each bit counts for ±1, so that the mean is that of bits which are read right.

    ``bits`` has a row for each outcome.
    """
    import numpy as np  # noqa: PLC0415

    up = np.array([item.one_for_zero for item in wrong])
    down = np.array([item.zero_for_one for item in wrong])
    return (1.0 - 2.0 * bits - (down - up)) / (1.0 - up - down)


# -- zero noise ------------------------------------------------------------------------------------


def folded(
    circuit: QuantumCircuit, factor: int, native: Callable[[Instruction], bool]
) -> QuantumCircuit:
    """Return a circuit that does the same, in which the noise of each gate acts more often.

    Parameters
    ----------
    factor
        How often, an odd number: each gate is followed by its inverse and itself.
    native
        Whether the target does an operation.

    Raises
    ------
    InvalidCircuit
        There is no inverse of a gate that it does.

    """
    made = circuit.copy_empty_like()
    inverses: dict[Any, list[Instruction]] = {}
    for instruction in circuit.data:
        made.append(instruction)
        operation = instruction.operation
        if operation.name in _NO_GATES or factor == 1:
            continue
        key = (operation.name, *map(str, operation.params))
        if key not in inverses:
            inverses[key] = _inverse(operation, native)
        for _ in range(factor // 2):
            for back in inverses[key]:
                made.append(back, instruction.qubits, copy=False)
            made.append(instruction)
    return made


def _inverse(operation: Instruction, native: Callable[[Instruction], bool]) -> list[Instruction]:
    from qiskit.circuit.library import RZGate  # noqa: PLC0415

    back = operation.inverse()
    if native(back):
        return [back]
    # The only native gates of devices whose inverse is none: half a turn before and after.
    turn = RZGate(math.pi)
    if operation.name in ("sx", "sxdg") and native(turn):
        return [turn, operation, turn]
    raise InvalidCircuit(
        f"MITIGATION=zne needs the inverse of gate '{operation.name[:60]}', which the target does"
        " not have"
    )


def extrapolated(
    found: Sequence[CircuitResult], raw: CircuitResult, ways: Sequence[Mitigation]
) -> CircuitResult:
    """Return what follows for no noise from expectation values with more and more of it.

    Parameters
    ----------
    found
        For each factor of the noise, in their order; one for no extrapolation.
    raw
        As they were measured.

    """
    weights = _weights(FACTORS[: len(found)])
    expectations = []
    each = [item.expectations or [] for item in found]
    for place, before in enumerate(raw.expectations or []):
        values = [items[place].value for items in each]
        errors = [items[place].error for items in each]
        squares = [w * w * e * e for w, e in zip(weights, errors, strict=True) if e is not None]
        expectations.append(
            Expectation(
                before.observable,
                sum(w * value for w, value in zip(weights, values, strict=True)),
                math.sqrt(sum(squares)) if len(squares) == len(errors) else None,
                sum(items[place].shots for items in each),
                raw_value=before.value,
                raw_error=before.error,
                at_factors=values if len(values) > 1 else None,
            )
        )
    return dataclasses.replace(
        found[0],
        seconds=sum(item.seconds for item in found),
        notes=list(dict.fromkeys(note for item in found for note in item.notes)),
        expectations=expectations,
        mitigation=list(ways),
    )


def _weights(factors: Sequence[int]) -> list[float]:
    """Return Richardson's weights: those of the polynomial through all values, at zero."""
    return [
        math.prod(other / (other - factor) for other in factors if other != factor)
        for factor in factors
    ]
