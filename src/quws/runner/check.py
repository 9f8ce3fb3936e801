"""In a child: read circuits that nobody has looked at yet."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from typing_extensions import override

from quws.domain.circuits import BatchFacts, CircuitFacts, CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.payloads import NoPayload, as_bytes, as_text
from quws.domain.pubs import has_several
from quws.runner.work import is_harmless
from quws.sandbox import confine
from quws.sandbox.messages import (
    CheckCircuits,
    CircuitDrawn,
    CircuitFiles,
    CircuitRefused,
    CircuitsChecked,
    CircuitsRewritten,
    DrawCircuit,
    RewriteCircuits,
    SplitCircuits,
    ToChild,
)
from quws.sandbox.roles import Connection, Role, unexpected

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.runner.circuits import Parse

_SAMPLE = {
    Language.OPENQASM_2: 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1];'
    " h q[0]; measure q -> c;",
    Language.OPENQASM_3: 'OPENQASM 3.0; include "stdgates.inc"; qubit[1] q; bit[1] c;'
    " h q[0]; c = measure q;",
    Language.STIM: "H 0\nMPP X0*Z1\nCX rec[-1] 1",
    Language.IQM_JSON: '{"name": "c", "instructions": [{"name": "measure", "locus": ["QB1"],'
    ' "args": {"key": "m"}}]}',
    Language.CIRQ_JSON: '{"cirq_type": "Circuit", "moments": [{"cirq_type": "Moment", "operations":'
    ' [{"cirq_type": "GateOperation", "gate": {"cirq_type": "MeasurementGate", "key": "m"},'
    ' "qubits": [{"cirq_type": "LineQubit", "x": 0}]}]}]}',
}


def load_parsers() -> Parse:
    """Import the parsers in the zygote, use each once, and return what reads a circuit."""
    from quws.circuits.parse import parse  # noqa: PLC0415

    for language, sample in (*_SAMPLE.items(), (Language.QPY, _qpy())):
        parse(sample, language, CircuitLimits())
    return parse


def _qpy() -> str:
    from qiskit import QuantumCircuit, qpy  # noqa: PLC0415

    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    file = io.BytesIO()
    qpy.dump(circuit, file)
    return as_text(file.getvalue())


class CheckRole(Role):
    """Parses circuits, and says what they are or why they are refused."""

    reusable = True

    def __init__(self, memory_bytes: int, cpu_seconds: int) -> None:
        self.most = confine.Most(memory_bytes, cpu_seconds, file_bytes=0)

    @override
    def load(self) -> None:
        from quws.circuits.alike import Alike  # noqa: PLC0415
        from quws.circuits.drawing import draw  # noqa: PLC0415
        from quws.circuits.formats.qpy_files import split  # noqa: PLC0415
        from quws.circuits.native import check_native  # noqa: PLC0415
        from quws.circuits.parse import read  # noqa: PLC0415
        from quws.circuits.several import facts_of  # noqa: PLC0415
        from quws.runner.rewriting import rewritten  # noqa: PLC0415

        parse = load_parsers()

        def alike(request: CheckCircuits) -> Alike:
            def facts(
                source: str, language: Language | None, limits: CircuitLimits
            ) -> CircuitFacts:
                circuit, found = parse(source, language, limits)
                if request.native is not None:
                    check_native(circuit, request.native, source, found.language)
                return found

            return Alike(facts, request.language, request.limits)

        def several(source: str, request: CheckCircuits) -> list[CircuitFacts]:
            native = request.native
            if native is None:
                return facts_of(source, request.limits)

            def look(circuit: QuantumCircuit, found: CircuitFacts, text: str) -> None:
                check_native(circuit, native, text, found.language)

            return facts_of(source, request.limits, look)

        self._alike = alike
        self._several = several
        self._read = read
        self._draw = draw
        self._split = split
        self._rewritten = rewritten

    @override
    def warm(self) -> None:
        # A service that checks must stay quick for those who only look.
        os.nice(5)

    @override
    def handle(self, request: ToChild, connection: Connection) -> bool:
        if not isinstance(request, CheckCircuits | DrawCircuit | SplitCircuits | RewriteCircuits):
            raise unexpected(request)
        confine.limit(
            memory_bytes=request.memory_bytes, cpu_seconds=request.cpu_seconds, file_bytes=0
        )
        index = 0
        try:
            if isinstance(request, DrawCircuit):
                connection.send(self._drawn(request))
                return True
            if isinstance(request, SplitCircuits):
                connection.send(self._parts(request))
                return True
            if isinstance(request, RewriteCircuits):
                connection.send(CircuitsRewritten(circuits=self._rewritten(request)))
                return True
            alike = self._alike(request)
            facts: list[CircuitFacts] = []
            for index, source in enumerate(request.circuits):  # noqa: B007
                if has_several(source, request.language):
                    facts += self._several(source, request)
                else:
                    facts.append(alike.facts(source))
            connection.send(CircuitsChecked(facts=BatchFacts.of(facts)))
        except InvalidCircuit as refusal:
            connection.send(
                CircuitRefused(
                    circuit=index,
                    sentence=refusal.sentence,
                    line=refusal.line,
                    column=refusal.column,
                )
            )
            return is_harmless(refusal)
        return True

    def _drawn(self, request: DrawCircuit) -> CircuitDrawn:
        circuit = self._read(request.circuit, request.language, request.limits).circuit
        return CircuitDrawn(drawing=self._draw(circuit))

    def _parts(self, request: SplitCircuits) -> CircuitFiles:
        try:
            data = as_bytes(request.file)
        except NoPayload as fault:
            raise InvalidCircuit(f"the file of circuits {fault}") from None
        files = self._split(data or b"", request.limits, request.most)
        return CircuitFiles(files=[as_text(file) for file in files])
