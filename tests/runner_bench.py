"""The line of a child to its worker, and devices that do as a test says."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from typing_extensions import override

from quws.domain.circuits import BatchFacts, CircuitFacts, CircuitLimits, Language, Register
from quws.domain.options import RunOptions
from quws.domain.parameters.values import ResponseFormat
from quws.domain.targets import Calibration, TargetDescription, TargetKind
from quws.runner.circuits import Circuits
from quws.runner.teller import Teller
from quws.runner.work import Work
from quws.sandbox.lines import decode_from_child, encode
from quws.sandbox.messages import (
    CircuitsFinished,
    CircuitStarted,
    FromChild,
    Go,
    KnownHandover,
    ResultsWritten,
    RunJob,
)
from quws.sandbox.roles import Connection
from quws.targets.base import (
    CircuitResult,
    Compiled,
    RemoteState,
    RemoteStatus,
    RemoteTarget,
    Target,
)

FACTS = CircuitFacts(
    language=Language.OPENQASM_2,
    qubits=1,
    clbits=1,
    operations=2,
    depth=2,
    registers=[Register(name="c", size=1, qubits=[0])],
)
RESULT = CircuitResult({"0": 6, "1": 4}, engine="a device", seconds=0.5)


def content(said: FromChild, name: str) -> bytes:
    """Return what is in a file of a job that has run in the present folder."""
    assert isinstance(said, ResultsWritten)
    (found,) = (item for item in said.files if item.file == name)
    return Path(name).read_bytes() if found.content is None else found.content.encode()


class Line:
    """What a child says, and what it hears."""

    def __init__(self) -> None:
        self._worker, self._child = socket.socketpair()
        self._worker.setblocking(False)
        self.connection = Connection(self._child)
        self._rest = b""

    def go(self, times: int = 1) -> None:
        """Let the child go on, now or when it asks for it."""
        self._worker.sendall(encode(Go()) * times)

    def send(self, line: bytes) -> None:
        self._worker.sendall(line)

    def hang_up(self) -> None:
        self._worker.shutdown(socket.SHUT_WR)

    def heard(self) -> list[FromChild]:
        """What the child has said since it was asked for last, but for the time of it."""
        self.connection.tell()
        while True:
            try:
                self._rest += self._worker.recv(65536)
            except BlockingIOError:
                break
        *lines, self._rest = self._rest.split(b"\n")
        said = chain.from_iterable(
            item.each() if isinstance(item, CircuitsFinished) else [item]
            for item in map(decode_from_child, lines)
        )
        return [
            item.model_copy(update={"at": None}) if isinstance(item, CircuitStarted) else item
            for item in said
        ]

    def close(self) -> None:
        self.connection._file.close()
        self._worker.close()
        self._child.close()


@contextmanager
def a_line() -> Iterator[Line]:
    line = Line()
    try:
        yield line
    finally:
        line.close()


Step = Any
"""Something that a device answers, or the exception with which it does not."""


def _next(steps: list[Step]) -> Any:
    step = steps.pop(0) if len(steps) > 1 else steps[0]
    if isinstance(step, BaseException | type) and not isinstance(step, RemoteState):
        raise step
    return step


class Device(RemoteTarget):
    """A device with a queue of its own. Its last answer stays."""

    poll_seconds = 0.0
    settle_seconds = 0.0

    def __init__(self) -> None:
        super().__init__("device")
        self.asked: list[str] = []
        self.on_prepare: list[Step] = [None]
        self.on_submit: list[Step] = ["theirs"]
        self.on_find: list[Step] = [None]
        self.on_poll: list[Step] = [RemoteState(RemoteStatus.DONE)]
        self.on_cancel: list[Step] = [None]
        self.on_fetch: list[Step] = [[RESULT]]
        self.on_calibration: list[Step] = [None]
        self.before_submit: Callable[[], None] = lambda: None

    @override
    def describe(self) -> TargetDescription:
        return TargetDescription(
            name="device", kind=TargetKind.HARDWARE, title="A device", qubits=5
        )

    @override
    def load(self) -> None:
        pass

    @override
    def prepare(self) -> None:
        _next(self.on_prepare)

    @override
    def submit(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> str:
        self.asked.append(f"submit {len(circuits)} {key}")
        self.before_submit()
        return str(_next(self.on_submit))

    @override
    def find(self, key: str) -> str | None:
        self.asked.append(f"find {key}")
        found: str | None = _next(self.on_find)
        return found

    @override
    def poll(self, handle: str) -> RemoteState:
        self.asked.append(f"poll {handle}")
        state: RemoteState = _next(self.on_poll)
        return state

    @override
    def cancel(self, handle: str) -> None:
        self.asked.append(f"cancel {handle}")
        _next(self.on_cancel)

    @override
    def fetch(self, handle: str) -> list[CircuitResult]:
        self.asked.append(f"fetch {handle}")
        results: list[CircuitResult] = _next(self.on_fetch)
        return results

    @override
    def calibration(self) -> Calibration | None:
        found: Calibration | None = _next(self.on_calibration)
        return found

    @override
    def run(self, *given: Any) -> CircuitResult:
        raise NotImplementedError

    @property
    def submissions(self) -> int:
        return sum(item.startswith("submit") for item in self.asked)


class Local(Target):
    """A target that runs circuits here."""

    def __init__(self) -> None:
        super().__init__("local")
        self.options: list[RunOptions] = []
        self.compiled: list[Compiled] = []
        self.on_run: list[Step] = [RESULT]
        self.on_compile: list[Step] = [Compiled(None)]
        self.on_calibration: list[Step] = [None]

    @override
    def describe(self) -> TargetDescription:
        return TargetDescription(name="local", kind=TargetKind.SIMULATOR, title="Local", qubits=5)

    @override
    def load(self) -> None:
        pass

    @override
    def calibration(self) -> Calibration | None:
        found: Calibration | None = _next(self.on_calibration)
        return found

    @override
    def compile(self, circuit: Any, options: RunOptions) -> Compiled:
        compiled: Compiled = _next(self.on_compile)
        return compiled

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Any) -> CircuitResult:
        self.options.append(options)
        self.compiled.append(compiled)
        result: CircuitResult = _next(self.on_run)
        return result


class Written(Circuits):
    """Circuits that are their own texts."""

    def __init__(self, request: RunJob) -> None:
        self._request = request

    def facts(self, index: int) -> CircuitFacts:
        return FACTS

    def of(self, index: int) -> Any:
        return self._request.circuits[index], FACTS


def work(line: Line, circuits: int = 1, *, seed: int | None = None, **changes: Any) -> Work:
    request = RunJob(
        **{
            "job": "j",
            "circuits": [f"circuit {index}" for index in range(circuits)],
            "facts": BatchFacts.of([FACTS] * circuits),
            "limits": CircuitLimits(),
            "options": RunOptions(shots=10, seed=seed),
            "response_format": ResponseFormat.JSON,
            "folder": ".",
            "file_bytes": 100_000,
        }
        | changes
    )
    return Work(
        request,
        [] if request.facts is None else request.facts.each(),
        request.options,
        Written(request),
        line.connection,
        Teller(line.connection, circuits),
    )


def known(**changes: Any) -> KnownHandover:
    return KnownHandover(**{"key": "k"} | changes)
