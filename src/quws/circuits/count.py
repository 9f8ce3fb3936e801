"""How many operations a circuit has once its gates and loops are written out.

Forty lines that each use the line before twice make 10^12 operations. The
numbers are therefore multiplied here, definition by definition, and nothing is
written out. The same pass refuses loops that nothing bounds and whatever else
would make reading the circuit costly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from quws.circuits.tokens import quote, refuse
from quws.domain.circuits import CircuitLimits
from quws.domain.errors import InvalidCircuit

CONDITION_BITS = 500_000
"""Bits that all conditions test together; each costs about a kilobyte in the parsed circuit."""

ENOUGH = 10**30
"""Counts stop growing here, long after they are too large for anything."""


@dataclass(frozen=True)
class Count:
    """What was counted.

    ``gates`` are the names of the gates that the circuit defines, ``registers``
    those of the registers of an OPENQASM-2 circuit; ``loops``
    has the statements and operations that a loop would become if it were
    written out, by the ``id`` of its node.
    """

    operations: int
    gates: frozenset[str]
    loops: dict[int, int] = field(default_factory=dict)
    registers: frozenset[str] = frozenset()


def finish(operations: int, condition_bits: int, limits: CircuitLimits) -> None:
    """Refuse a circuit that is too large, with its count as far as that is readable.

    Raises
    ------
    InvalidCircuit
        One of the numbers is above its limit.

    """
    if operations > limits.operations:
        raise InvalidCircuit(
            f"the circuit has {_about(operations)} operations once its gates and loops are"
            f" written out, the target takes {limits.operations}"
        )
    if condition_bits > CONDITION_BITS:
        raise InvalidCircuit(
            f"the conditions of the circuit test {condition_bits} bits altogether,"
            f" {CONDITION_BITS} are allowed"
        )


def _about(number: int) -> str:
    """Write a count so that its order of magnitude can be read."""
    if number < 10**9:
        return str(number)
    mantissa, _, exponent = f"{min(number, ENOUGH):.1e}".partition("e")
    return f"{'more than' if number >= ENOUGH else 'about'} {mantissa}e{int(exponent)}"


_COMMENT = re.compile(r"//[^\r\n]*")
_STATEMENT = re.compile(r"([^;{}]*)([;{}]|\Z)")
_REGISTER = re.compile(r"\s*[qc]reg\s+(\w+)\s*\[\s*(\d+)")
_DEFINITION = re.compile(r"\s*gate\s+(\w+)")
_USE = re.compile(r"\s*(?:if\s*\(\s*(\w+)\s*==\s*\d+\s*\)\s*)?(\w+)\s*(\()?")
_OPAQUE = re.compile(r"\s*opaque\s+(\w+)")
_DECLARATIONS = frozenset(["OPENQASM", "include", "qreg", "creg", "opaque"])


def count_openqasm2(source: str, limits: CircuitLimits) -> Count:
    """Count the operations of an OPENQASM-2 circuit that passed the guard.

    Gates that are defined and never used count nothing.

    Raises
    ------
    InvalidCircuit
        There are too many, or a gate uses itself or has no definition.

    """
    # Comments become blanks of the same length, so that places in the text stay true.
    text = _COMMENT.sub(lambda comment: " " * len(comment[0]), source)
    counting = _Counting()
    for found in _STATEMENT.finditer(text):
        if found[2] == "{":
            definition = _DEFINITION.match(found[1])
            counting.define(definition[1] if definition else "")
            continue
        if use := _USE.match(text, found.start(1), found.end(1)):
            if use[2] in _DECLARATIONS:
                counting.declare(found[1])
            else:
                if fault := counting.fault(use[2]):
                    refuse(source, use.start(2), fault)
                counting.use(use, found[1])
        if found[2] == "}":
            counting.defined()
    finish(counting.operations, counting.condition_bits, limits)
    return Count(
        counting.operations, frozenset(counting.gates), registers=frozenset(counting.sizes)
    )


class _Counting:
    """What has been counted so far, and the definition that is being read."""

    def __init__(self) -> None:
        self.operations = 0
        self.condition_bits = 0
        self.sizes: dict[str, int] = {}
        self.gates: dict[str, int] = {}
        self.opaque: set[str] = set()
        self.defining: str | None = None
        self.body = 0

    def define(self, name: str) -> None:
        self.defining, self.body = name, 0

    def defined(self) -> None:
        if self.defining is not None:
            self.gates[self.defining] = min(self.body, ENOUGH)
        self.defining = None

    def declare(self, statement: str) -> None:
        if register := _REGISTER.match(statement):
            self.sizes[register[1]] = int(register[2])
        elif opaque := _OPAQUE.match(statement):
            self.opaque.add(opaque[1])

    def fault(self, name: str) -> str | None:
        """Say why a gate cannot be used here, if so."""
        if name == self.defining:
            return f"the gate {quote(name)} uses itself"
        if name in self.opaque and name != "delay":
            return f"the gate {quote(name)} is opaque, so there is nothing that could be run"
        return None

    def use(self, use: re.Match[str], statement: str) -> None:
        condition, name, parameters = use.groups()
        operations = self.gates.get(name, 1)
        if self.defining is not None:
            self.body += operations
            return
        times = 1
        if name != "barrier":
            operands = (
                statement.rpartition(")")[2] if parameters else use.string[use.end() : use.endpos]
            )
            if name == "measure":
                operands = operands.partition("->")[0]
            times = max(self.sizes.get(operand.strip(), 1) for operand in operands.split(","))
        self.operations += times * operations
        self.condition_bits += times * self.sizes.get(condition, 0)
