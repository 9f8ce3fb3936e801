"""The first look at QIR: the container of its bitcode, the brackets of its text.

LLVM, which reads both, is the first to see what is inside. What makes it recurse, and what is cut
off or has something appended, is refused here; that it breaks down all the same is what the
process that reads circuits is closed in for.
"""

from __future__ import annotations

import re
import struct

from quws.circuits.guard import check_text
from quws.circuits.tokens import quote, refuse
from quws.domain.circuits import CircuitLimits, Language
from quws.domain.errors import InvalidCircuit
from quws.domain.payloads import BITCODE, WRAPPED_BITCODE

_WRAPPER = struct.Struct("<5I")
_WORDS = struct.Struct("<2I")
_ENTER = 1
"""The number by which a block begins, in the two lowest bits of its first word."""
_MODULE = 8
_BLOCKS = frozenset([_MODULE, 13, 23, 25])
"""The blocks that a file of one module has: it, who wrote it, and tables of names."""

_FIRST = re.compile(
    r"""
    \ufeff?(?:[ \t\r\n]++|;[^\n]*+)*+
    (?: (?:source_filename|[%@$][-\w$.]++|%"[^"\n]*+"|@"[^"\n]*+")[ \t]*+=
      | target[ \t]++(?:triple|datalayout)\b
      | (?:define|declare)[ \t]
      | attributes[ \t]++\#[0-9]
      | ![\w.]++[ \t]*+=
    )
    """,
    re.VERBOSE,
)
_BRACKETS = re.compile(r'"[^"]*+"|;[^\n]*+|[\[({<]|[\])}>]')


def is_qir(source: str) -> bool:
    """Whether a text begins as LLVM's do, and no other format."""
    return _FIRST.match(source) is not None


def look_at_text(source: str, limits: CircuitLimits) -> None:
    """Refuse a text that is too long, or nests too deeply for a parser that recurses.

    Raises
    ------
    InvalidCircuit

    """
    check_text(source, limits.bytes_qir, f"a circuit in {Language.QIR}")
    depth = 0
    for found in _BRACKETS.finditer(source):
        bracket = found[0]
        if bracket in "[({<":
            depth += 1
            if depth > limits.nesting:
                refuse(
                    source,
                    found.start(),
                    f"brackets are nested more than {limits.nesting} deep",
                )
        elif bracket in "])}>" and depth:
            depth -= 1


def bare_bitcode(data: bytes, limits: CircuitLimits) -> bytes:
    """Return the bitcode of one module, without the wrapper that it may be in.

    Raises
    ------
    InvalidCircuit
        It is too long, cut off, has something after its end, or holds no module or several.

    """
    if len(data) > limits.bytes_qir:
        raise InvalidCircuit(
            f"the circuit has {len(data)} bytes, a circuit in {Language.QIR} may have"
            f" {limits.bytes_qir}"
        )
    if data.startswith(WRAPPED_BITCODE):
        if len(data) < _WRAPPER.size:
            raise _cut_off()
        _, _, offset, size, _ = _WRAPPER.unpack_from(data)
        if offset + size > len(data):
            raise _cut_off()
        data = data[offset : offset + size]
    if not data.startswith(BITCODE):
        raise InvalidCircuit(
            f"the circuit is bytes, and not QIR's bitcode, which begins with {quote('BC')}"
        )
    return data[: _end_of(data)]


def _end_of(data: bytes) -> int:
    """Return where the last block ends: each of the outermost level says how long it is."""
    at, modules = len(BITCODE), 0
    while at < len(data):
        if len(data) - at < _WORDS.size:
            if any(data[at:]):
                raise _cut_off()
            break
        head, words = _WORDS.unpack_from(data, at)
        if not head and not any(data[at:]):
            break  # Filled up to a whole number of words of some size.
        number = head >> 2 & 0xFF
        if head & 3 != _ENTER or number not in _BLOCKS:
            raise InvalidCircuit("the bitcode is broken: something stands where a block should")
        modules += number == _MODULE
        at += _WORDS.size + 4 * words
    if at > len(data):
        raise _cut_off()
    if modules != 1:
        raise InvalidCircuit(
            f"the bitcode has {modules} modules; a circuit is one, each in a file of its own"
        )
    return at


def _cut_off() -> InvalidCircuit:
    return InvalidCircuit("the bitcode is cut off: it ends before its last block does")
