"""A target of another quws: jobs are forwarded, so that one job list can span sites.

A submission's key goes along as the Idempotency-Key of the request that makes
the job there, so that sending it again never makes a second one, and the job
can be found by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from quws.domain.bindings import written
from quws.domain.circuits import Language
from quws.domain.job import LARGE_BATCH, ErrorType
from quws.domain.kinds import JobKind
from quws.domain.options import RunOptions
from quws.domain.parameters.writing import forwarded
from quws.domain.phases import ACTIVE, Phase
from quws.domain.targets import Calibration, Feature, TargetDescription, TargetKind, TargetState
from quws.targets.base import (
    CircuitResult,
    Compiled,
    Gone,
    RemoteState,
    RemoteStatus,
)
from quws.targets.linked import LinkedTarget, split_url

if TYPE_CHECKING:
    from quws.targets.quws.site import Site

_WAIT_SECONDS = 5
"""How long the other side may keep a look until the phase changes."""


class Remote(LinkedTarget["Site"]):
    """Forwards jobs to another quws.

    Parameters
    ----------
    name
        The target's name here.
    url
        Where the other quws is, for instance ``https://quws.example.org``.
    target
        The target's name there; by default the same.
    token
        A bearer token to sign in with there. All jobs are that user's.
    timeout
        How many seconds an answer may take.

    """

    processes = False
    forwards = True
    idempotent = True

    def __init__(
        self,
        name: str,
        *,
        url: str,
        target: str | None = None,
        token: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        parts = split_url(url, such_as="https://quws.example.org")
        super().__init__(name, str(parts.hostname))
        self._url = url.rstrip("/")
        self._theirs = target or name
        self._token = token
        self._timeout = timeout
        self._seen: Phase | None = None

    # -- what it is ---------------------------------------------------------------

    @override
    def describe(self) -> TargetDescription:
        document = self._there.target(self._theirs)
        # A newer quws may know more than we can understand.
        known = {
            "languages": [item for item in document["languages"] if item in set(Language)],
            # One of before knows no other kind.
            "job_kinds": [
                item for item in JobKind if item in document.get("job_kinds", [JobKind.SAMPLE])
            ],
            "features": [item for item in document["features"] if item in set(Feature)],
        }
        return TargetDescription.model_validate(
            document
            | known
            | {
                "name": self.name,
                "kind": TargetKind.REMOTE,
                "title": f"{document['title']}, at {self._host}",
                "exclusive": False,
            }
        )

    @override
    def _import(self) -> None:
        import quws.targets.quws.site  # noqa: F401, PLC0415

    @override
    def warm(self) -> None:
        _ = self._there

    @override
    def _open(self) -> Site:
        from quws.targets.quws.site import Site  # noqa: PLC0415

        return Site(self._url, self._host, token=self._token, timeout=self._timeout)

    @override
    def state(self) -> TargetState:
        document = self._there.target(self._theirs)
        return TargetState.model_validate(
            {key: document[key] for key in ("status", "message", "until")}
        )

    @override
    def calibration(self) -> Calibration | None:
        present = self._there.target(self._theirs)["calibration"]
        return None if present is None else self._there.calibration(self._theirs, present["id"])

    # -- a job there --------------------------------------------------------------

    @override
    def submit(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> str:
        form: dict[str, Any] = {
            "TARGET": self._theirs,
            "RUNID": key,
            # How long it may run is decided here: what is over its time is aborted there.
            "EXECUTIONDURATION": "0",
            **forwarded(options),
        }
        languages = {item.language for item in circuits}
        if len(languages) == 1 and (language := languages.pop()) is not None:
            form["LANG"] = language
        values = [item.values for item in circuits if item.values is not None]
        if values:
            # They have one text.
            form["BINDINGS"] = written(values)
            circuits = circuits[:1]
        return self._there.submit([_text(item) for item in circuits], form, key)

    @override
    def find(self, key: str) -> str | None:
        return self._there.find(key)

    @override
    def poll(self, handle: str) -> RemoteState:
        active = self._seen in ACTIVE
        job = self._there.read(
            handle, wait=_WAIT_SECONDS if active else 0, phase=self._seen if active else None
        )
        self._seen = job.phase
        match self._seen:
            case Phase.PENDING | Phase.HELD:
                # Cut off before it was queued, or a quota was used up.
                self._there.run(handle)
                return RemoteState(RemoteStatus.QUEUED, job.status)
            case Phase.QUEUED | Phase.SUSPENDED:
                return RemoteState(RemoteStatus.QUEUED, job.status, position=job.queue_position)
            case Phase.EXECUTING:
                return RemoteState(RemoteStatus.RUNNING, job.status, done=job.circuits_done)
            case Phase.COMPLETED:
                return RemoteState(RemoteStatus.DONE)
            case Phase.ERROR:
                reason = job.errors[0]
                return RemoteState(
                    RemoteStatus.FAILED,
                    reason.message,
                    transient=reason.type is ErrorType.TRANSIENT,
                )
            case Phase.ABORTED:
                return RemoteState(RemoteStatus.CANCELLED, job.status)
            case _:
                raise Gone(f"job {handle} is {self._seen} at {self._host}")

    @override
    def cancel(self, handle: str) -> None:
        self._there.abort(handle)

    @override
    def leave_out(self, handle: str, circuits: Sequence[int]) -> None:
        self._there.leave_out(handle, circuits)

    @override
    def fetch(self, handle: str) -> list[CircuitResult]:
        outcomes = self._there.outcomes(handle)
        # To compile was all that was asked for; of others it is to be had there.
        wanted = outcomes.kind is JobKind.COMPILE and len(outcomes.circuits) <= LARGE_BATCH
        compiled = self._there.compiled(handle) if wanted else {}
        return [
            CircuitResult(
                item.counts,
                item.memory,
                f"{item.engine} at {self._host}",
                item.seconds,
                item.approximate,
                layout=item.layout,
                expectations=item.expectations,
                compilation=item.compilation,
                mitigation=item.mitigation,
                mitigated=item.mitigated,
                missing=item.missing,
                compiled=compiled.get(item.index),
            )
            for item in outcomes.circuits
        ]

    @override
    def calibration_of(self, handle: str) -> Calibration | None:
        ran_with = self._there.read(handle).calibration_id
        return None if ran_with is None else self._there.calibration(self._theirs, ran_with)


def _text(compiled: Compiled) -> str:
    if compiled.source is not None:
        return compiled.source
    from qiskit import qasm3  # noqa: PLC0415

    return str(qasm3.dumps(compiled.circuit))
