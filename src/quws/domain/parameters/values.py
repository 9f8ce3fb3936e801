"""How the values of parameters are read, and what they may be."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from quws.domain import formats
from quws.domain.batch import OnError
from quws.domain.circuits import Language
from quws.domain.errors import InvalidParameter, KindNotSupported
from quws.domain.kinds import JobKind
from quws.domain.times import MAX_SECONDS, parse_instant

ANY_LANGUAGE = frozenset({"ADQL", "ADQL-2.0", "ADQL-2.1", "AUTO"})
"""Values of LANG that leave the language to be found out; TAP clients send ADQL unasked."""

MAX_TAGS = 100
MAX_SEED = 2**63 - 1

_LANGUAGES = {
    "OPENQASM2": "OPENQASM-2",
    "OPENQASM3": "OPENQASM-3",
    "QASM2": "OPENQASM-2",
    "QASM3": "OPENQASM-3",
    "OPENQASM-2.0": "OPENQASM-2",
    "OPENQASM-3.0": "OPENQASM-3",
    "IQMJSON": "IQM-JSON",
    "CIRQJSON": "CIRQ-JSON",
    "CIRQ": "CIRQ-JSON",
}
_METADATA_DEPTH = 32
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


class ResponseFormat(StrEnum):
    """What the result with the id ``result`` is written as."""

    VOTABLE = "votable"
    JSON = "json"
    CSV = "csv"


class TimeslotUse(StrEnum):
    """When a job runs on a target that can be booked."""

    ANY = "any"
    """In a timeslot of its owner, and else while nobody has one."""
    REQUIRED = "required"
    """In the timeslots of its owner only."""


def is_xml_text(text: str) -> bool:
    """Whether XML 1.0 can hold every character of the text (production 2, Char)."""
    return _NOT_XML.search(text) is None


def integer(name: str, low: int, high: int, unit: str) -> Callable[[str], int]:
    """Make a reader of whole numbers within limits, which are included."""

    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text.strip()) or not low <= int(text) <= high:
            raise InvalidParameter(
                f"{name} must be a whole number from {low} to {high} ({unit}), not '{text[:40]}'",
                parameter=name,
            )
        return int(text)

    return read


def flag(name: str) -> Callable[[str], bool]:
    """Make a reader of ``true`` and ``false``, which may be written ``1`` and ``0``."""

    def read(text: str) -> bool:
        match text.strip().lower():
            case "true" | "1":
                return True
            case "false" | "0":
                return False
            case _:
                raise InvalidParameter(
                    f"{name} must be true or false, not '{text[:40]}'", parameter=name
                )

    return read


def positive(name: str, most: float, what: str) -> Callable[[str], float]:
    """Make a reader of numbers above 0."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 < number <= most:
            raise InvalidParameter(
                f"{name} must be a number above 0 and up to {most:g} ({what}), not '{text[:40]}'",
                parameter=name,
            )
        return number

    return read


def read_kind(text: str) -> JobKind:
    """Read the name of a kind of work.

    Raises
    ------
    KindNotSupported
        There is no such kind.

    """
    try:
        return JobKind(text.strip().lower())
    except ValueError:
        raise KindNotSupported(
            f"KIND must be one of {', '.join(JobKind)}, not '{text[:40]}'", parameter="KIND"
        ) from None


def one_of(name: str, *choices: str) -> Callable[[str], str]:
    """Make a reader of texts of which there are few, spelled exactly."""

    def read(text: str) -> str:
        if text not in choices:
            raise InvalidParameter(
                f"{name} must be {' or '.join(choices)}, not '{text[:40]}'", parameter=name
            )
        return text

    return read


def read_on_error(text: str) -> OnError:
    """Read what becomes of the other circuits when one cannot be run.

    Raises
    ------
    InvalidParameter
        It is neither.

    """
    try:
        return OnError(text.strip().lower())
    except ValueError:
        raise InvalidParameter(
            f"ON_ERROR must be {' or '.join(OnError)}, not '{text[:40]}'", parameter="ON_ERROR"
        ) from None


def stripped(text: str) -> str:
    """Read a name."""
    return text.strip()


def named(name: str) -> Callable[[str], str]:
    """Make a reader of names, which takes them as they are; only what XML cannot hold is refused.

    So does the database not hold it.
    """

    def read(text: str) -> str:
        if not is_xml_text(text):
            raise InvalidParameter(
                f"{name} must not hold control characters, which XML cannot carry", parameter=name
            )
        return text

    return read


read_run_id = named("RUNID")
read_name = named("NAME")


def read_destruction(text: str) -> datetime:
    """Read a destruction time.

    Raises
    ------
    InvalidParameter
        The text is not an instant.

    """
    try:
        return parse_instant(text)
    except ValueError as error:
        raise InvalidParameter(f"DESTRUCTION: {error}", parameter="DESTRUCTION") from None


read_duration = integer("EXECUTIONDURATION", 0, MAX_SECONDS, "seconds, 0 for the longest")


def read_method(text: str) -> str | None:
    """Read the name of a method; None for ``auto``."""
    name = text.strip().lower().replace("-", "_")
    return None if name in ("", "auto") else name


def read_tag(text: str) -> str:
    """Read a tag.

    Raises
    ------
    InvalidParameter
        It is empty, longer than 200 characters, or XML cannot carry it.

    """
    if not 1 <= len(text) <= 200 or not is_xml_text(text):
        raise InvalidParameter("TAG must be text of 1 to 200 characters", parameter="TAG")
    return text


def read_language(text: str) -> Language | None:
    """Read the name of a circuit language; None where it is to be found out.

    Raises
    ------
    InvalidParameter
        There is no such language.

    """
    name = text.strip().upper().replace("_", "-")
    if name in ANY_LANGUAGE or not name:
        return None
    try:
        return Language(_LANGUAGES.get(name, name))
    except ValueError:
        raise InvalidParameter(
            f"LANG must be one of {', '.join(Language)} or AUTO, not '{text[:40]}'",
            parameter="LANG",
        ) from None


def read_format(text: str) -> ResponseFormat:
    """Read a format of results, by its name or its MIME type; the usual one where it is empty.

    Raises
    ------
    InvalidParameter
        There is no such format.

    """
    if not text.strip():
        return ResponseFormat.VOTABLE  # DALI: what is empty is not given.
    found = formats.named(text)
    if found is None or found.value not in list(ResponseFormat):
        raise InvalidParameter(
            f"RESPONSEFORMAT must be one of {', '.join(ResponseFormat)}, not '{text[:40]}'",
            parameter="RESPONSEFORMAT",
        )
    return ResponseFormat(found)


def read_metadata(text: str) -> dict[str, Any]:
    """Read a JSON object that can be written again.

    Raises
    ------
    InvalidParameter
        It is none, is nested too deep, or holds infinite numbers or half characters.

    """
    try:
        value = json.loads(text)
        # What JSON cannot write again could not be given back: infinite numbers, half
        # surrogate pairs.
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or _deeper(value, _METADATA_DEPTH):
        raise InvalidParameter(
            f"METADATA must be a JSON object, nested at most {_METADATA_DEPTH} deep",
            parameter="METADATA",
        )
    return value


def _deeper(value: Any, depth: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth < 0 or any(_deeper(item, depth - 1) for item in inner)
