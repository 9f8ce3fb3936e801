"""Parameters as they arrive, before anybody has read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quws.domain.errors import InvalidParameter
from quws.domain.parameters.specification import Specification, Specifications
from quws.domain.payloads import (
    BINARY_FORMATS,
    BINARY_TYPE,
    NoPayload,
    as_text,
    is_binary,
    read_url,
)

MOST_OF_NO_EFFECT = 4096
"""The most bytes of a value that clients of other protocols send, and that nobody reads."""
REFERENCE = b"param:"
"""How the value of a parameter begins that lies in another part of the request."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A parameter as it arrived: name as spelled, value as bytes."""

    name: str
    value: bytes
    mime_type: str = "text/plain; charset=utf-8"
    uploaded: bool = False


def text_of(item: Posted) -> str:
    """Read a value as text.

    Raises
    ------
    InvalidParameter
        The bytes are not UTF-8, or among them is a NUL.

    """
    try:
        text = item.value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidParameter(
            f"{item.name.upper()} must be UTF-8 text; byte {error.start} is not",
            parameter=item.name.upper(),
        ) from None
    if "\0" in text:
        raise InvalidParameter(
            f"{item.name.upper()} must be text without NUL, which no database holds",
            parameter=item.name.upper(),
        )
    return text


def read_value(item: Posted, specification: Specification) -> str:
    """Read the value of a parameter as its reader gets it.

    Raises
    ------
    InvalidParameter
        It is no text, and neither what else the parameter may be.

    """
    if specification.binary:
        if is_binary(item.value):
            return as_text(item.value)
        try:
            item.value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidParameter(
                f"{specification.name} must be UTF-8 text, or {BINARY_FORMATS}; byte {error.start}"
                " is no UTF-8",
                parameter=specification.name,
            ) from None
    return text_of(item)


def with_parts(posted: Sequence[Posted], specifications: Specifications) -> list[Posted]:
    """Put what was uploaded in the place of the parameters that refer to it.

    ``CIRCUIT=param:NAME`` is the part NAME (UWS 1.1, section 2.2.3.1.1), which is then no
    parameter of its own, unless it is also one of the tables that are uploaded to TAP. A value
    that is a ``data:`` URL becomes what is in it.

    Raises
    ------
    InvalidParameter
        There is no such part, two parameters refer to it, or a ``data:`` URL is none.

    """
    parts: dict[str, Posted] = {}
    for item in posted:
        if not _by_part(item, specifications):
            parts.setdefault(item.name, item)
    found: list[Posted] = []
    used: set[str] = set()
    for item in posted:
        if not _by_part(item, specifications) or not item.value.startswith(REFERENCE):
            found.append(item)
            continue
        name = item.value[len(REFERENCE) :].decode("utf-8", "replace")
        if name not in parts or name in used:
            # Else a request of a few bytes could ask for any amount of work.
            wrong = "is referred to twice; send it twice" if name in used else "was not sent"
            raise InvalidParameter(
                f"{item.name.upper()} refers to the part '{name[:60]}', which {wrong}",
                parameter=item.name.upper(),
            )
        used.add(name)
        part = parts[name]
        found.append(Posted(item.name, part.value, part.mime_type, uploaded=True))
    gone = {id(parts[name]) for name in used - tables(posted)}
    return [_unpacked(item, specifications) for item in found if id(item) not in gone]


def _unpacked(item: Posted, specifications: Specifications) -> Posted:
    if not _by_part(item, specifications):
        return item
    try:
        found = read_url(item.value)
    except NoPayload as fault:
        name = item.name.upper()
        raise InvalidParameter(f"{name} {fault}", parameter=name) from None
    if found is not None:
        return Posted(item.name, *found, uploaded=True)
    if is_binary(item.value) and not item.uploaded:
        return Posted(item.name, item.value, BINARY_TYPE, uploaded=True)
    return item


def tables(posted: Sequence[Posted]) -> set[str]:
    """Find the names of the parts that DALI's ``UPLOAD=TABLE,param:NAME`` refers to."""
    names = set()
    for item in posted:
        if item.name.upper() == "UPLOAD" and len(item.value) <= MOST_OF_NO_EFFECT:
            for pair in item.value.decode("utf-8", "replace").split(";"):
                _, _, uri = pair.partition(",")
                if uri.startswith(REFERENCE.decode()):
                    names.add(uri[len(REFERENCE) :])
    return names


def _by_part(item: Posted, specifications: Specifications) -> bool:
    found = specifications.find(item.name)
    return found is not None and found.by_part
