"""In a child: the expectation values of observables, on any target that samples.

The terms that one basis gives are measured together: the circuit is run with that basis turned to
the bits that are measured at its end, as any circuit that is sampled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from quws.domain.bases import Basis, Plan
from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
from quws.domain.outcomes import Expectation, numbered_outcomes
from quws.runner.mitigation import corrected_signs
from quws.targets.base import CircuitResult, Misread

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from qiskit import QuantumCircuit
    from qiskit.circuit import Clbit, Qubit

_TABLE_BITS = 8
_TABLE_VALUES = 1 << 16
"""The most numbers of a basis that are kept."""
LEFT_OUT = "its last measurements are left out: the observables are measured in their place"


def plan_of(options: RunOptions, circuit: int) -> Plan:
    """Return how the observables of a circuit of the job are measured."""
    assert options.observable is not None
    return options.observable.plan(circuit)


def in_so_many_bases(plan: Plan) -> list[str]:
    """Say in how many bases observables are measured, if that is worth saying."""
    count = len(plan.bases)
    return [f"its observables are measured in {count} bases"] if count > 1 else []


def sampling(options: RunOptions, run: int = 0) -> RunOptions:
    """Return how a circuit is sampled for one basis; each draws random numbers of its own."""
    seed = options.seed
    if seed is not None and run:
        digest = hashlib.blake2b(f"{seed}/basis/{run}".encode(), digest_size=8).digest()
        seed = int.from_bytes(digest, "big") >> 1
    return options.model_copy(
        update={
            "kind": JobKind.SAMPLE,
            "observable": None,
            "precision": None,
            "mitigation": None,
            "seed": seed,
        }
    )


def without_last_measurements(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit without the measurements that nothing comes after, nor depends on.

    Qiskit's own pass takes those out as well that only a condition depends on.
    """
    if "measure" not in circuit.count_ops():
        return circuit
    qubits: set[Qubit] = set()
    clbits: set[Clbit] = set()
    kept, found = [], False
    for instruction in reversed(circuit.data):
        last = not qubits.intersection(instruction.qubits) and not clbits.intersection(
            instruction.clbits
        )
        if instruction.name == "measure" and last:
            found = True
            continue
        kept.append(instruction)
        if instruction.name != "barrier":
            qubits.update(instruction.qubits)
            clbits.update(instruction.clbits)
    if not found:
        return circuit
    bare = circuit.copy_empty_like()
    for instruction in reversed(kept):
        bare.append(instruction)
    return bare


def measuring(circuit: QuantumCircuit, basis: Basis) -> QuantumCircuit:
    """Return a circuit that measures a basis at its end, into a register that comes last."""
    from qiskit import ClassicalRegister  # noqa: PLC0415

    name = "observed"
    while any(register.name == name for register in (*circuit.cregs, *circuit.qregs)):
        name += "_"
    measured = circuit.copy()
    register = ClassicalRegister(len(basis.paulis), name)
    measured.add_register(register)
    for bit, (qubit, pauli) in enumerate(sorted(basis.paulis.items())):
        if pauli == "Y":
            measured.sdg(qubit)
        if pauli != "Z":
            measured.h(qubit)
        measured.measure(qubit, register[bit])
    return measured


