"""The circuits of a text that has several: what they are, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from quws.circuits import parse
from quws.circuits.binding import Bindable
from quws.circuits.formats.pubs import Opened, of_pub
from quws.circuits.parse import read, read_checked
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.pubs import INDEX, has_several

Look = Callable[[QuantumCircuit, CircuitFacts, str], None]
"""Refuses a circuit, of which the facts and the text are known as well."""


def facts_of(source: str, limits: CircuitLimits, look: Look | None = None) -> list[CircuitFacts]:
    """Return what each circuit of a text of PUBs is: one object for all that differ in values.

    Raises
    ------
    InvalidCircuit
        The first PUB that cannot be read, or whose values do not fit.

    """
    opened = Opened(source, limits)
    known: dict[str, CircuitFacts] = {}
    found: list[CircuitFacts] = []
    for pub, item in enumerate(opened.pubs.pubs):
        text, _ = opened.source(pub)
        circuit = opened.read(pub, read)
        opened.rows(pub, circuit.inputs)
        facts = known.get(text)
        if facts is None:
            try:
                facts = known[text] = parse.facts_of(circuit, text, limits)
                if look is not None:
                    look(circuit.circuit, facts, text)
            except InvalidCircuit as refusal:
                raise of_pub(pub, refusal) from None
        own = {"language": Language.PUBS, "parameters": [INDEX], "shots": item.shots}
        found += [facts.model_copy(update=own)] * item.rows
    return found


class Several:
    """The circuits of a text of PUBs that was checked, by their indices in it."""

    def __init__(self, source: str, limits: CircuitLimits) -> None:
        self._opened = Opened(source, limits)
        self._pub = -1
        self._open(0)

    def _open(self, pub: int) -> None:
        if pub != self._pub:
            # They come in their order, so that one at a time is enough.
            found = self._opened.read(pub, read_checked)
            self._rows = self._opened.rows(pub, found.inputs)
            self._bindable = Bindable(found.circuit, found.inputs)
            self._names = list(found.inputs)
            self._pub = pub

    @property
    def circuit(self) -> QuantumCircuit:
        """The circuit of the present PUB, without values. Not to be changed."""
        return self._bindable.circuit

    @property
    def parameters(self) -> list[Parameter]:
        """Return the parameters that its gates use."""
        return self._bindable.parameters

    def one(self) -> Several | None:
        """Return this where all circuits are one but for their values: those of one PUB."""
        return self if len(self._opened.pubs.pubs) == 1 else None

    def row(self, values: Mapping[str, float]) -> list[float]:
        """Return the values of the parameters for one of the circuits, in their order."""
        return self._bindable.row(self._values(values))

    def at(self, values: Mapping[str, float]) -> QuantumCircuit:
        """Make one of the circuits.

        Raises
        ------
        InvalidCircuit

        """
        own = self._values(values)
        try:
            return self._bindable.at(own)
        except InvalidCircuit as refusal:
            raise of_pub(self._pub, refusal) from None

    def _values(self, values: Mapping[str, float]) -> dict[str, float]:
        pub, row = self._opened.pubs.place(int(values[INDEX]))
        self._open(pub)
        return dict(zip(self._names, self._rows[row].tolist(), strict=True))


def read_to_bind(source: str, language: Language, limits: CircuitLimits) -> Bindable | Several:
    """Read a circuit of which all is known but the values of its parameters.

    Raises
    ------
    InvalidCircuit
        It is one that ``parse`` refuses.

    """
    if has_several(source, language):
        return Several(source, limits)
    found = read_checked(source, language, limits)
    return Bindable(found.circuit, found.inputs)
