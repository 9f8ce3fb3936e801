"""The parameters of a job: which there are, and what their values may be.

This is the job description language of the service in the sense of UWS 1.1,
section 1.3; ``docs/reference/uws.md`` is its page for people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from quws.domain.circuits import Language
from quws.domain.errors import InvalidParameter
from quws.domain.noise import Noise, read_noise
from quws.domain.times import parse_instant

CONTROL = ("RUNID", "PHASE", "DESTRUCTION", "EXECUTIONDURATION")
"""Job-control parameters: they set a property of the job and are not listed with it."""

IGNORED = frozenset({"REQUEST", "MAXREC", "FORMAT", "VERSION", "UPLOAD"})
"""Parameters of DALI and TAP that clients send unasked: kept and listed, without effect."""

ANY_LANGUAGE = frozenset({"ADQL", "ADQL-2.0", "ADQL-2.1", "AUTO"})
"""Values of LANG that leave the language to be found out; TAP clients send ADQL unasked."""

_METADATA_DEPTH = 32

MAX_SECONDS = 2**31 - 1
"""The largest execution duration that the schema's xs:int can print."""

T = TypeVar("T")

REFERENCE = b"param:"
"""How the value of a parameter begins that lies in another part of the request."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")


class ResponseFormat(StrEnum):
    """What the result with the id ``result`` is written as."""

    VOTABLE = "votable"
    JSON = "json"
    CSV = "csv"


_FORMATS = {
    "votable": ResponseFormat.VOTABLE,
    "application/x-votable+xml": ResponseFormat.VOTABLE,
    "text/xml": ResponseFormat.VOTABLE,
    "json": ResponseFormat.JSON,
    "application/json": ResponseFormat.JSON,
    "csv": ResponseFormat.CSV,
    "text/csv": ResponseFormat.CSV,
}


@dataclass(frozen=True, slots=True)
class Posted:
    """A parameter as it arrived: name as spelled, value as bytes."""

    name: str
    value: bytes
    mime_type: str = "text/plain; charset=utf-8"
    uploaded: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """The job-control parameters of one request; None where one was not given.

    ``execution_duration`` is in seconds, 0 for unlimited.
    """

    run_id: str | None = None
    phase: str | None = None
    destruction: datetime | None = None
    execution_duration: int | None = None

    @property
    def empty(self) -> bool:
        """Whether the request controls nothing."""
        return self == Control()


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a job is to do, read from its parameters."""

    circuits: list[str]
    language: Language | None
    shots: int
    target: str | None
    seed: int | None
    memory: bool
    response_format: ResponseFormat
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    method: str | None = None
    """None lets the target choose; which there are is the target's affair."""
    noise: Noise | None = None


def read_control(posted: Iterable[Posted]) -> tuple[Control, list[Posted]]:
    """Split the job-control parameters from the rest.

    The last one wins where a control parameter is repeated.

    Raises
    ------
    InvalidParameter
        A value is malformed.

    """
    values: dict[str, str] = {}
    rest: list[Posted] = []
    for item in posted:
        name = item.name.upper()
        if name in CONTROL:
            values[name] = text_of(item)
        else:
            rest.append(item)
    return (
        Control(
            run_id=read_run_id(values["RUNID"]) if "RUNID" in values else None,
            phase=_phase(values["PHASE"]) if "PHASE" in values else None,
            destruction=read_destruction(values["DESTRUCTION"])
            if "DESTRUCTION" in values
            else None,
            execution_duration=(
                read_duration(values["EXECUTIONDURATION"])
                if "EXECUTIONDURATION" in values
                else None
            ),
        ),
        rest,
    )


def read_job(posted: Sequence[Posted], *, default_shots: int) -> JobRequest:
    """Read what a job is to do from its parameters (control parameters already taken out).

    Raises
    ------
    InvalidParameter
        A parameter is unknown, missing, malformed or given too often.

    """
    referenced = parts_named(posted)
    given: dict[str, list[Posted]] = {}
    for item in posted:
        name = item.name.upper()
        if name not in KNOWN and name not in IGNORED and item.name not in referenced:
            raise InvalidParameter(
                f"there is no parameter '{item.name[:60]}'; a job takes {', '.join(sorted(KNOWN))}"
                f" and the control parameters {', '.join(CONTROL)}",
                parameter=item.name[:60],
            )
        given.setdefault(name, []).append(item)

    circuits = given.get("CIRCUIT", []) + given.get("QUERY", [])
    if "CIRCUIT" in given and "QUERY" in given:
        raise InvalidParameter(
            "CIRCUIT and QUERY are two names of one parameter; send one of them", parameter="QUERY"
        )
    if not circuits:
        raise InvalidParameter(
            "CIRCUIT is missing; send the circuit as OpenQASM 2 or OpenQASM 3 text",
            parameter="CIRCUIT",
        )
    return JobRequest(
        circuits=[text_of(_resolved(item, posted)) for item in circuits],
        language=_one(given, "LANG", _language, None),
        shots=_one(given, "SHOTS", _shots, default_shots),
        target=_one(given, "TARGET", _name, None),
        seed=_one(given, "SEED", _seed, None),
        memory=_one(given, "MEMORY", _flag("MEMORY"), False),
        response_format=_one(given, "RESPONSEFORMAT", _format, ResponseFormat.VOTABLE),
        tags=[_tag(text_of(item)) for item in given.get("TAG", [])],
        metadata=_one(given, "METADATA", _metadata, {}),
        method=_one(given, "METHOD", _method, None),
        noise=_one(given, "NOISE", read_noise, None),
    )


