"""Parameters as they arrive, before anybody has read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quws.domain.errors import InvalidParameter
from quws.domain.parameters.specification import Specifications

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
        The bytes are not UTF-8.

    """
    try:
        return item.value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidParameter(
            f"{item.name.upper()} must be UTF-8 text; byte {error.start} is not",
            parameter=item.name.upper(),
        ) from None


def parts_named(posted: Iterable[Posted], specifications: Specifications) -> set[str]:
    """Find the names of the parts that other parameters refer to.

    ``CIRCUIT=param:NAME`` (UWS 1.1, section 2.2.3.1.1), and DALI's
    ``UPLOAD=TABLE,param:NAME``.
    """
    names = set()
    for item in posted:
        found = specifications.find(item.name)
        if found is not None and found.by_part and item.value.startswith(REFERENCE):
            names.add(_named(item))
        if item.name.upper() == "UPLOAD":
            for pair in item.value.decode("utf-8", "replace").split(";"):
                _, _, uri = pair.partition(",")
                if uri.startswith(REFERENCE.decode()):
                    names.add(uri[len(REFERENCE) :])
    return names


def resolved(item: Posted, posted: Sequence[Posted]) -> Posted:
    """Follow a reference to another part; what is none is given back as it is.

    Raises
    ------
    InvalidParameter
        There is no such part, or its name could not be in a URL.

    """
    if not item.value.startswith(REFERENCE):
        return item
    name = _named(item)
    if "/" in name or name in (".", ".."):
        raise InvalidParameter(
            f"the name of a part is a part of a URL, and '{name[:60]}' cannot be one",
            parameter=item.name.upper(),
        )
    for part in posted:
        if part.name == name and part is not item:
            return Posted(item.name, part.value, part.mime_type, part.uploaded)
    raise InvalidParameter(
        f"{item.name.upper()} refers to the part '{name[:60]}', which was not sent",
        parameter=item.name.upper(),
    )


def _named(item: Posted) -> str:
    return item.value[len(REFERENCE) :].decode("utf-8", "replace")
