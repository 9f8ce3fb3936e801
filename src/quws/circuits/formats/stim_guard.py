"""The first look at a circuit in Stim's format: a pass over its lines, before Stim reads it.

Twenty lines of ``REPEAT`` in each other make 10^18 gates, and a target can name any of sixteen
million qubits. So the blocks are multiplied here and nothing is written out; what no job does,
as noise, is refused by its name and place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, NoReturn

import stim

from quws.circuits.count import ENOUGH, finish
from quws.circuits.language import BYTE_ORDER_MARK
from quws.circuits.tokens import quote, refuse
from quws.domain.circuits import CircuitLimits

LONGEST_LINE = 100_000

IGNORED = frozenset(["DETECTOR", "OBSERVABLE_INCLUDE", "QUBIT_COORDS", "SHIFT_COORDS", "TICK"])
"""What says something of a circuit and does nothing."""

FEEDBACK = {"CX": "X", "CY": "Y", "CZ": "Z", "XCZ": "X", "YCZ": "Y"}
"""What a measurement can control, and the Pauli that is done where it gave 1."""

_CONTROL = {"CX": 0, "CY": 0, "XCZ": 1, "YCZ": 1}
"""Which of the two targets the control is; of ``CZ``, it is either."""
_MEASUREMENTS = frozenset("M MX MY MR MRX MRY MXX MYY MZZ MPP MPAD".split())  # noqa: SIM905
_PRODUCTS = frozenset(["MPP", "SPP", "SPP_DAG"])
_QUIET = "leave it out, as circuit.without_noise() does, and say it by the parameter NOISE"

_TAG = r"(?:\[[^\]\r\n]*+\])?+"
_ARGUMENTS = r"\([^()\r\n]*+\)"
_LINE = re.compile(
    rf"""
    [ \t]*+
    (?:
        (?P<name>[A-Za-z][A-Za-z0-9_]*+){_TAG}(?P<arguments>{_ARGUMENTS})?+
        (?P<targets>(?:[ \t][^\#{{}}\r\n]*+)?+)(?P<open>\{{)?+
      | (?P<close>\}})
    )?+
    [ \t]*+(?:\#[^\r\n]*+)?+\r?+
    """,
    re.VERBOSE,
)
_TARGET = re.compile(
    r"!?[XYZxyz]?(?P<qubit>[0-9]{1,9})|rec\[-(?P<back>[0-9]{1,9})\]|(?P<sweep>sweep\[[0-9]+\])"
)
_TIMES = re.compile(r"[0-9]{1,19}")

# A target stands on the line of its instruction, and no statement of OpenQASM ends so.
_ONE = r"(?:!?[XYZ]?[0-9]++(?:\*!?[XYZ][0-9]++)*+|rec\[-[0-9]++\]|sweep\[[0-9]++\])"
_FIRST = re.compile(
    rf"""
    \ufeff?
    (?:[ \t\r\n]++|\#(?!pragma\b)[^\n]*+(?:\n|\Z))*+
    (?!OPENQASM\b)
    (?:
        [A-Z][A-Z0-9_]*+{_TAG}(?:{_ARGUMENTS})?+(?:[ \t]++{_ONE})++
      | (?:TICK|DETECTOR|SHIFT_COORDS|OBSERVABLE_INCLUDE)\b{_TAG}(?:{_ARGUMENTS})?+
    )
    [ \t]*+\{{?+[ \t]*+(?:\#[^\n]*+)?+(?:\r?+\n|\Z)
    """,
    re.VERBOSE,
)


def is_stim(source: str) -> bool:
    """Whether the first instruction of a text can be one of Stim's and of no other format.

    It is a name in capitals, with targets on the same line and without a semicolon.
    """
    return _FIRST.match(source) is not None


def look(source: str, limits: CircuitLimits) -> None:
    """Refuse a circuit that is beyond the limits, or has something that no job does.

    What is written wrong is left to Stim, as far as it is harmless.

    Raises
    ------
    InvalidCircuit
        At the first fault, with its line and column.

    """
    _Walk(source, limits).run()


def alone(source: str) -> Iterator[tuple[int, str]]:
    """Yield the instructions of a text that passed, each as a text of its own, with its place."""
    for start, end in _lines(source):
        line = _LINE.fullmatch(source, start, end)
        if line and line["name"]:
            text = line[0]
            yield line.start("name"), f"{text}\nTICK\n}}" if line["open"] else text


def _lines(source: str) -> Iterator[tuple[int, int]]:
    start = len(BYTE_ORDER_MARK) if source.startswith(BYTE_ORDER_MARK) else 0
    while start < len(source):
        end = source.find("\n", start)
        end = len(source) if end < 0 else end
        yield start, end
        start = end + 1


class _Kind(NamedTuple):
    name: str
    pairs: bool
    noise: bool


@cache
def _kinds() -> dict[str, _Kind]:
    """List what Stim knows, by all its names in capitals."""
    return {
        alias: _Kind(name, data.is_two_qubit_gate, data.is_noisy_gate and name not in _MEASUREMENTS)
        for name, data in stim.gate_data().items()
        for alias in data.aliases
    }


class _Block(NamedTuple):
    """A block of REPEAT that is open, and what had been counted before it."""

    position: int
    times: int
    operations: int
    record: int


class _Walk:
    def __init__(self, source: str, limits: CircuitLimits) -> None:
        self._source = source
        self._limits = limits
        self._blocks: list[_Block] = []
        self._operations = 0
        """At least; many instructions become several."""
        self._record = 0
        """Measurements so far, in the first round of the blocks that are open."""

    def run(self) -> None:
        for start, end in _lines(self._source):
            if end - start > LONGEST_LINE:
                self._refuse(start, f"the line has more than {LONGEST_LINE} characters")
            line = _LINE.fullmatch(self._source, start, end)
            if line is None:
                self._refuse(start, "this line is no instruction of Stim, as 'H 0' and 'M 0 1' are")
            if line["name"]:
                self._instruction(line)
            elif line["close"]:
                self._close(line.start("close"))
        if self._blocks:
            self._refuse(self._blocks[-1].position, "the block that begins here is never closed")
        finish(self._operations, 0, self._limits)

    def _refuse(self, position: int, sentence: str) -> NoReturn:
        refuse(self._source, position, sentence)

    # -- blocks -----------------------------------------------------------------------------

    def _open(self, line: re.Match[str]) -> None:
        times = line["targets"].strip()
        if not line["open"] or not _TIMES.fullmatch(times):
            self._refuse(line.start("name"), "a block begins with a number, as 'REPEAT 5 {'")
        if len(self._blocks) == self._limits.nesting:
            self._refuse(
                line.start("name"), f"blocks are nested more than {self._limits.nesting} deep"
            )
        self._blocks.append(_Block(line.start("name"), int(times), self._operations, self._record))

    def _close(self, position: int) -> None:
        if not self._blocks:
            self._refuse(position, "no block is open that '}' could close")
        block = self._blocks.pop()
        more = block.times * (self._operations - block.operations)
        self._operations = min(block.operations + more, ENOUGH)
        self._measured(block.record + block.times * (self._record - block.record), block.position)

    def _measured(self, record: int, position: int) -> None:
        self._record = record
        if record > self._limits.clbits:
            self._refuse(
                position,
                f"the circuit measures more than {self._limits.clbits} times, which is as many"
                " classical bits as the target takes",
            )

    # -- instructions -----------------------------------------------------------------------

    def _instruction(self, line: re.Match[str]) -> None:
        position, word = line.start("name"), line["name"]
        if word.upper() == "REPEAT":
            self._open(line)
            return
        kind = _kinds().get(word.upper())
        if kind is None:
            self._refuse(position, f"{quote(word)} is no instruction of Stim")
        if line["open"]:
            self._refuse(line.start("open"), f"a block begins with REPEAT, not with {quote(word)}")
        if kind.noise:
            self._refuse(position, f"{quote(word)} is noise, which is not read; {_QUIET}")
        if kind.name in IGNORED:
            return
        if line["arguments"] and kind.name in _MEASUREMENTS:
            noisy = quote(word + line["arguments"])
            self._refuse(position, f"{noisy} is a noisy measurement, which is not read; {_QUIET}")
        words = line["targets"].split()
        if kind.name == "MPAD":
            if "1" in words:
                self._refuse(position, "'MPAD 1' is not supported: only a measurement writes a 1")
        else:
            self._targets(kind.name, words, line)
        count = len(words) // 2 if kind.pairs else len(words)
        self._operations += count
        if kind.name in _MEASUREMENTS:
            self._measured(self._record + count, position)

    def _targets(self, name: str, words: list[str], line: re.Match[str]) -> None:
        products = name in _PRODUCTS
        for number, word in enumerate(words):
            for target in word.split("*") if products else (word,):
                found = _TARGET.fullmatch(target)
                if found is None:
                    sentence = f"{quote(target)} is no target of an instruction"
                elif found["qubit"]:
                    if int(found["qubit"]) < self._limits.qubits:
                        continue
                    sentence = (
                        f"there is no qubit {found['qubit']}, the target has {self._limits.qubits}"
                    )
                elif found["sweep"]:
                    sentence = f"{quote(target)} has no value in a job"
                elif name not in FEEDBACK or number % 2 != _CONTROL.get(name, number % 2):
                    sentence = (
                        f"{quote(target)} cannot stand here: a measurement can control"
                        f" {', '.join(FEEDBACK)}"
                    )
                elif 1 <= int(found["back"]) <= self._record:
                    continue
                else:
                    sentence = f"{quote(target)} is before the first measurement"
                self._refuse(self._source.index(word, line.start("targets")), sentence)
