"""How circuits are compiled for a target, as a job may ask for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from quws.domain.circuits import CircuitFacts, called, kinds_of
from quws.domain.errors import InvalidParameter

MOST_PLACES = 4096
_LAYOUT = re.compile(r"\s*[0-9]{1,6}\s*(?:,\s*[0-9]{1,6}\s*)*")


class Optimization(StrEnum):
    """How hard the compiler tries, by what the parameter OPTIMIZATION takes."""

    NONE = "none"
    """It does not: the circuit is run as it is."""
    LIGHTEST = "0"
    LIGHT = "1"
    HEAVY = "2"
    HEAVIEST = "3"


class Native(BaseModel):
    """What a circuit may consist of that is run as it is, and by whose word.

    ``coupling`` names the pairs of qubits that a gate can join, None where all can; ``layout`` for
    each qubit of the circuit that of the target, None where both are the same.
    """

    model_config = ConfigDict(frozen=True)

    target: str
    qubits: int
    gates: tuple[str, ...]
    """By Qiskit's names; none where any gate will do."""
    coupling: tuple[tuple[int, int], ...] | None = None
    layout: tuple[int, ...] | None = None


def read_optimization(text: str) -> Optimization:
    """Read a level of optimization.

    Raises
    ------
    InvalidParameter
        There is no such level.

    """
    try:
        return Optimization(text.strip().lower())
    except ValueError:
        raise InvalidParameter(
            f"OPTIMIZATION must be 0, 1, 2, 3 or none, not '{text[:40]}'", parameter="OPTIMIZATION"
        ) from None


def read_layout(text: str) -> list[int]:
    """Read a qubit map: for each qubit of the circuit the one of the target that carries it.

    Raises
    ------
    InvalidParameter
        It is neither a JSON list of numbers nor numbers with commas between them, or names a qubit
        twice.

    """
    inner = text.strip().removeprefix("[").removesuffix("]")
    found = [int(number) for number in inner.split(",")] if _LAYOUT.fullmatch(inner) else []
    if not 1 <= len(found) <= MOST_PLACES:
        raise InvalidParameter(
            "INITIAL_LAYOUT must be a list of the target's qubits, one for each of the circuit,"
            f" such as [3, 1, 0], not '{text[:40]}'",
            parameter="INITIAL_LAYOUT",
        )
    if len(set(found)) < len(found):
        twice = next(item for place, item in enumerate(found) if item in found[:place])
        raise InvalidParameter(
            f"INITIAL_LAYOUT names qubit {twice} twice", parameter="INITIAL_LAYOUT"
        )
    return found


def check_layout(layout: Sequence[int] | None, facts: Sequence[CircuitFacts]) -> None:
    """Refuse a qubit map that has not one qubit for each of every circuit.

    Raises
    ------
    InvalidParameter

    """
    if layout is None:
        return
    for index, _, item in kinds_of(facts):
        if item.qubits != len(layout):
            raise InvalidParameter(
                f"INITIAL_LAYOUT must name a qubit for each of {called(index, facts)}, which has"
                f" {item.qubits}; it names {len(layout)}",
                parameter="INITIAL_LAYOUT",
            )
