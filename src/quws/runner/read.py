"""In a child: read circuits for another one that must not, and write down what they are.

This one has no network, no secret and no other program; who gets the transcripts does not trust
them.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from typing_extensions import override

from quws.domain.circuits import CircuitFacts, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.pubs import INDEX, has_several
from quws.runner.check import load_parsers
from quws.sandbox import confine
from quws.sandbox.messages import (
    CircuitRefused,
    CircuitsWritten,
    NoRoom,
    ReadCircuits,
    ToChild,
)
from quws.sandbox.roles import Connection, Role, unexpected

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_FILE = "transcripts.jsonl"
Read: TypeAlias = "tuple[QuantumCircuit, CircuitFacts]"


class ReadRole(Role):
    """Reads circuits, and writes their transcripts."""

    @override
    def load(self) -> None:
        from quws.circuits.several import facts_of, read_to_bind  # noqa: PLC0415
        from quws.circuits.transcript.writing import write  # noqa: PLC0415

        self._parse = load_parsers()
        self._to_bind = read_to_bind
        self._several = facts_of
        self._write = write

    @override
    def warm(self) -> None:
        """All of it was done in the zygote."""

    @override
    def handle(self, request: ToChild, connection: Connection) -> bool:
        if not isinstance(request, ReadCircuits):
            raise unexpected(request)
        confine.limit(
            memory_bytes=request.memory_bytes,
            cpu_seconds=request.cpu_seconds,
            file_bytes=request.file_bytes,
        )
        connection.send(self._answer(request))
        return True

    def _answer(self, request: ReadCircuits) -> CircuitsWritten | CircuitRefused | NoRoom:
        index = 0
        try:
            os.chdir(request.folder)
            with Path(_FILE).open("w", encoding="ascii") as file:
                read = self._reader(request)
                for index in range(request.count):
                    file.write(self._transcript(*read(index), request) + "\n")
        except InvalidCircuit as refusal:
            return CircuitRefused(
                circuit=index,
                sentence=refusal.sentence,
                line=refusal.line,
                column=refusal.column,
            )
        except OSError as error:
            if error.errno == errno.EFBIG:
                return _refused(index, "the circuits become too large when they are written out")
            return NoRoom(sentence=error.strerror or str(error))
        return CircuitsWritten(file=_FILE)

    def _reader(self, request: ReadCircuits) -> Callable[[int], Read]:
        """Return what reads a circuit by its index, of which all may have one text."""
        circuits, languages, bindings = request.circuits, request.languages, request.bindings
        if bindings is None:
            return lambda index: self._parse(circuits[index], languages[index], request.limits)
        if has_several(circuits[0], languages[0]):
            known = self._several(circuits[0], request.limits)
            made = self._to_bind(circuits[0], Language.PUBS, request.limits)
            return lambda index: (
                made.at(bindings.of(index)),
                known[int(bindings.of(index)[INDEX])],
            )
        _, facts = self._parse(circuits[0], languages[0], request.limits)
        bound = self._to_bind(circuits[0], facts.language, request.limits)
        return lambda index: (bound.at(bindings.of(index)), facts)

    def _transcript(
        self, circuit: QuantumCircuit, facts: CircuitFacts, request: ReadCircuits
    ) -> str:
        try:
            transcript = self._write(circuit, request.limits)
        except MemoryError:
            raise InvalidCircuit("reading the circuit takes more memory than there is") from None
        except RecursionError:
            raise InvalidCircuit("the circuit nests blocks or gates too deeply") from None
        line = {"facts": facts.model_dump(mode="json"), "circuit": transcript}
        return json.dumps(line, allow_nan=False, separators=(",", ":"))


def _refused(index: int, sentence: str) -> CircuitRefused:
    return CircuitRefused(circuit=index, sentence=sentence, line=None, column=None)
