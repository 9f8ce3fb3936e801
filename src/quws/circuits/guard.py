"""The first look at a circuit: a linear pass over its words, before any parser sees it.

Parsers of circuit languages can be made to crash, to hang, to eat the memory
or to read other files by a few hundred bytes. What is known to do that is
refused here, by counting; nothing is built and nothing is expanded.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NoReturn

from quws.circuits.language import guess, read_header
from quws.circuits.tokens import CONTROL, SKIP, TOKEN, integer, is_finite, quote, refuse
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit

OPERATORS = {Language.OPENQASM_2: 10_000, Language.OPENQASM_3: 200}
"""Operators in one expression; the parser of OPENQASM-3 recurses once for each."""

GATE_DEFINITIONS = 4000
"""Each OPENQASM-2 definition keeps a list of all earlier ones, so memory grows with the square."""

_QUOTED_NEXT = re.compile(rf"{SKIP}[\"']")
_LIBRARY = {Language.OPENQASM_2: "qelib1.inc", Language.OPENQASM_3: "stdgates.inc"}
# Words of OPENQASM 3, which are ordinary names in OPENQASM 2.
_NOT_SUPPORTED = frozenset(["pragma", "cal", "defcal", "defcalgrammar", "extern"])
_BIT_TYPES = frozenset(["qubit", "bit"])
_WIDE_TYPES = frozenset(["int", "uint", "float", "angle"])
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_CLOSES = re.compile(r"\s*+\]")
_BITS = re.compile(r'"[01_]+"')
_SIMPLE_WORD, _SIMPLE_NUMBER = 31, 40
"""The most characters that words and numbers of simple statements have."""


@cache
def _simple(digits: int) -> re.Pattern[str]:
    """Return what matches OPENQASM-2 statements in a row that no rule here can object to.

    They are most of most circuits: gates and measurements whose words and numbers are short,
    without brackets in brackets, and with no index of more than so many digits. Taken at once
    they cost a tenth of what they cost word by word. Nothing is ever given back, so no text is
    tried twice.
    """
    blank = r"[ \t\r\n]*+"
    ruled = r"(?!(?:OPENQASM|include|gate|opaque|qreg|creg)\b)"
    word = rf"{ruled}[A-Za-z][A-Za-z0-9_]{{0,{_SIMPLE_WORD - 1}}}+\b"
    number = r"(?:[0-9]{1,15}+(?:\.[0-9]{0,17}+)?+|\.[0-9]{1,17}+)(?:[eE][+-]?[0-9]{1,2}+)?+"
    value = rf"-?+(?:{number}|pi)(?:{blank}[*/]{blank}(?:{number}|pi))?+"
    values = rf"\({blank}{value}{blank}(?:,{blank}{value}{blank})*+\){blank}"
    bits = rf"{word}(?:\[[0-9]{{1,{digits}}}+\])?+{blank}"
    return re.compile(
        rf"(?:{blank}{word}{blank}(?:{values})?+{bits}(?:(?:,|->){blank}{bits})*+;)*+"
    )


def scan(source: str, language: Language | None, limits: CircuitLimits) -> Language:
    """Check the text of a circuit and say which language it is in.

    ``language`` is what the client said, None if it said nothing: then the
    ``OPENQASM`` header decides and, without one, the words of the text.

    Raises
    ------
    InvalidCircuit
        At the first fault, with its line and column.

    """
    check_text(source, max(limits.bytes_openqasm2, limits.bytes_openqasm3), "a circuit")
    header, start = read_header(source)
    if language is not None and header not in (None, language.grammar):
        refuse(
            source,
            source.index("OPENQASM"),
            f"the parameter LANG says {language} but the header of the circuit says {header}",
        )
    language = language or header or guess(source, start)
    grammar = language.grammar
    _check_size(
        source,
        limits.bytes_openqasm2 if grammar is Language.OPENQASM_2 else limits.bytes_openqasm3,
        f"a circuit in {grammar}",
    )
    _Scan(source, grammar, limits).run(start)
    return language


def check_text(source: str, most: int, what: str) -> None:
    """Refuse a text of more than ``most`` bytes, and one with control characters.

    Raises
    ------
    InvalidCircuit

    """
    _check_size(source, most, what)
    if found := CONTROL.search(source):
        code = f"U+{ord(found[0]):04X}"
        refuse(source, found.start(), f"the text contains the control character {code}")


def _check_size(source: str, most: int, what: str) -> None:
    # Only text that might be too long is encoded: a character takes four bytes at most.
    if len(source) * 4 > most:
        size = len(source.encode("utf-8", "surrogatepass"))
        if size > most:
            raise InvalidCircuit(f"the circuit has {size} bytes, {what} may have {most}")


class _Scan:
    """One pass over one text: what has been seen so far, and the rules."""

    def __init__(self, source: str, language: Language, limits: CircuitLimits) -> None:
        self.source = source
        self.language = language
        self.limits = limits
        newer = language is Language.OPENQASM_3
        self.not_supported = _NOT_SUPPORTED if newer else frozenset[str]()
        self.bit_types = _BIT_TYPES if newer else frozenset[str]()
        self.wide_types = _WIDE_TYPES if newer else frozenset[str]()
        self.qubits = 0
        self.clbits = 0
        self.gates = 0
        self.simple = None if newer else self._simple()

    def _simple(self) -> re.Pattern[str] | None:
        """Return what need not be looked at word by word; None where the limits are too low."""
        limits = self.limits
        digits = len(str(max(limits.qubits, limits.clbits))) - 1
        if not digits or not limits.nesting or not limits.unary_run:
            return None
        if limits.token_length < _SIMPLE_WORD or limits.number_length < _SIMPLE_NUMBER:
            return None
        return _simple(digits)

    def refuse(self, at: re.Match[str], sentence: str) -> NoReturn:
        refuse(self.source, at.start(), sentence)

    def run(self, start: int) -> None:  # noqa: PLR0912, PLR0915 - calls would double the time
        """Go through the words once, from ``start`` on."""
        limits, simple = self.limits, self.simple
        longest = limits.token_length
        newer = self.language is Language.OPENQASM_3
        # Those of OPENQASM-2 are bounded by the size of the text alone.
        most_tokens = limits.tokens_openqasm3 if newer else len(self.source)
        most_operators, most_signs = OPERATORS[self.language], limits.unary_run
        count = operators = signs = 0
        brackets: list[re.Match[str]] = []
        earlier = before = last = ""  # the three words before this one
        tokens = TOKEN.finditer(self.source, start)
        while token := next(tokens, None):
            kind = token.lastgroup
            if kind == "skip":
                continue
            if kind == "block":
                if self.language is Language.OPENQASM_2:
                    self.refuse(token, "a comment in OPENQASM-2 begins with '//', not with '/*'")
                continue
            text = token[0]
            count += 1
            if count > most_tokens:
                self.refuse(token, f"the circuit has more than {most_tokens} words and symbols")
            if kind == "operator":
                operators += 1
                signs = signs + 1 if text in "-+!~" else 0
                if signs > most_signs:
                    self.refuse(token, f"more than {most_signs} signs stand in a row")
                if operators > most_operators:
                    self.refuse(token, f"an expression has more than {most_operators} operators")
            else:
                signs = 0
                if kind == "end":
                    operators = 0
                    if before in ("qreg", "creg"):
                        self._declare(before, 1, token)
                    if text == ";" and simple is not None and not brackets:
                        found = simple.match(self.source, token.end())
                        if found and found[0]:
                            tokens = TOKEN.finditer(self.source, found.end())
                            before = last = ""
                elif len(text) > longest and kind != "number":
                    self.refuse(
                        token, f"the word {quote(text)} is longer than {longest} characters"
                    )
                elif kind == "word":
                    self._word(text, last, token)
                elif kind == "number":
                    self._number(text, (earlier, before, last), token)
                elif kind == "open":
                    brackets.append(token)
                    if text == "{":
                        operators = 0
                    if len(brackets) > limits.nesting:
                        self.refuse(token, f"brackets are nested more than {limits.nesting} deep")
                elif kind == "close":
                    if not brackets or _CLOSING[brackets.pop()[0]] != text:
                        self.refuse(token, f"{quote(text)} does not match the brackets before it")
                    if text == "}":
                        operators = 0
                elif kind == "string":
                    self._string(text, last, token)
                elif kind == "hardware":
                    if int(text[1:]) >= limits.qubits:
                        self.refuse(
                            token,
                            f"there is no qubit {quote(text)}, the target has {limits.qubits}",
                        )
                elif kind == "fault":
                    self._fault(text, token.start())
            earlier, before, last = before, last, text
        if brackets:
            opening = brackets[-1]
            self.refuse(
                opening, f"{quote(opening[0])} is never closed by {quote(_CLOSING[opening[0]])}"
            )

    def _fault(self, character: str, position: int) -> NoReturn:
        """Say what is wrong with a character that begins no word."""
        if self.source.startswith("/*", position):
            sentence = "the comment that begins here is never closed by '*/'"
        elif character in "\"'":
            sentence = "the quotation that begins here is not closed on its line"
        elif character == "@":
            sentence = (
                "annotations are not supported; after a gate modifier, a space must follow the '@'"
            )
        elif self.source.startswith("#pragma", position):
            sentence = "'#pragma' is not supported"
        else:
            shown = quote(character) if character.isprintable() else f"U+{ord(character):04X}"
            sentence = f"the character {shown} has no meaning here"
        refuse(self.source, position, sentence)

    def _word(self, text: str, last: str, at: re.Match[str]) -> None:
        if text == "include" and not _QUOTED_NEXT.match(self.source, at.end()):
            self.refuse(at, "include must be followed by a file name in quotation marks")
        if text == "OPENQASM":
            self.refuse(at, "the OPENQASM header may stand only once and must come first")
        if text in ("gate", "opaque"):
            self.gates += 1
            if self.gates > GATE_DEFINITIONS:
                self.refuse(at, f"the circuit defines more than {GATE_DEFINITIONS} gates")
        elif last in self.bit_types:
            self._declare(last, 1, at)
        elif text in self.not_supported:
            self.refuse(at, f"{quote(text)} is not supported")

    def _number(self, text: str, words: tuple[str, str, str], at: re.Match[str]) -> None:
        """Check a number by itself and, if it stands first in brackets, as a size or an index."""
        earlier, before, last = words
        if len(text) > self.limits.number_length:
            self.refuse(
                at,
                f"the number {quote(text)} has more than {self.limits.number_length} characters",
            )
        value = integer(text)
        if value is None:
            if not is_finite(text):
                self.refuse(at, f"the number {quote(text)} is too large")
        elif last == "[":
            if earlier in ("qreg", "creg") or before in self.bit_types:
                # A size that is computed is left to the operation count, which can compute.
                if self.language is Language.OPENQASM_2 or _CLOSES.match(self.source, at.end()):
                    self._declare(before if before in self.bit_types else earlier, value, at)
            elif before in self.wide_types:
                if value > self.limits.clbits:
                    self.refuse(
                        at, f"a width of {value} bits is more than the {self.limits.clbits} allowed"
                    )
            elif self.language is Language.OPENQASM_2 and value >= max(
                self.limits.qubits, self.limits.clbits
            ):
                self.refuse(at, f"the index {value} is beyond any register of the circuit")

    def _declare(self, word: str, size: int, at: re.Match[str]) -> None:
        """Add a declared register to the sums."""
        if size == 0:
            self.refuse(at, "a register must have at least one bit")
        if word in ("qreg", "qubit"):
            self.qubits += size
            if self.qubits > self.limits.qubits:
                self.refuse(
                    at,
                    f"the circuit declares {self.qubits} qubits, the target has"
                    f" {self.limits.qubits}",
                )
        else:
            self.clbits += size
            if self.clbits > self.limits.clbits:
                self.refuse(
                    at,
                    f"the circuit declares {self.clbits} classical bits, the target takes"
                    f" {self.limits.clbits}",
                )

    def _string(self, text: str, last: str, at: re.Match[str]) -> None:
        library = _LIBRARY[self.language]
        if last == "include":
            if text[1:-1] != library:
                self.refuse(
                    at, f'include names {quote(text[1:-1])}; only "{library}" may be included'
                )
        elif self.language is Language.OPENQASM_2 or not _BITS.fullmatch(text):
            self.refuse(at, "text in quotation marks may stand only after include")
