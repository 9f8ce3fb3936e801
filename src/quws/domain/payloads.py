"""Circuits that are bytes and no text, and how they travel as text all the same.

Circuits are text nearly everywhere: in forms and JSON, in messages to child processes, and in what
another quws is sent. A binary one is written there as a ``data:`` URL (RFC 2397), by which it is
known again.
"""

from __future__ import annotations

import base64
import binascii
import re

QPY = b"QISKIT"
"""How Qiskit's binary format begins."""
BITCODE = b"BC\xc0\xde"
"""How LLVM's bitcode begins, in which QIR comes where it is no text."""
WRAPPED_BITCODE = b"\xde\xc0\x17\x0b"
"""How bitcode begins that is in a wrapper, as some compilers for Darwin write it."""
BINARY_FORMATS = "QPY, which begins with 'QISKIT', or QIR's bitcode, which begins with 'BC'"
"""The formats whose circuits are no text, in the words of a sentence."""
BINARY_TEXT = "data:"
"""How the text begins that a binary circuit travels as; no other circuit begins so."""
PUBS_TEXT = '{"pubs":'
"""How a text begins that has all circuits of a job; see ``pubs``."""
BINARY_TYPE = "application/octet-stream"

_HEAD = f"data:{BINARY_TYPE};base64,"
_URL = re.compile(rb"data:([\w.+-]+/[\w.+-]+)?((?:;[\w-]+=[^;,\s]*)*)(;base64)?,", re.IGNORECASE)
_LONGEST_HEAD = 200


class NoPayload(ValueError):
    """What looks like a ``data:`` URL is none. The text is for users."""


def longest_text(size: int) -> int:
    """Return how many characters bytes of this number become."""
    return len(_HEAD) + (size + 2) // 3 * 4


def is_binary(value: bytes) -> bool:
    """Whether a circuit is in a format that is no text."""
    return value.startswith((QPY, BITCODE, WRAPPED_BITCODE))


def is_bitcode(value: bytes) -> bool:
    """Whether a circuit is LLVM's bitcode."""
    return value.startswith((BITCODE, WRAPPED_BITCODE))


def beginning(text: str) -> bytes:
    """Return the first bytes of what a ``data:`` URL stands for, as many as tell its format."""
    _, comma, content = text[:_LONGEST_HEAD].partition(",")
    try:
        return base64.b64decode(content[:8]) if comma else b""
    except binascii.Error:
        return b""


def as_text(value: bytes) -> str:
    """Write a circuit as the text that it travels as.

    Raises
    ------
    UnicodeDecodeError
        It is in no format that is known, and no UTF-8 either.

    """
    return _HEAD + base64.b64encode(value).decode() if is_binary(value) else value.decode()


def as_bytes(text: str) -> bytes | None:
    """Return the bytes that a text stands for; None where it stands for itself.

    Raises
    ------
    NoPayload
        It begins as a ``data:`` URL and is none.

    """
    found = read_url(text.encode("utf-8", "surrogatepass"))
    return None if found is None else found[0]


def read_url(value: bytes) -> tuple[bytes, str] | None:
    """Read a ``data:`` URL in base64: the bytes and their type; None where it is something else.

    Raises
    ------
    NoPayload
        It begins as one and is none.

    """
    if not value.startswith(BINARY_TEXT.encode()):
        return None
    head = _URL.match(value, 0, _LONGEST_HEAD)
    if head is None or head[3] is None:
        raise NoPayload(
            "begins with 'data:' and must then read 'data:application/octet-stream;base64,…'"
        )
    try:
        content = base64.b64decode(value[head.end() :], validate=True)
    except binascii.Error:
        raise NoPayload("is a data: URL whose base64 is broken") from None
    return content, (head[1] or BINARY_TYPE.encode()).decode()
