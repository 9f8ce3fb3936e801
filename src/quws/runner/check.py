"""In a child: read circuits that nobody has looked at yet."""

from __future__ import annotations

import os
from typing import Any

from typing_extensions import override

from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.sandbox import confine
from quws.sandbox.roles import Connection, Role

_SAMPLE = {
    Language.OPENQASM_2: 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1];'
    " h q[0]; measure q -> c;",
    Language.OPENQASM_3: 'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[1] c;'
    " h q[0]; c = measure q;",
}


class CheckRole(Role):
    """Parses circuits and tells what they are, or why they are refused."""

    @override
    def load(self) -> None:
        from quws.circuits.drawing import draw  # noqa: PLC0415
        from quws.circuits.parse import parse, read  # noqa: PLC0415

        self._parse = parse
        self._read = read
        self._draw = draw
        for language, sample in _SAMPLE.items():
            self._parse(sample, language, CircuitLimits())

    @override
    def warm(self) -> None:
        """All of it was done in the zygote."""

    @override
    def handle(self, request: dict[str, Any], connection: Connection) -> None:
        # A service that checks must stay quick for those who only look.
        os.nice(5)
        confine.limit(
            memory_bytes=request["memory_bytes"],
            cpu_seconds=request["cpu_seconds"],
            file_bytes=0,
        )
        limits = CircuitLimits.model_validate(request["limits"])
        language = None if request["language"] is None else Language(request["language"])
        if "draw" in request:
            connection.send(self._drawn(request["draw"], language, limits))
            return
        facts = []
        for index, source in enumerate(request["circuits"]):
            try:
                _, found = self._parse(source, language, limits)
            except InvalidCircuit as refusal:
                connection.send(_refused(refusal, index))
                return
            facts.append(found.model_dump(mode="json"))
        connection.send({"facts": facts})

    def _drawn(
        self, source: str, language: Language | None, limits: CircuitLimits
    ) -> dict[str, Any]:
        try:
            circuit, _, _ = self._read(source, language, limits)
        except InvalidCircuit as refusal:
            return _refused(refusal, 0)
        return {"drawing": self._draw(circuit).model_dump(mode="json")}


def _refused(refusal: InvalidCircuit, index: int) -> dict[str, Any]:
    return {
        "refused": {
            "sentence": refusal.sentence,
            "line": refusal.line,
            "column": refusal.column,
            "circuit": index,
        }
    }
