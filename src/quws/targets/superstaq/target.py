"""A target of Superstaq's, which has a queue of its own.

Our key of a submission is a tag of the job there, by which it is found where its server lists jobs
by their tags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from quws.domain.circuits import CircuitLimits, Language
from quws.domain.extras import brought_by
from quws.domain.options import RunOptions
from quws.domain.payloads import as_text
from quws.domain.targets import (
    Feature,
    TargetDescription,
    TargetKind,
    TargetState,
    TargetStatus,
)
from quws.targets.base import (
    CircuitResult,
    Compiled,
    RemoteState,
    RemoteStatus,
)
from quws.targets.linked import LinkedTarget, split_url
from quws.targets.superstaq.bits import Shape, read_counts, shape_of

if TYPE_CHECKING:
    from quws.targets.superstaq.site import Site

_WAITING = ("received", "awaiting_compile", "awaiting_submission", "awaiting_simulation")
_OVER = ("completed", "failed", "cancelled", "unrecognized", "deleted")


class Superstaq(LinkedTarget["Site"]):
    """Runs circuits on a target of Superstaq's, or of a server that speaks its protocol.

    Parameters
    ----------
    name
        The target's name here.
    url
        The server, for instance ``https://superstaq.example.org``.
    target
        The target's name there, such as ``ibmq_fez_qpu``.
    token
        The key to sign in with there. All jobs are that user's.
    timeout
        How many seconds an answer may take.

    """

    processes = False

    def __init__(
        self, name: str, *, url: str, target: str, token: str, timeout: float = 60.0
    ) -> None:
        parts = split_url(url, such_as="https://superstaq.org")
        if parts.path.strip("/"):
            raise ValueError("url must have no path: the protocol is spoken at the root of a host")
        super().__init__(name, str(parts.hostname))
        self._theirs = target
        self._reach: dict[str, Any] = {
            "url": url,
            "host": self._host,
            "token": token,
            "target": target,
            "timeout": timeout,
        }
        self._shapes: dict[str, list[Shape]] = {}
        """The bits of circuits that were submitted by this process."""

    # -- what it is -------------------------------------------------------------------

    @override
    def _import(self) -> None:
        with brought_by("superstaq"):
            import quws.targets.superstaq.site  # noqa: F401, PLC0415

    @override
    def _open(self) -> Site:
        from quws.targets.superstaq.site import Site  # noqa: PLC0415

        return Site(**self._reach)

    @override
    def describe(self) -> TargetDescription:
        info = self._there.info()
        qubits = int(info["num_qubits"])
        features = [Feature.DELAY]
        if info.get("supports_midcircuit_measurement"):
            features += [Feature.MID_CIRCUIT, Feature.RESET]
        limits = {
            ours: info[theirs]
            for ours, theirs in (("max_circuits", "max_circuits"), ("max_shots", "max_shots"))
            if isinstance(info.get(theirs), int)
        }
        return TargetDescription(
            name=self.name,
            kind=TargetKind.HARDWARE if self._theirs.endswith("_qpu") else TargetKind.REMOTE,
            title=f"{self._theirs} at {self._host}",
            qubits=qubits,
            features=features,
            circuit_limits=CircuitLimits(qubits=qubits, operations=1_000_000),
            **limits,
        )

    @override
    def state(self) -> TargetState:
        row = self._there.row()
        if row is None or row.retired:
            why = "is retired" if row is not None else "is not listed"
            sentence = f"{self._theirs} {why} at {self._host}"
            return TargetState(status=TargetStatus.OFFLINE, message=sentence)
        if not row.available:
            sentence = f"{self._theirs} takes no work at {self._host}"
            return TargetState(status=TargetStatus.OFFLINE, message=sentence)
        return TargetState()

    # -- a job there --------------------------------------------------------------------

    @override
    def submit(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> str:
        from quws.circuits.formats.qpy_files import write  # noqa: PLC0415

        made = [item.circuit for item in circuits]
        handle = self._there.submit(write(*made), options.shots, key)
        self._shapes[handle] = [shape_of(circuit) for circuit in made]
        return handle

    @override
    def find(self, key: str) -> str | None:
        return self._there.find(key)

    @override
    def poll(self, handle: str) -> RemoteState:
        job = self._there.job(handle)
        statuses = [str(item.value) for item in job.statuses]
        known = Counter(statuses)
        done = known["completed"]
        if not known.keys() <= {*_OVER}:
            # Some may be over while others wait.
            waits = known.keys() <= {*_WAITING}
            status = RemoteStatus.QUEUED if waits else RemoteStatus.RUNNING
            return RemoteState(status, done=done)
        if done:
            return RemoteState(RemoteStatus.DONE, done=done)
        why = _reasons(job.status_messages)
        if known.keys() <= {"cancelled", "deleted"}:
            return RemoteState(RemoteStatus.CANCELLED, why)
        return RemoteState(RemoteStatus.FAILED, why, transient=False)

    @override
    def cancel(self, handle: str) -> None:
        self._there.cancel(handle)

    @override
    def fetch(self, handle: str) -> list[CircuitResult]:
        job = self._there.job(handle)
        engine = f"{job.target} at {self._host}"
        shapes = self._shapes.get(handle) or [_shape_of(text) for text in job.input_circuits]
        found = []
        for index, (counts, shape) in enumerate(zip(job.counts, shapes, strict=True)):
            if counts is None:
                why = job.status_messages[index] or f"it is {job.statuses[index].value} there"
                found.append(CircuitResult({}, None, engine, 0.0, missing=why))
            else:
                found.append(CircuitResult(read_counts(counts, shape), None, engine, 0.0))
        return found


def _reasons(messages: Iterable[str | None]) -> str | None:
    """Return what is said of circuits, each sentence once, with the first that it is said of."""
    found: dict[str, int] = {}
    for index, message in enumerate(messages):
        if message:
            found.setdefault(message, index)
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"circuit {index}: {message}" for message, index in found.items()) or None


def _shape_of(text: str) -> Shape:
    """Return the bits of a circuit that an attempt before this one has sent."""
    from base64 import b64decode  # noqa: PLC0415

    from quws.circuits.parse import read  # noqa: PLC0415

    binary = as_text(b64decode("".join(text.split())))
    return shape_of(read(binary, Language.QPY, CircuitLimits(qubits=10_000)).circuit)
