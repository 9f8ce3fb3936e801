"""What a format of circuits is: how its text is looked at, and how it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from quws.domain.circuits import CircuitLimits, Language


class Input(NamedTuple):
    """A parameter of a circuit whose values come later, and how such a value is taken."""

    parameter: Parameter
    taken: Callable[[float], float] = float


class Read(NamedTuple):
    """A circuit that was read; ``notes`` say how, where that may not be what was meant.

    ``inputs`` are its parameters by their names, in order, also those that no gate uses.
    """

    circuit: QuantumCircuit
    language: Language
    operations: int
    notes: list[str]
    inputs: Mapping[str, Input] = MappingProxyType({})


class Format(Protocol):
    """One format, with limits of its own.

    Everything that comes after, from the survey of what a circuit needs to the transcript that is
    handed to others, starts from Qiskit's circuit and is the same for all of them.
    """

    def guard(self, source: str, said: Language | None, limits: CircuitLimits) -> Language:
        """Look at a circuit before anything reads it, and tell its language.

        ``said`` is what LANG says, None if it says nothing. Takes time linear in the length of the
        text and builds nothing: what a reader could be made to crash, hang or eat the memory by is
        refused here.

        Raises
        ------
        InvalidCircuit

        """

    def read(self, source: str, language: Language, limits: CircuitLimits) -> Read:
        """Read a circuit that has passed the guard, and count its operations.

        Raises
        ------
        InvalidCircuit
            It cannot be read, or has more operations than the limits allow. Whatever else a
            library raises is explained by the caller.

        """
