"""Which language a circuit is in, by its header or by its words."""

from __future__ import annotations

import re

from quws.circuits.tokens import SKIP, TOKEN, quote, refuse
from quws.domain.circuits import Language

BYTE_ORDER_MARK = "\ufeff"
"""What some editors put before a text."""

_HEADER = re.compile(rf"\ufeff?{SKIP}(OPENQASM\b)(?:\s*+(\d++(?:\.\d++)?)\s*+;)?")
_VERSIONS = {
    "2": Language.OPENQASM_2,
    "2.0": Language.OPENQASM_2,
    "3": Language.OPENQASM_3,
    "3.0": Language.OPENQASM_3,
    "3.1": Language.OPENQASM_3,
}


def read_header(source: str) -> tuple[Language | None, int]:
    """Find the language that the header names, and the place where the text after it begins."""
    found = _HEADER.match(source)
    if found is None:
        return None, 1 if source.startswith(BYTE_ORDER_MARK) else 0
    if found[2] is None:
        refuse(source, found.start(1), "the header must read 'OPENQASM 2.0;' or 'OPENQASM 3.0;'")
    if found[2] not in _VERSIONS:
        refuse(
            source,
            found.start(2),
            f"the version {quote(found[2])} is not known; allowed are 2.0, 3.0 and 3.1",
        )
    return _VERSIONS[found[2]], found.end()


def guess(source: str, start: int) -> Language:
    """Return the language of a text without a header by the first word that differs."""
    for token in TOKEN.finditer(source, start):
        kind = token.lastgroup
        if kind == "word":
            if token[0] in ("qreg", "creg"):
                return Language.OPENQASM_2
            if token[0] in ("qubit", "bit", "input"):
                return Language.OPENQASM_3
        elif kind == "string":
            return Language.OPENQASM_2 if "qelib1.inc" in token[0] else Language.OPENQASM_3
        elif kind == "fault":
            break
    return Language.OPENQASM_3
