"""What a parser says, made into one sentence for the user."""

from __future__ import annotations

import re

from quws.circuits.names import QELIB1, STDGATES
from quws.circuits.tokens import QUOTED
from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit

LONGEST = 300
"""Characters of a sentence that repeats what a parser said."""

# The OPENQASM-2 parser, the OPENQASM-3 parser and the importer, in this order.
_PLACE = re.compile(r"(?:<input>:(\d+),(\d+): |L(\d+):C(\d+): |(\d+),(\d+): )(?=\S)")
_NODE = re.compile(r"node of type (\w+) is not supported")
_EXPRESSION = re.compile(r"'(\w+)' cannot be resolved into a Qiskit value")
_CLEARER = {
    "index must be int, slice or list": (
        "the variable of a loop can be an index only in short loops without break and continue"
    ),
    "type error": "the values of this expression do not go together, as two angles in a product",
    "mismatched lengths in gate broadcast": "a gate is applied to registers of different sizes",
    "a switch statement is not supported": (
        "a switch statement is not supported; write it with 'if' and 'else'"
    ),
}
# What the importers say, and what would help whoever wrote the circuit.
_REWRITTEN = [
    (
        re.compile(r"Symbol '?(\w+)'? is not visible in the scope of a gate"),
        r"'\1' is not known in a gate; a gate must get it as a parameter",
    ),
    (
        re.compile(r"cannot use non-builtin custom instruction ('\w+') before definition"),
        r"\1 is not defined in this scope",
    ),
    (
        re.compile(r"encountered a non-ASCII byte: \w+"),
        "outside of comments OPENQASM-2 is written in ASCII; write for example 'pi' and 'theta'",
    ),
    (
        re.compile(r"declarations of type '(u?int|float|bool|angle)' are not supported"),
        r"variables of type '\1' are not supported; constants are, as in 'const \1 n = 2;'",
    ),
    (
        re.compile(r"(?:unsupported|unhandled) binary oper\w+ ('[^']+')"),
        r"\1 is not supported in this expression",
    ),
]
_NOT_DEFINED = re.compile(r"'(\w+)' is not defined")
_LIBRARIES = {
    Language.OPENQASM_2: ("qelib1.inc", QELIB1),
    Language.OPENQASM_3: ("stdgates.inc", STDGATES),
}
_DEFINED_TWICE = re.compile(r"Symbol ('\w+') already inserted.*")
_QUOTATION = re.compile(r"(['\"])([^'\"]*)\1")
_PATH = re.compile(r"(?<![\w.])(?:[A-Za-z]:)?(?:[/\\][\w.+-]+){2,}")
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def explain(error: BaseException, source: str, language: Language) -> InvalidCircuit:
    """Make a refusal of whatever a parser raised.

    Its sentence has at most 300 characters, names no file of this machine, and
    quotes at most 60 characters of the circuit at a time. Line and column come
    from the parser's message and are made to count from 1.
    """
    if isinstance(error, RecursionError):
        return InvalidCircuit("the circuit nests blocks or chains expressions too deeply")
    if isinstance(error, MemoryError):
        return InvalidCircuit("reading the circuit takes more memory than there is")
    if isinstance(error, ArithmeticError):
        return InvalidCircuit("a value in the circuit is infinite or divides by zero")
    if isinstance(error, TypeError) and "argument" in str(error):
        return InvalidCircuit("a gate is used with a wrong number of parameters")
    text = str(getattr(error, "message", error)) if isinstance(error, Exception) else ""
    line: int | None = None
    column: int | None = None
    if found := _PLACE.match(text):
        numbers = [int(number) for number in found.groups() if number is not None]
        line, column = numbers[0], _column(source, numbers[0], numbers[1])
        text = text[found.end() :]
    elif type(error).__module__.partition(".")[0] not in ("qiskit", "openqasm3"):
        text = ""
    sentence = clean(text) or f"the circuit cannot be read as {language}"
    return InvalidCircuit(
        sentence + _missing_library(sentence, source, language), line=line, column=column
    )


def _missing_library(sentence: str, source: str, language: Language) -> str:
    """Say what to include where a gate of the library is not defined."""
    found = _NOT_DEFINED.search(sentence)
    library, gates = _LIBRARIES.get(language.grammar, ("", frozenset[str]()))
    if found is None or found[1] not in gates or library in source:
        return ""
    return f"; 'include \"{library}\";' defines it"


def _column(source: str, line: int, column: int) -> int:
    """Count a column from 1; the importer gives that of a name from the start of the text."""
    lines = source.splitlines(keepends=True)
    if line <= len(lines) and column > len(lines[line - 1]):
        before = sum(map(len, lines[: line - 1]))
        column = max(0, column - before)
    return column + 1


def clean(text: str) -> str:
    """Make a sentence of a library's message, as short as ``explain`` promises."""
    text = " ".join(text[: 20 * LONGEST].split()).rstrip(".")
    for known, sentence in _REWRITTEN:
        text = known.sub(sentence, text)
    text = _NODE.sub(lambda found: f"{_words(found[1])} is not supported", text)
    text = _EXPRESSION.sub(lambda found: f"{_words(found[1])} is not supported here", text)
    text = _CLEARER.get(text, text)
    text = _DEFINED_TWICE.sub(r"\1 is already defined", text)
    text = _QUOTATION.sub(_shorten, text)
    text = _PATH.sub("…", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _shorten(quotation: re.Match[str]) -> str:
    mark, text = quotation.groups()
    return quotation[0] if len(text) <= QUOTED else f"{mark}{text[:QUOTED]}…{mark}"


def _words(name: str) -> str:
    """Turn a class name into words: ``SwitchStatement`` becomes ``a switch statement``."""
    words = _CAPITAL.sub(" ", name).lower()
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
