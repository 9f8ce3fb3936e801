"""In a child: where the circuits of a job come from.

Where a target holds a secret or can reach others, what its users have written is read elsewhere: by
a child that has neither. This one gets the transcripts, and holds them to what those may be.
"""

from __future__ import annotations

import json
import traceback
from collections import deque
from collections.abc import Callable, Container, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.failures import Failure
from quws.runner.work import Failed
from quws.sandbox.messages import MOST_WANTED, CircuitsRead, CircuitsWanted, RunJob
from quws.sandbox.roles import Connection, ParentGone, unexpected

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

Parse = Callable[[str, Language | None, CircuitLimits], "tuple[QuantumCircuit, CircuitFacts]"]
Again = Callable[[str, Language, CircuitLimits], "QuantumCircuit"]
Build = Callable[[object, CircuitLimits], "QuantumCircuit"]


class Bindable(Protocol):
    """A circuit with parameters that was read; see ``quws.circuits.binding``."""

    @property
    def circuit(self) -> QuantumCircuit:
        """The circuit without values. Not to be changed."""

    @property
    def parameters(self) -> list[Parameter]:
        """Return the parameters that its gates use."""

    def row(self, values: Mapping[str, float]) -> list[float]:
        """Return the values of these parameters, in their order."""

    def at(self, values: Mapping[str, float]) -> QuantumCircuit:
        """Make the circuit with values.

        Raises
        ------
        InvalidCircuit

        """


class Maker(Protocol):
    """Makes circuits of which the values come later."""

    def at(self, values: Mapping[str, float]) -> QuantumCircuit:
        """Make one of the circuits.

        Raises
        ------
        InvalidCircuit

        """

    def one(self) -> Bindable | None:
        """Return the circuit that all are but for their values; None where there is no such."""


ToBind = Callable[[str, Language, CircuitLimits], Maker]


class Circuits(Protocol):
    """The circuits of a job, by index."""

    def facts(self, index: int) -> CircuitFacts:
        """Find out what a circuit is that nobody has looked at.

        Raises
        ------
        InvalidCircuit, Failed

        """

    def of(self, index: int) -> tuple[QuantumCircuit, CircuitFacts]:
        """Return a circuit, and what was found out when it was read.

        Raises
        ------
        InvalidCircuit, Failed

        """

    def bindable(self) -> Bindable | None:
        """Return the circuit with parameters that values make all of; None where there is none.

        Raises
        ------
        InvalidCircuit

        """


class Texts:
    """Circuits that are read here.

    Parameters
    ----------
    again
        Reads a circuit whose facts are known.
    to_bind
        Reads a circuit whose parameters get values.

    """

    def __init__(self, request: RunJob, parse: Parse, again: Again, to_bind: ToBind) -> None:
        self._request = request
        self._known = None if request.facts is None else request.facts.each()
        self._parse = parse
        self._again = again
        self._to_bind = to_bind
        self._made: Maker | None = None

    def facts(self, index: int) -> CircuitFacts:
        """Read a circuit of ours, which nobody has read yet."""
        return self._parse(self._request.circuits[index], None, self._request.limits)[1]

    def of(self, index: int) -> tuple[QuantumCircuit, CircuitFacts]:
        """Read a circuit; where all of them have one text, that is read once."""
        source, limits = self._request.text(index), self._request.limits
        if self._known is None:
            return self._parse(source, None, limits)
        facts, bindings = self._known[index], self._request.bindings
        if bindings is not None and (maker := self._maker()) is not None:
            return maker.at(bindings.of(index)), facts
        return self._again(source, facts.language, limits), facts

    def bindable(self) -> Bindable | None:
        """Read the circuit that has parameters, once."""
        maker = self._maker()
        return None if maker is None else maker.one()

    def _maker(self) -> Maker | None:
        if self._made is None and self._known and self._request.bindings is not None:
            language = self._known[0].language
            self._made = self._to_bind(self._request.text(0), language, self._request.limits)
        return self._made


class Transcripts:
    """Circuits that another process reads, some at a time, when they are needed.

    Parameters
    ----------
    build
        Makes a circuit of a transcript.
    skipped
        Circuits that nobody will ask for.

    """

    def __init__(
        self, request: RunJob, build: Build, connection: Connection, skipped: Container[int] = ()
    ) -> None:
        self._request = request
        self._build = build
        self._connection = connection
        self._skipped = skipped
        self._coming: deque[int] = deque()
        self._file: BinaryIO | None = None

    def facts(self, index: int) -> CircuitFacts:
        """Have a circuit read, and tell what it is."""
        return self._read(index)[1]

    def of(self, index: int) -> tuple[QuantumCircuit, CircuitFacts]:
        """Have a circuit read, and build it."""
        transcript, facts = self._read(index)
        try:
            return self._build(transcript, self._request.limits), facts
        except ValueError as fault:
            raise _broken() from fault

    def bindable(self) -> None:
        """Whoever reads circuits elsewhere fills their parameters in as well."""

    def _read(self, index: int) -> tuple[Any, CircuitFacts]:
        if not self._coming or self._coming[0] != index:
            self._file = self._next(index)
        assert self._file is not None
        text = self._file.readline()
        self._coming.popleft()
        if not self._coming:
            self._file.close()
        try:
            line = json.loads(text, parse_constant=_no_constant)
            return line["circuit"], CircuitFacts.model_validate(line["facts"])
        except (ValueError, LookupError, TypeError, RecursionError) as fault:
            raise _broken() from fault

    def _next(self, index: int) -> BinaryIO:
        left = (i for i in range(index, self._request.count) if i not in self._skipped)
        self._coming = deque(islice(left, MOST_WANTED))
        self._connection.send(CircuitsWanted(circuits=list(self._coming)))
        match self._connection.receive():
            case CircuitsRead(file=name):
                path = Path(self._request.folder) / name
                file = path.open("rb")
                path.unlink()
                return file
            case None:
                raise ParentGone
            case message:
                raise unexpected(message)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _broken() -> Failed:
    # Whoever has read the circuit is broken into, or we are wrong: nothing that a user can mend.
    traceback.print_exc()
    return Failed(Failure.INTERNAL_ERROR.error())
