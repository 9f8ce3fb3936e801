"""Which method runs a circuit, and why: decided from facts, before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.words import counted
from quws.targets.simulator import limits as predict
from quws.targets.simulator.limits import Limits
from quws.targets.simulator.noise import Errors
from quws.targets.simulator.traits import Traits


class Method(StrEnum):
    """How a circuit can be simulated, by the names that METHOD takes besides ``auto``."""

    STABILIZER = "stabilizer"
    STATEVECTOR = "statevector"
    DENSITY_MATRIX = "density_matrix"
    TRAJECTORIES = "trajectories"
    MATRIX_PRODUCT_STATE = "matrix_product_state"


AUTO = "auto"

IN_WORDS = {
    Method.STABILIZER: "stabilizers",
    Method.STATEVECTOR: "a state vector",
    Method.DENSITY_MATRIX: "a density matrix",
    Method.TRAJECTORIES: "a state vector for each shot",
    Method.MATRIX_PRODUCT_STATE: "a matrix product state",
}


@dataclass(frozen=True, slots=True)
class Choice:
    """A method, and the reason for it as the end of a sentence."""

    method: Method
    reason: str


def choose(
    traits: Traits, method: str | None, errors: Errors | None, limits: Limits, *, shots: int
) -> Choice:
    """Choose how to run a circuit.

    Raises
    ------
    InvalidCircuit
        It is too large for any method that could run it.
    InvalidParameter
        METHOD names one that cannot run it, or NOISE a device that is too small.

    """
    if errors is not None:
        errors.check(traits.qubits)
    if method is None or method == AUTO:
        choice = _automatic(traits, errors, limits, shots)
    else:
        choice = Choice(Method(method), "METHOD asks for it")
        _check_method(choice.method, traits, errors)
    _check_size(choice.method, traits, limits)
    return choice


def choose_exact(
    traits: Traits, method: str | None, errors: Errors | None, limits: Limits
) -> Choice:
    """Choose how to compute expectation values, without shots.

    Raises
    ------
    InvalidCircuit
        It is too large for any method that could do it.
    InvalidParameter
        Chance has a part in it that needs shots, or METHOD names one that cannot do it.

    """
    if not traits.sampled:
        raise InvalidParameter(
            "SHOTS=0 gives the exact values of circuits without measurements and resets on the way"
            " and without control flow only; give a number of SHOTS for this one",
            parameter="SHOTS",
        )
    if method == Method.TRAJECTORIES:
        raise InvalidParameter(
            "METHOD=trajectories draws each shot, and SHOTS=0 asks for none", parameter="METHOD"
        )
    if errors is None:
        return choose(traits, method, None, limits, shots=0)
    errors.check(traits.qubits)
    if errors.reads_wrong(traits.qubits):
        raise InvalidParameter(
            "SHOTS=0 reads no bits, and NOISE asks for bits that are read wrong; give a number of"
            " SHOTS",
            parameter="SHOTS",
        )
    if method not in (None, AUTO, Method.DENSITY_MATRIX):
        raise InvalidParameter(
            f"METHOD must be {Method.DENSITY_MATRIX} or {AUTO} for SHOTS=0 with NOISE,"
            f" not {method}",
            parameter="METHOD",
        )
    if traits.qubits > limits.density_qubits:
        raise InvalidCircuit(
            f"the circuit has {traits.qubits} qubits, and with NOISE exact values need a density"
            f" matrix, of at most {limits.density_qubits}; give a number of SHOTS"
        )
    return Choice(Method.DENSITY_MATRIX, "exact values with noise need one")


def _automatic(traits: Traits, errors: Errors | None, limits: Limits, shots: int) -> Choice:
    noisy = errors is not None and errors.on_gates
    if traits.clifford and (errors is None or errors.pauli):
        return Choice(
            Method.STABILIZER,
            "all gates are Clifford gates" + (", all errors Pauli errors" if noisy else ""),
        )
    if noisy:
        return _noisy(traits, limits, shots)
    if traits.qubits <= limits.qubits:
        return Choice(
            Method.STATEVECTOR, f"the state of {counted(traits.qubits, 'qubit')} fits into memory"
        )
    if traits.crossing <= limits.bond_qubits:
        return Choice(
            Method.MATRIX_PRODUCT_STATE,
            f"{traits.qubits} qubits are too many for a state vector, and at most"
            f" {counted(traits.crossing, 'gate joins', 'gates join')} the two sides of any cut",
        )
    raise InvalidCircuit(
        f"the circuit has {traits.qubits} qubits, and a state vector may have at most"
        f" {limits.qubits}; larger circuits need Clifford gates only (up to"
        f" {limits.stabilizer_qubits} qubits), or at most {limits.bond_qubits} gates across any"
        f" cut between neighbouring qubits (there are {_many(traits.crossing)});"
        " METHOD=matrix_product_state runs it all the same, approximately"
    )


def _noisy(traits: Traits, limits: Limits, shots: int) -> Choice:
    def seconds(method: Method) -> float:
        return predict.estimate(method, traits, limits, shots=shots, noisy=True).seconds

    # First the size: the time of what is far too large is no number any more.
    if traits.qubits <= limits.density_qubits and (
        seconds(Method.DENSITY_MATRIX) <= seconds(Method.TRAJECTORIES)
    ):
        return Choice(
            Method.DENSITY_MATRIX,
            f"there is noise, and one run of {counted(traits.qubits, 'qubit')} is quicker than"
            f" {counted(shots, 'shot')}",
        )
    if traits.qubits <= limits.qubits:
        return Choice(
            Method.TRAJECTORIES,
            f"there is noise, and {counted(shots, 'shot is', 'shots are')} quicker than a density"
            f" matrix of {counted(traits.qubits, 'qubit')}",
        )
    if traits.crossing <= limits.bond_qubits:
        return Choice(
            Method.MATRIX_PRODUCT_STATE,
            f"{traits.qubits} qubits with noise are too many for a state vector, and at most"
            f" {counted(traits.crossing, 'gate joins', 'gates join')} the two sides of any cut",
        )
    raise InvalidCircuit(
        f"the circuit has {traits.qubits} qubits, and with this NOISE a state may have at most"
        f" {limits.qubits}; larger circuits need Clifford gates and Pauli errors only, or few"
        " gates across any cut between neighbouring qubits"
    )


def _check_method(method: Method, traits: Traits, errors: Errors | None) -> None:
    if method is Method.STABILIZER and not traits.clifford:
        raise InvalidParameter(
            "METHOD=stabilizer runs Clifford gates only, and the circuit has others",
            parameter="METHOD",
        )
    if errors is None or not errors.on_gates:
        return
    if method is Method.STABILIZER and not errors.pauli:
        raise InvalidParameter(
            "METHOD=stabilizer runs Pauli errors only (depolarizing, bit_flip, phase_flip,"
            " readout), and NOISE asks for others",
            parameter="METHOD",
        )
    if method is Method.STATEVECTOR:
        raise InvalidParameter(
            "METHOD=statevector has one state for all shots, which NOISE on gates cannot have;"
            " use trajectories or density_matrix",
            parameter="METHOD",
        )


def _check_size(method: Method, traits: Traits, limits: Limits) -> None:
    most = {
        Method.STABILIZER: limits.stabilizer_qubits,
        Method.DENSITY_MATRIX: limits.density_qubits,
        Method.MATRIX_PRODUCT_STATE: limits.tensor_qubits,
    }.get(method, limits.qubits)
    if traits.qubits > most:
        raise InvalidCircuit(
            f"the circuit has {traits.qubits} qubits, and {IN_WORDS[method]}"
            f" (METHOD={method}) may have at most {most} on this target"
        )
    needed = predict.state_bytes(method, traits, limits)
    if method is Method.MATRIX_PRODUCT_STATE and needed > limits.state_bytes:
        raise InvalidCircuit(
            f"the circuit would need about {needed >> 20} MiB as {IN_WORDS[method]}, and"
            f" {limits.state_bytes >> 20} MiB are allowed"
        )


def _many(number: int) -> str:
    return str(number) if number < 10**6 else "more than a million"
