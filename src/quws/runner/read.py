"""In a child: read circuits for another one that must not, and write down what they are.

This one has no network, no secret and no other program; who gets the transcripts does not trust
them.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

from typing_extensions import override

from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit
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

_FILE = "transcripts.jsonl"


class ReadRole(Role):
    """Reads circuits, and writes their transcripts."""

    @override
    def load(self) -> None:
        from quws.circuits.transcript.writing import write  # noqa: PLC0415

        self._parse = load_parsers()
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
                pairs = zip(request.circuits, request.languages, strict=True)
                for index, (source, language) in enumerate(pairs):  # noqa: B007
                    file.write(self._transcript(source, language, request) + "\n")
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

    def _transcript(self, source: str, language: Language | None, request: ReadCircuits) -> str:
        circuit, facts = self._parse(source, language, request.limits)
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
