"""A target of tests that runs the conformance circuits right, unless it is told otherwise."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripted_children import Process

from quws.domain.job import ErrorType, JobError
from quws.domain.outcome_texts import memory_json, outcomes_json
from quws.domain.outcomes import CircuitOutcome, JobOutcomes
from quws.sandbox.messages import (
    Cancel,
    CancelAnswer,
    Cancellation,
    CircuitFinished,
    CircuitStarted,
    FromChild,
    Go,
    Inspect,
    JobFailed,
    ResultsWritten,
    RunJob,
    Submitted,
    Submitting,
    Waiting,
)

Counts = dict[str, int]

_MEASURE = re.compile(r"measure q\[(\d+)\] -> (\w+)\[(\d+)\];|(\w+)\[(\d+)\] = measure q\[(\d+)\];")
_REGISTER = re.compile(r"creg (\w+)\[(\d+)\];|bit\[(\d+)\] (\w+);")
_IF = re.compile(r"if \((\w+) == (\d+)\) (?:\{ )?(x q\[\d+\];)")


@dataclass
class _Branch:
    """What may have happened so far, and how likely."""

    chance: float
    qubits: Counter[int] = field(default_factory=Counter)
    registers: dict[str, list[int]] = field(default_factory=dict)

    def flipped(self, qubit: int, chance: float) -> Iterator[_Branch]:
        for flip, part in ((0, 1 - chance), (1, chance)):
            if part:
                qubits = self.qubits.copy()
                qubits[qubit] ^= flip
                registers = {name: list(bits) for name, bits in self.registers.items()}
                yield _Branch(self.chance * part, qubits, registers)


def _step(branch: _Branch, line: str) -> Iterator[_Branch]:
    if found := _IF.match(line):
        name, value, then = found.groups()
        bits = branch.registers[name]
        number = sum(bit << place for place, bit in enumerate(bits))
        yield from _step(branch, then) if number == int(value) else [branch]
    elif found := _REGISTER.match(line):
        old, old_size, size, name = found.groups()
        branch.registers[old or name] = [0] * int(old_size or size)
        yield branch
    elif found := _MEASURE.match(line):
        qubit, register, bit, register_3, bit_3, qubit_3 = found.groups()
        bits = branch.registers[register or register_3]
        bits[int(bit or bit_3)] = branch.qubits[int(qubit or qubit_3)]
        yield branch
    else:
        gate, places = line.split(" ", 1) if " " in line else (line, "")
        qubits = [int(number) for number in re.findall(r"q\[(\d+)\]", places)]
        if gate == "x":
            branch.qubits[qubits[0]] ^= 1
        elif gate == "cx":
            branch.qubits[qubits[1]] ^= branch.qubits[qubits[0]]
        elif gate == "reset":
            branch.qubits[qubits[0]] = 0
        if gate == "h":
            yield from branch.flipped(qubits[0], 0.5)
        elif gate.startswith("rx("):
            yield from branch.flipped(qubits[0], math.sin(float(gate[3:-1]) / 2) ** 2)
        else:
            yield branch


def right_counts(source: str, shots: int) -> Counts:
    """What an exact device gives. No conformance circuit has interference, so chances will do."""
    branches = [_Branch(1.0)]
    for line in source.splitlines():
        branches = [after for before in branches for after in _step(before, line)]
    counts: Counts = Counter()
    left = shots
    for branch in branches[1:]:
        bits = round(branch.chance * shots)
        counts[_bits(branch)] += bits
        left -= bits
    counts[_bits(branches[0])] += left
    return {bits: count for bits, count in counts.items() if count}


def _bits(branch: _Branch) -> str:
    groups = ["".join(map(str, reversed(bits))) for bits in branch.registers.values()]
    return " ".join(reversed(groups))


@dataclass
class TinyDevice:
    """Plays the children of a target; what it heard is in ``jobs``, one for each."""

    give: Callable[[str, int], Counts] = right_counts
    fails: Callable[[RunJob], str | None] = lambda _: None
    """The sentence with which a job fails."""
    remember: Callable[[Counts], list[str] | None] = lambda counts: [*Counter(counts).elements()]
    """The bits of each shot."""
    says: Callable[[RunJob], list[FromChild]] = lambda _: []
    """What it says besides, before its results."""
    cancels: list[Cancellation] = field(default_factory=lambda: [Cancellation.DONE])
    inspected: FromChild | None = None
    jobs: list[RunJob] = field(default_factory=list)
    cancelled: list[Cancel] = field(default_factory=list)

    async def __call__(self, process: Process) -> None:
        match await process.hear():
            case RunJob() as request:
                self.jobs.append(request)
                await self._run(process, request)
            case Cancel() as request:
                self.cancelled.append(request)
                await self._cancel(process)
            case Inspect():
                assert self.inspected is not None
                process.say(self.inspected)

    async def _cancel(self, process: Process) -> None:
        outcome = self.cancels.pop(0) if len(self.cancels) > 1 else self.cancels[0]
        process.say(CancelAnswer(outcome=outcome, sentence="it is being looked for"))

    async def _hand_over(self, process: Process, key: str) -> None:
        process.say(Submitting(key=key))
        assert await process.hear() == Go()
        process.say(Submitted(key=key, handle=f"theirs-{key}"))
        assert await process.hear() == Go()

    async def _run(self, process: Process, request: RunJob) -> None:
        known = request.handover
        if known is not None and known.handle is None:
            await self._hand_over(process, known.key)
        if known is not None:
            process.say(Waiting(waiting=True), Waiting(waiting=False))
        if (sentence := self.fails(request)) is not None:
            process.say(JobFailed(error=JobError(ErrorType.FATAL, "test", sentence)))
            return
        outcomes = self._outcomes(request)
        folder = Path(request.folder)
        (folder / "counts.json").write_text("".join(outcomes_json(outcomes)))
        if outcomes.has_memory:
            (folder / "memory.json").write_text("".join(memory_json(outcomes)))
        process.say(CircuitStarted(circuit=0), CircuitFinished(circuit=0, engine="tiny"))
        process.say(*self.says(request), ResultsWritten(files=[]))

    def _outcomes(self, request: RunJob) -> JobOutcomes:
        circuits = []
        for index, source in enumerate(request.circuits):
            counts = self.give(source, request.options.shots)
            memory = self.remember(counts) if request.options.memory else None
            circuits.append(CircuitOutcome(counts, memory, "tiny", index=index))
        return JobOutcomes(request.job, "tiny", request.options.shots, circuits)
