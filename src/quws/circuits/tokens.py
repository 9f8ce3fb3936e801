"""The words of both circuit languages, cut out by one regular expression.

No parser is involved: whatever the text is, cutting takes time linear in its
length. Where the two languages differ, the expression takes the wider reading
and the rules in :mod:`quws.circuits.guard` decide.
"""

from __future__ import annotations

import math
import re
from itertools import accumulate
from typing import Any, NoReturn

from quws.domain.errors import InvalidCircuit

QUOTED = 60
"""How many characters of the user's text a sentence repeats."""

TOKEN = re.compile(
    r"""
    (?P<skip>[ \t\r\n]+|//[^\r\n]*)
  | (?P<word>[^\W\d]\w*)
  | (?P<end>[;,])
  | (?P<number>0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+
             |(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)
  | (?P<open>[(\[{])
  | (?P<close>[)\]}])
  | (?P<arrow>->)
  | (?P<operator>/(?![*/])|[-+!~*%^&|<>=])
  | (?P<string>"[^"\t\r\n]*"|'[^'\t\r\n]*')
  | (?P<hardware>\$\d+)
  | (?P<plain>:|@(?!\w))
  | (?P<block>/\*[\s\S]*?\*/)
  | (?P<fault>[\s\S])
    """,
    re.VERBOSE,
)
"""Matches anywhere; the group that matched is the kind of the word."""

# Blanks and comments, taken as they come and never given back, so that no text is tried twice.
SKIP = r"(?:[ \t\r\n]++|//[^\r\n]*+|(?>/\*[\s\S]*?\*/))*+"

CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters, what reorders text on a screen, and halves of surrogate pairs."""


def place(source: str, position: int) -> tuple[int, int]:
    """Line and column of a position, both counted from 1."""
    return source.count("\n", 0, position) + 1, position - source.rfind("\n", 0, position)


def quote(text: str) -> str:
    """Put a piece of the user's text in quotation marks, short enough for a sentence."""
    return f"'{text}'" if len(text) <= QUOTED else f"'{text[:QUOTED]}…'"


def text_of(node: Any, source: str) -> str:
    """Give the text that a node of the syntax tree was read from."""
    lines = source.splitlines(keepends=True)
    span = node.span
    before = [0, *accumulate(map(len, lines))]
    start = before[span.start_line - 1] + span.start_column
    last = before[span.end_line - 1] + span.end_column
    end = TOKEN.match(source, last)  # the span ends where the last word begins
    return source[start : end.end() if end else last]


def refuse(source: str, position: int, sentence: str) -> NoReturn:
    """Refuse the circuit for what stands at ``position``."""
    line, column = place(source, position)
    raise InvalidCircuit(sentence, line=line, column=column)


def integer(text: str) -> int | None:
    """Read an integer literal of either language; None for any other number."""
    try:
        return int(text.replace("_", ""), 0 if text[:2].lower() in ("0x", "0b", "0o") else 10)
    except ValueError:
        return None


def is_finite(text: str) -> bool:
    """Whether a literal that is no integer has a value; what is no number at all passes."""
    try:
        return math.isfinite(float(text.replace("_", "")))
    except ValueError:
        return True
