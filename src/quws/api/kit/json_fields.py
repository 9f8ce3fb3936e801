"""The parameters of a request that is JSON: an object whose fields are named as they are.

``json.loads`` would forget how a number or an object was written, and which of two fields of one
name came first; a job's parameters must come back as they were sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from quws.domain.parameters.posted import Posted

_SPACE = re.compile(r"[ \t\r\n]*")
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"


class NoJson(ValueError):
    """The body is not what it should be. The text is for users."""


def parse_json(
    body: bytes, most: int, whole: Callable[[str], bool] = lambda _: False
) -> list[Posted]:
    """Read an object as parameters: a list is a parameter that is given repeatedly.

    Texts are taken as what they stand for, numbers and objects as they are written; what is null
    is left out. There may be ``most`` values; a parameter is ``whole`` of which a list is one.

    Raises
    ------
    NoJson

    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoJson(f"the body must be JSON in UTF-8; byte {error.start} is not") from None
    try:
        return _Reader(text, most, whole).read()
    except json.JSONDecodeError as error:
        raise NoJson(
            f"the body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except RecursionError:
        raise NoJson("the body nests lists or objects too deeply") from None


class _Reader:
    def __init__(self, text: str, most: int, whole: Callable[[str], bool]) -> None:
        self._text = text
        self._most = most
        self._whole = whole
        self._decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode

    def read(self) -> list[Posted]:
        at = self._past(0)
        if not self._text.startswith("{", at):
            raise NoJson("the body must be a JSON object, whose fields are the parameters")
        found: list[Posted] = []
        for name, value, raw in self._fields(at + 1):
            if value is not None:
                found.append(_posted(name, value, raw))
            if len(found) > self._most:
                raise NoJson(f"the body has more than {self._most} values")
        return found

    def _fields(self, at: int) -> Iterator[tuple[str, Any, str]]:
        """Give each value with the name of its field, and as it is written."""
        text = self._text
        at = self._past(at)
        more = not text.startswith("}", at)
        while more:
            name, at = self._decode(text, at)
            if not isinstance(name, str):
                raise json.JSONDecodeError("the name of a field must stand here", text, at)
            at = self._past(self._past_sign(":", self._past(at)))
            if text.startswith("[", at) and not self._whole(name):
                at = self._past(at + 1)
                inside = not text.startswith("]", at)
                while inside:
                    value, end = self._decode(text, at)
                    yield name, value, text[at:end]
                    at = self._past(end)
                    inside = text.startswith(",", at)
                    at = self._past(at + 1) if inside else at
                at = self._past_sign("]", at)
            else:
                value, end = self._decode(text, at)
                yield name, value, text[at:end]
                at = end
            at = self._past(at)
            more = text.startswith(",", at)
            at = self._past(at + 1) if more else at
        at = self._past(self._past_sign("}", at))
        if at != len(text):
            raise json.JSONDecodeError("the body must end here", text, at)

    def _past(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        return at if found is None else found.end()

    def _past_sign(self, sign: str, at: int) -> int:
        if not self._text.startswith(sign, at):
            raise json.JSONDecodeError(f"'{sign}' must stand here", self._text, at)
        return at + len(sign)


def _posted(name: str, value: Any, raw: str) -> Posted:
    written = value if isinstance(value, str) else raw
    try:
        name.encode()
        content = written.encode()
    except UnicodeEncodeError:
        raise NoJson("the body has halves of surrogate pairs, which are no text") from None
    return Posted(name, content, _JSON if isinstance(value, dict | list) else _TEXT)


def _no_constant(name: str) -> float:
    raise NoJson(f"the body is no JSON: it has {name}")
