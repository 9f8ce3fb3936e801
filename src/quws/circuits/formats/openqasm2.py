"""OpenQASM 2: read by Qiskit's own parser."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qiskit import qasm2
from qiskit.circuit import Gate
from qiskit.circuit.library import IGate
from typing_extensions import override

from quws.circuits.conditions import decided
from quws.circuits.count import count_openqasm2
from quws.circuits.formats.format import Format, Read
from quws.circuits.guard import scan
from quws.circuits.names import QELIB1, rename_gates, with_old_names
from quws.domain.circuits import CircuitLimits, Language


def _idle(_lengths: float) -> Gate:
    """Make ``u0`` a plain identity: Qiskit's would write out one for each unit of time."""
    return IGate()


_INSTRUCTIONS = [
    qasm2.CustomInstruction("u0", 1, 1, _idle, builtin=True) if known.name == "u0" else known
    for known in qasm2.LEGACY_CUSTOM_INSTRUCTIONS
]


_FUNCTIONS = {"asin": math.asin, "acos": math.acos, "atan": math.atan}


def _functions(taken: frozenset[str]) -> Sequence[qasm2.CustomClassical]:
    """List the functions that Qiskit has added, but for those whose names are taken."""
    if taken.isdisjoint(_FUNCTIONS):
        known: Sequence[qasm2.CustomClassical] = qasm2.LEGACY_CUSTOM_CLASSICAL
        return known  # these do not tell their names
    return [
        qasm2.CustomClassical(name, 1, function)
        for name, function in _FUNCTIONS.items()
        if name not in taken
    ]


class OpenQasm2(Format):
    """OpenQASM 2."""

    @override
    def guard(self, source: str, said: Language | None, limits: CircuitLimits) -> Language:
        return scan(source, said, limits)

    @override
    def read(self, source: str, language: Language, limits: CircuitLimits) -> Read:
        count = count_openqasm2(source, limits)
        text, new = rename_gates(source, count.gates)
        # What Qiskit has added to the language gives way to the circuit's own names.
        own = count.registers | (count.gates - QELIB1)
        try:
            circuit = qasm2.loads(
                text,
                include_path=(),  # the default reads files of this machine
                custom_instructions=[item for item in _INSTRUCTIONS if item.name not in own],
                custom_classical=_functions(own),
            )
        except qasm2.QASM2ParseError as error:
            raise qasm2.QASM2ParseError(with_old_names(error.message, text, new)) from None
        return Read(decided(circuit), Language.OPENQASM_2, count.operations, [])