KNOWN = frozenset(
    {
        "CIRCUIT",
        "QUERY",
        "LANG",
        "SHOTS",
        "TARGET",
        "SEED",
        "MEMORY",
        "METHOD",
        "NOISE",
        "RESPONSEFORMAT",
        "TAG",
        "METADATA",
    }
)
"""The parameters that say what a job does."""

CANONICAL = KNOWN | IGNORED
"""Names that are shown in upper case, however they were spelled."""


def parts_named(posted: Iterable[Posted]) -> set[str]:
    """Find the names of the parts that other parameters refer to.

    ``CIRCUIT=param:NAME`` (UWS 1.1, section 2.2.3.1.1), and DALI's
    ``UPLOAD=TABLE,param:NAME``.
    """
    names = set()
    for item in posted:
        if item.name.upper() in ("CIRCUIT", "QUERY") and item.value.startswith(REFERENCE):
            names.add(item.value[len(REFERENCE) :].decode("utf-8", "replace"))
        if item.name.upper() == "UPLOAD":
            for pair in item.value.decode("utf-8", "replace").split(";"):
                _, _, uri = pair.partition(",")
                if uri.startswith(REFERENCE.decode()):
                    names.add(uri[len(REFERENCE) :])
    return names


def _resolved(item: Posted, posted: Sequence[Posted]) -> Posted:
    if not item.value.startswith(REFERENCE):
        return item
    name = item.value[len(REFERENCE) :].decode("utf-8", "replace")
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


def _phase(text: str) -> str:
    if text not in ("RUN", "ABORT"):
        raise InvalidParameter(f"PHASE must be RUN or ABORT, not '{text[:40]}'", parameter="PHASE")
    return text


def read_run_id(text: str) -> str:
    """Take a run id as it is; only what the database or XML cannot hold is refused."""
    if not is_xml_text(text):
        raise InvalidParameter(
            "RUNID must not hold control characters, which XML cannot carry", parameter="RUNID"
        )
    return text


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


def read_duration(text: str) -> int:
    """Read an execution duration in seconds; 0 is unlimited.

    Raises
    ------
    InvalidParameter
        The text is not a whole number from 0 to 2147483647.

    """
    return _integer("EXECUTIONDURATION", text, 0, MAX_SECONDS, "seconds, 0 for unlimited")


def is_xml_text(text: str) -> bool:
    """Tell whether XML 1.0 can hold every character of the text (production 2, Char)."""
    return _NOT_XML.search(text) is None


_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def _one(given: dict[str, list[Posted]], name: str, read: Callable[[str], T], default: T) -> T:
    items = given.get(name)
    if not items:
        return default
    if len(items) > 1:
        raise InvalidParameter(f"{name} may be given once, not {len(items)} times", parameter=name)
    return read(text_of(items[0]))


def _integer(name: str, text: str, low: int, high: int, unit: str) -> int:
    if not _INTEGER.fullmatch(text.strip()) or not low <= int(text) <= high:
        raise InvalidParameter(
            f"{name} must be a whole number from {low} to {high} ({unit}), not '{text[:40]}'",
            parameter=name,
        )
    return int(text)


def _shots(text: str) -> int:
    return _integer("SHOTS", text, 1, MAX_SECONDS, "runs of the circuit")


def _seed(text: str) -> int:
    return _integer("SEED", text, 0, 2**63 - 1, "seed of the random numbers")


def _name(text: str) -> str:
    return text.strip()


def _method(text: str) -> str | None:
    name = text.strip().lower().replace("-", "_")
    return None if name in ("", "auto") else name


def _tag(text: str) -> str:
    if not 1 <= len(text) <= 200 or not is_xml_text(text):
        raise InvalidParameter("TAG must be text of 1 to 200 characters", parameter="TAG")
    return text


def _language(text: str) -> Language | None:
    name = text.strip().upper().replace("_", "-")
    if name in ANY_LANGUAGE or not name:
        return None
    aliases = {"OPENQASM2": "OPENQASM-2", "OPENQASM3": "OPENQASM-3", "QASM2": "OPENQASM-2"}
    aliases |= {"QASM3": "OPENQASM-3", "OPENQASM-2.0": "OPENQASM-2", "OPENQASM-3.0": "OPENQASM-3"}
    try:
        return Language(aliases.get(name, name))
    except ValueError:
        raise InvalidParameter(
            f"LANG must be one of {', '.join(Language)} or AUTO, not '{text[:40]}'",
            parameter="LANG",
        ) from None


def _format(text: str) -> ResponseFormat:
    found = _FORMATS.get(text.split(";", maxsplit=1)[0].strip().lower())
    if found is None:
        raise InvalidParameter(
            f"RESPONSEFORMAT must be one of {', '.join(ResponseFormat)}, not '{text[:40]}'",
            parameter="RESPONSEFORMAT",
        )
    return found


def _flag(name: str) -> Callable[[str], bool]:
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


def _metadata(text: str) -> dict[str, Any]:
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
