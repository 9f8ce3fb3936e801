"""A target of another quws: jobs are forwarded, so that one job list can span sites.

A submission's key goes along as the Idempotency-Key of the request that makes
the job there, so that sending it again never makes a second one, and the job
can be found by it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from typing_extensions import override

from quws.domain.circuits import Language
from quws.domain.errors import InvalidCircuit, InvalidParameter
from quws.domain.outcomes import read_job
from quws.domain.phases import ACTIVE, Phase
from quws.domain.targets import Calibration, Feature, TargetDescription, TargetKind, TargetState
from quws.targets.base import (
    CircuitResult,
    Compiled,
    Gone,
    NotLoaded,
    Progress,
    RemoteState,
    RemoteStatus,
    RemoteTarget,
    RunOptions,
)

if TYPE_CHECKING:
    import httpx

_WAIT_SECONDS = 5
"""How long the other side may keep a look until the phase changes."""
_BUSY = (401, 408, 425, 429)
"""Answers that may be others later, besides those from 500 up."""


class Remote(RemoteTarget):
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
        super().__init__(name)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url must be an http or https URL, such as https://quws.example.org")
        self._url = url.rstrip("/")
        self._host = parts.hostname
        self._theirs = target or name
        self._token = token
        self._timeout = timeout
        self._http: httpx.Client | None = None
        self._loaded = False
        self._seen: Phase | None = None

    # -- what it is ---------------------------------------------------------------

    @override
    def describe(self) -> TargetDescription:
        if not self._loaded:
            raise NotLoaded(f"target {self.name} is described by {self._url}")
        document = self._target()
        # A newer quws may know more than we can understand.
        known = {
            "languages": [item for item in document["languages"] if item in set(Language)],
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
    def load(self) -> None:
        import httpx  # noqa: F401, PLC0415

        self._loaded = True

    @override
    def warm(self) -> None:
        import httpx  # noqa: PLC0415

        headers = {"Accept": "application/json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        self._http = httpx.Client(
            base_url=self._url, headers=headers, timeout=self._timeout, trust_env=False
        )

    @override
    def state(self) -> TargetState:
        document = self._target()
        return TargetState.model_validate(
            {key: document[key] for key in ("status", "message", "until")}
        )

    @override
    def calibration(self) -> Calibration | None:
        present = self._target()["calibration"]
        return None if present is None else self._calibration(present["id"])

    # -- a job there --------------------------------------------------------------

    @override
    def submit(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> str:
        form: dict[str, Any] = {
            "CIRCUIT": [_text(item) for item in circuits],
            "TARGET": self._theirs,
            "SHOTS": str(options.shots),
            "PHASE": "RUN",
            "RUNID": key,
            # How long it may run is decided here: what is over its time is aborted there.
            "EXECUTIONDURATION": "0",
        }
        languages = {item.language for item in circuits}
        if len(languages) == 1 and (language := languages.pop()) is not None:
            form["LANG"] = language
        if options.seed is not None:
            form["SEED"] = str(options.seed)
        if options.memory:
            form["MEMORY"] = "true"
        if options.method is not None:
            form["METHOD"] = options.method
        if options.noise is not None:
            form["NOISE"] = json.dumps(options.noise)
        answer = self._ask("POST", "/jobs", data=form, headers={"Idempotency-Key": key})
        if answer.status_code != 303:
            self._refuse(answer)
        return str(answer.headers["Location"].rstrip("/").rsplit("/", 1)[1])

    @override
    def find(self, key: str) -> str | None:
        answer = self._ask("GET", "/jobs", params={"IDEMPOTENCY-KEY": key})
        if answer.status_code != 200:
            raise ConnectionError(_sentence(answer))
        found = answer.json()
        return str(found[0]["id"]) if found else None

    @override
    def poll(self, handle: str) -> RemoteState:
        wait = {}
        if self._seen in ACTIVE:
            wait = {"WAIT": str(_WAIT_SECONDS), "PHASE": str(self._seen)}
        job = self._job(handle, **wait)
        self._seen = Phase(job["phase"])
        message = job["status"]
        match self._seen:
            case Phase.PENDING | Phase.HELD:
                # Cut off before it was queued, or a quota was used up.
                self._ask("POST", f"{_path(handle)}/phase", data={"PHASE": "RUN"})
                return RemoteState(RemoteStatus.QUEUED, message)
            case Phase.QUEUED | Phase.SUSPENDED:
                return RemoteState(RemoteStatus.QUEUED, message, position=job["queue_position"])
            case Phase.EXECUTING:
                return RemoteState(RemoteStatus.RUNNING, message, done=job["circuits_done"])
            case Phase.COMPLETED:
                return RemoteState(RemoteStatus.DONE)
            case Phase.ERROR:
                reason = job["errors"][0]
                return RemoteState(
                    RemoteStatus.FAILED,
                    reason["message"],
                    transient=reason["type"] == "transient",
                )
            case Phase.ABORTED:
                return RemoteState(RemoteStatus.CANCELLED, message)
            case _:
                raise Gone(f"job {handle} is {self._seen} at {self._host}")

    @override
    def cancel(self, handle: str) -> None:
        answer = self._ask("POST", f"{_path(handle)}/phase", data={"PHASE": "ABORT"})
        if answer.status_code == 404:
            raise Gone(_sentence(answer))

    @override
    def fetch(self, handle: str) -> list[CircuitResult]:
        counts = self._result(handle, "counts")
        listed = {item["id"] for item in self._job(handle)["results"]}
        memory = self._result(handle, "memory") if "memory" in listed else None
        return [
            CircuitResult(
                item.counts,
                item.memory,
                f"{item.engine} at {self._host}",
                item.seconds,
                item.approximate,
            )
            for item in read_job(counts, memory).circuits
        ]

    @override
    def calibration_of(self, handle: str) -> Calibration | None:
        ran_with = self._job(handle).get("calibration_id")
        return None if ran_with is None else self._calibration(ran_with)

    @override
    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        raise NotImplementedError("a remote target is handed whole jobs")

    # -- asking -------------------------------------------------------------------

    def _target(self) -> dict[str, Any]:
        answer = self._ask("GET", f"/targets/{quote(self._theirs, safe='')}")
        if answer.status_code != 200:
            raise ConnectionError(_sentence(answer))
        return _object(answer)

    def _calibration(self, calibration_id: str) -> Calibration | None:
        path = f"/targets/{quote(self._theirs, safe='')}/calibrations"
        answer = self._ask("GET", f"{path}/{quote(calibration_id, safe='')}")
        return Calibration.model_validate(answer.json()) if answer.status_code == 200 else None

    def _job(self, handle: str, **query: str) -> dict[str, Any]:
        answer = self._ask("GET", _path(handle), params=query)
        if answer.status_code != 200:
            raise Gone(_sentence(answer))
        return _object(answer)

    def _result(self, handle: str, name: str) -> bytes:
        answer = self._ask("GET", f"{_path(handle)}/results/{name}")
        if answer.status_code != 200:
            raise Gone(_sentence(answer))
        return answer.content

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        """Send a request; what may go better later is a ConnectionError."""
        import httpx  # noqa: PLC0415

        assert self._http is not None
        try:
            answer = self._http.request(method, path, **content)
        except httpx.TransportError as error:
            raise ConnectionError(f"{self._host}: {error or type(error).__name__}") from error
        if answer.status_code >= 500 or answer.status_code in _BUSY:
            raise ConnectionError(f"{self._host}: {_sentence(answer)}")
        return answer

    def _refuse(self, answer: httpx.Response) -> None:
        sentence = f"{self._host} does not take the job: {_sentence(answer)}"
        if _object(answer).get("code") == "invalid_payload":
            raise InvalidCircuit(sentence)
        raise InvalidParameter(sentence)


def _path(handle: str) -> str:
    return f"/jobs/{quote(handle, safe='')}"


def _text(compiled: Compiled) -> str:
    if compiled.source is not None:
        return compiled.source
    from qiskit import qasm3  # noqa: PLC0415

    return str(qasm3.dumps(compiled.circuit))


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except ValueError:
        content = None
    if not isinstance(content, dict):
        # A proxy's page, for one; the service itself would have said it in JSON.
        raise ConnectionError(f"{answer.status_code} without the JSON that was asked for")
    return content


def _sentence(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"it answers with {answer.status_code}"