def estimated(
    plan: Plan,
    results: Sequence[CircuitResult],
    wrong: Sequence[Sequence[Misread]] | None = None,
) -> CircuitResult:
    """Put together what the bases of a plan gave, which may be none.

    Parameters
    ----------
    wrong
        For each basis how likely each of its bits is read wrong, to be corrected.

    """
    # Here, since what only hands jobs on does without numpy.
    import numpy as np  # noqa: PLC0415

    values = [
        sum(term.coefficient for term in item.terms if not term.paulis) for item in plan.observables
    ]
    variances: list[float | None] = [0.0] * len(values)
    shots = [0] * len(values)
    tables = None if wrong is not None else _tables_of(plan)
    for run, (basis, result) in enumerate(zip(plan.bases, results, strict=True)):
        weights = np.fromiter(result.counts.values(), dtype=np.float64, count=len(result.counts))
        number = int(weights.sum())
        if tables is not None and (table := tables[run]) is not None:
            number_of = numbered_outcomes(len(basis.paulis))
            outcomes = [number_of[key.partition(" ")[0]] for key in result.counts]
            found = {place: values[outcomes] for place, values in table.items()}
        else:
            bits = _bits(result.counts, len(basis.paulis))
            signs = None if wrong is None else corrected_signs(bits, wrong[run])
            found = _given(basis, bits, signs)
        for place, each in found.items():
            mean = float(weights @ each) / number
            values[place] += mean
            shots[place] += number
            before = variances[place]
            if number < 2 or before is None:
                variances[place] = None
                continue
            spread = float(weights @ (each - mean) ** 2) / (number - 1)
            variances[place] = before + spread / number
    expectations = [
        Expectation(
            str(item),
            values[place],
            None if (variance := variances[place]) is None else math.sqrt(variance),
            shots[place],
        )
        for place, item in enumerate(plan.observables)
    ]
    first = results[0] if results else CircuitResult({}, engine="none")
    return dataclasses.replace(
        first,
        counts={},
        memory=None,
        seconds=sum(item.seconds for item in results),
        approximate=next((item.approximate for item in results if item.approximate), None),
        notes=list(dict.fromkeys(note for item in results for note in item.notes)),
        expectations=expectations,
    )


def _given(
    basis: Basis, bits: npt.NDArray[np.uint8], signs: npt.NDArray[np.float64] | None = None
) -> dict[int, npt.NDArray[np.float64]]:
    """Return what outcomes give for the terms of a basis, added up for each observable by place.

    Parameters
    ----------
    bits
        A row for each outcome.
    signs
        What stands for 1 and -1 in its place, where readout is corrected.

    """
    import numpy as np  # noqa: PLC0415

    column_of = {qubit: bit for bit, qubit in enumerate(sorted(basis.paulis))}
    found: dict[int, npt.NDArray[np.float64]] = {}
    for place, term in basis.terms:
        columns = [column_of[qubit] for qubit, _ in term.paulis]
        each = found.setdefault(place, np.zeros(len(bits)))
        if signs is not None:
            each += term.coefficient * np.prod(signs[:, columns], axis=1)
            continue
        odd = np.bitwise_xor.reduce(bits[:, columns], axis=1)
        each += term.coefficient * (1.0 - 2.0 * odd)
    return found


class _Tables:
    """What each possible outcome gives, for the plan that was asked for last.

    The circuits of a batch have the same one, most of the time.
    """

    plan: Plan | None = None
    found: ClassVar[list[dict[int, npt.NDArray[np.float64]] | None]] = []


def _tables_of(plan: Plan) -> list[dict[int, npt.NDArray[np.float64]] | None]:
    """Return for each basis what each of its outcomes gives; None where those are many."""
    import numpy as np  # noqa: PLC0415

    if _Tables.plan is not plan:
        found: list[dict[int, npt.NDArray[np.float64]] | None] = []
        for basis in plan.bases:
            width = len(basis.paulis)
            if width > _TABLE_BITS or len(plan.observables) << width > _TABLE_VALUES:
                found.append(None)
                continue
            values = np.arange(1 << width)[:, np.newaxis]
            found.append(_given(basis, (values >> np.arange(width) & 1).astype(np.uint8)))
        _Tables.plan, _Tables.found = plan, found
    return _Tables.found


def _bits(counts: dict[str, int], width: int) -> npt.NDArray[np.uint8]:
    """Write the last register of each outcome as a row of bits, bit 0 first."""
    import numpy as np  # noqa: PLC0415

    text = "".join([key.partition(" ")[0] for key in counts])
    rows = np.frombuffer(text.encode("ascii"), dtype=np.uint8).reshape(len(counts), width)
    found: npt.NDArray[np.uint8] = (rows[:, ::-1] == ord("1")).astype(np.uint8)
    return found
