"""Reads documents of outcomes piece by piece, in memory that does not grow with them.

``outcomes`` reads a whole document at once, which is faster and takes many times its size. Here
it comes in chunks, as from a disk, and what a circuit gave comes out in parts.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from json import JSONDecodeError, JSONDecoder, loads
from typing import Any

from quws.domain.circuits import Register
from quws.domain.outcomes import VERSION, CircuitOutcome, UnreadableOutcomes, circuit_of

_STRING = r'\s*"((?:[^"\\]|\\.)*)"\s*'
_COUNT = re.compile(rf"{_STRING}:\s*(\d+)\s*([,}}])")
_SHOT = re.compile(rf"{_STRING}([,\]])")
_AT_ONCE = 5000
_BEHIND = ",:]} \t\r\n"
_SPACE = re.compile(r"\s*")
_VALUE = JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what one circuit gave: some of its counts, or of its shots, or all the rest.

    ``known`` has the members of the circuit's object that were read so far, without those two.
    """

    known: dict[str, Any]
    counts: dict[str, int] = field(default_factory=dict)
    memory: list[str] = field(default_factory=list)
    last: bool = False
    """Whether all is known of the circuit now."""

    @property
    def index(self) -> int:
        """The circuit's place in its job."""
        return int(self.known.get("index", 0))

    def outcome(self) -> CircuitOutcome:
        """Return all but counts and shots, of the last part.

        Raises
        ------
        UnreadableOutcomes

        """
        return circuit_of({**self.known, "counts": {}})


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is of one circuit."""

    index: int
    registers: list[Register]
    counted: int = 0
    listed: int = 0
    """Its shots that were counted, and that are listed."""
    width: int = 0
    """How many bits its first outcome has."""
    mitigation: tuple[str, ...] = ()
    """The ways in which errors of it were mitigated."""


def extents(chunks: Iterable[bytes]) -> list[Extent]:
    """Go through a document, and return how much there is of each circuit.

    Raises
    ------
    UnreadableOutcomes

    """
    found: list[Extent] = []
    counted = listed = width = 0
    for part in read_parts(chunks):
        counted += sum(part.counts.values())
        listed += len(part.memory)
        if not width:
            first = next(iter(part.counts or part.memory), "")
            width = len(first.replace(" ", ""))
        if part.last:
            rest = part.outcome()
            ways = tuple(rest.mitigation or ())
            found.append(Extent(part.index, rest.registers, counted, listed, width, ways))
            counted = listed = width = 0
    return found


def read_head(chunks: Iterable[bytes]) -> dict[str, Any]:
    """Return what the document of a job says of it before its circuits.

    Raises
    ------
    UnreadableOutcomes

    """
    text = _Text(chunks)
    text.take("{")
    known: dict[str, Any] = {}
    while (name := text.value()) != "circuits":
        text.take(":")
        known[str(name)] = text.value()
        if text.take(",}") == "}":
            break
    return known


def read_parts(chunks: Iterable[bytes]) -> Iterator[Part]:
    """Read the document of a job, or of some of its circuits, or of one.

    Raises
    ------
    UnreadableOutcomes
        It is none, or breaks off.

    """
    text = _Text(chunks)
    text.take("{")
    yield from _object(text)


def _object(text: _Text) -> Iterator[Part]:
    """Read the object of a circuit, or that around all of them, behind its brace."""
    known: dict[str, Any] = {}
    around = False
    while True:
        name = text.value()
        text.take(":")
        match name:
            case "circuits":
                around = True
                yield from _circuits(text)
            case "counts":
                text.take("{")
                for pairs in text.runs(_COUNT, "}"):
                    yield Part(known, counts={key: int(value) for key, value, _ in pairs})
            case "memory":
                text.take("[")
                for shots in text.runs(_SHOT, "]"):
                    yield Part(known, memory=[shot for shot, _ in shots])
            case "version" if (version := text.value()) != VERSION:
                raise UnreadableOutcomes(
                    f"the outcomes have format {version!r}, and this version of quws reads"
                    f" {VERSION}"
                )
            case "version":
                pass
            case _:
                known[str(name)] = text.value()
        if text.take(",}") == "}":
            break
    if not around:
        yield Part(known, last=True)


def _circuits(text: _Text) -> Iterator[Part]:
    text.take("[")
    if text.follows("]"):
        return
    while True:
        text.take("{")
        yield from _object(text)
        if text.take(",]") == "]":
            return


class _Text:
    """The text of a JSON document, of which no more is held than is needed to go on."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._at = 0

    def take(self, wanted: str) -> str:
        """Take one character, which is one of these."""
        character = self._next()
        if character not in wanted:
            raise UnreadableOutcomes(
                f"the outcomes are no JSON: {character!r} where one of {wanted!r} is to be"
            )
        self._at += 1
        return character

    def follows(self, character: str) -> bool:
        """Whether a character is the next one; then it is taken."""
        if self._next() != character:
            return False
        self._at += 1
        return True

    def value(self) -> Any:
        """Take a value: of a size that memory can hold."""
        self._next()
        while True:
            try:
                value, end = _VALUE(self._text, self._at)
            except JSONDecodeError:
                self._more()
                continue
            # A number may go on in what follows.
            if self._text[end : end + 1] in _BEHIND and end < len(self._text):
                self._at = end
                return value
            self._more()

    def runs(self, item: re.Pattern[str], end: str) -> Iterator[list[tuple[str, ...]]]:
        """Take the items of an array or object of any size, some at a time, and its end.

        The first group of an item is a text, the last one what stands behind the item.
        """
        if self.follows(end):
            return
        while True:
            taken: list[tuple[str, ...]] = []
            done = False
            while (
                not done
                and len(taken) < _AT_ONCE
                and (found := item.match(self._text, self._at)) is not None
            ):
                groups = found.groups()
                if "\\" in groups[0]:
                    groups = (loads(f'"{groups[0]}"'), *groups[1:])
                taken.append(groups)
                self._at = found.end()
                done = groups[-1] == end
            if not taken:
                self._more()
                continue
            yield taken
            if done:
                return

    def _next(self) -> str:
        while True:
            found = _SPACE.match(self._text, self._at)
            assert found is not None
            self._at = found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            self._more()

    def _more(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            raise UnreadableOutcomes("the outcomes are no JSON, or break off")
        try:
            more = self._decoder.decode(chunk)
        except UnicodeDecodeError:
            raise UnreadableOutcomes("the outcomes are no JSON: they are not UTF-8") from None
        self._text = self._text[self._at :] + more
        self._at = 0
