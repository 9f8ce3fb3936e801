"""OpenQASM 3: the reference parser's syntax tree, of which ``loader`` makes the circuit."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import openqasm3
from openqasm3 import ast
from openqasm3.parser import QASM3ParsingError
from typing_extensions import override

from quws.circuits.count_openqasm3 import count_openqasm3
from quws.circuits.formats.format import Format, Read
from quws.circuits.guard import scan
from quws.circuits.loader import load
from quws.circuits.tokens import quote
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit


class OpenQasm3(Format):
    """OpenQASM 3, with either phase of its gates."""

    @override
    def guard(self, source: str, said: Language | None, limits: CircuitLimits) -> Language:
        return scan(source, said, limits)

    @override
    def read(self, source: str, language: Language, limits: CircuitLimits) -> Read:
        program = _syntax_tree(source)
        count = count_openqasm3(program, limits)
        circuit, notes, inputs = load(
            program, source, count.loops, qiskit=language is Language.OPENQASM_3_QISKIT
        )
        return Read(circuit, language, count.operations, notes, inputs)


_LOOP = re.compile(r"\bfor\s+\Z")


def _syntax_tree(source: str) -> ast.Program:
    try:
        # What is wrong is also printed, which nobody would read.
        with contextlib.redirect_stderr(io.StringIO()):
            return openqasm3.parse(source)
    except QASM3ParsingError as error:
        if str(error) or error.__cause__ is None:
            raise
        # Its message is empty; the place is in what ANTLR raised, sometimes one level deeper.
        cause: Any = error.__cause__
        token = getattr(cause.args[0] if cause.args else cause, "offendingToken", None)
        token = token or getattr(cause, "offendingToken", None)
        if token is None:
            raise
        if token.text == "<EOF>":
            raise InvalidCircuit("the circuit ends in the middle of a statement") from None
        sentence = f"{quote(token.text)} is not expected here"
        if _LOOP.search(source, 0, token.start):
            sentence = "a loop's variable needs a type, as in 'for int i in [0:4]'"
        raise InvalidCircuit(sentence, line=token.line, column=token.column + 1) from None
