"""One job of a service, from Python."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urljoin, urlsplit
from uuid import uuid4

import httpx
from pydantic import TypeAdapter
from typing_extensions import override

from quws.client.errors import JobFailed, NoResult, NotUnderstood
from quws.client.transport import Transport
from quws.domain.batch import CircuitStatus
from quws.domain.kinds import JobKind
from quws.domain.outcomes import (
    DOCUMENT,
    CircuitOutcome,
    Expectation,
    JobOutcomes,
    UnreadableOutcomes,
    job_of,
    read_job,
)
from quws.domain.phases import ACTIVE, Phase
from quws.domain.words import counted
from quws.schemas.circuit import CircuitJson
from quws.schemas.job import EntryJson, JobJson, WholeJobJson
from quws.schemas.labels import LabelsJson
from quws.schemas.record import SignedJson

_WAIT_SECONDS = 30
_PAGE = 1000
_CIRCUITS = TypeAdapter(list[CircuitJson])


class Job:
    """One job of a service. What is asked for is fetched anew each time.

    Only which results a job has that is COMPLETED is known from then on, and what it gave, where
    that came with the end that was waited for.

    Every method raises ``ClientError`` where the service does not answer, or refuses.
    """

    def __init__(self, transport: Transport, url: str) -> None:
        self._transport = transport
        self._results: list[str] | None = None
        self._outcomes: JobOutcomes | None = None
        """What came with the end, until somebody asks for it."""
        self.url = url

    @override
    def __repr__(self) -> str:
        """Show where the job is."""
        return f"Job({self.url!r})"

    @property
    def id(self) -> str:
        """The job's id."""
        return self.url.rstrip("/").rsplit("/", 1)[1]

    def info(self) -> dict[str, Any]:
        """Fetch the whole job document, as the service wrote it."""
        return self._transport.get(self.url, dict[str, Any])

    def read(self, *, wait: float = 0, phase: Phase | None = None) -> JobJson:
        """Fetch the whole job document.

        Parameters
        ----------
        wait
            How many seconds the service may wait for a change of the phase.
        phase
            Wait only if the job is in this phase.

        """
        return self._transport.get(self.url, JobJson, **_waiting(wait, phase))

    def phase(self) -> Phase:
        """Fetch the phase."""
        return self._transport.get(f"{self.url}/phase", Phase)

    def run(self) -> None:
        """Start a PENDING job."""
        self._move("RUN")

    def rerun(self, *, run: bool = True, key: str | None = None) -> Job:
        """Make a job with the parameters of this one, byte for byte, and with its seed.

        Parameters
        ----------
        run
            Start it at once; else it stays PENDING until ``run``.
        key
            Of all requests under one key the service makes one job; by default each call of
            this method makes one.

        """
        form = {"PHASE": "RUN"} if run else {}
        return made(
            self._transport,
            self._transport.send("POST", f"{self.url}/rerun", form=form, key=key or uuid4().hex),
        )

    def abort(self) -> None:
        """Abort the job."""
        self._move("ABORT")

    def circuits(self, *statuses: CircuitStatus | str) -> Iterator[CircuitJson]:
        """Go through the circuits, in their order: all, or those that stand somewhere.

        Parameters
        ----------
        statuses
            ``waiting``, ``completed``, ``failed``, ``aborted`` or ``skipped``.

        """
        query = [*(("STATUS", str(item)) for item in statuses), ("LIMIT", str(_PAGE))]
        while True:
            answer = self._transport.send("GET", f"{self.url}/circuits", query=query)
            yield from _CIRCUITS.validate_json(answer.content)
            following = answer.links.get("next")
            if following is None:
                return
            query = parse_qsl(urlsplit(following["url"]).query)

    def circuit(self, index: int) -> CircuitJson:
        """Fetch where one circuit stands."""
        return self._transport.get(f"{self.url}/circuits/{index}", CircuitJson)

    def abort_circuits(self, *indices: int) -> None:
        """Abort circuits that have not ended; the others go on."""
        form = {"ACTION": "ABORT", "INDEX": ",".join(map(str, indices))}
        self._transport.send("POST", f"{self.url}/circuits", form=form)

    def delete(self) -> None:
        """Delete the job with all its files."""
        self._transport.send("DELETE", self.url)

    def labels(self) -> LabelsJson:
        """Fetch name, run id, tags and metadata."""
        return self._transport.get(f"{self.url}/labels", LabelsJson)

    def label(self, **labels: Any) -> None:
        """Change what the job is called.

        Parameters
        ----------
        labels
            ``name``, ``run_id``, ``metadata``, and ``tags`` (all that there shall be) or
            ``add_tags`` and ``remove_tags``; None takes away what there is.

        """
        self._transport.send("POST", f"{self.url}/labels", json=labels)

    def timeline(self, *, status: str | None = None, source: str | None = None) -> list[EntryJson]:
        """Fetch what happened to the job, oldest first; with a status or from a source only."""
        wanted = {"STATUS": status, "SOURCE": source}
        query = {name: value for name, value in wanted.items() if value is not None}
        return self._transport.get(f"{self.url}/timeline", list[EntryJson], **query)

    def wait(self, seconds: float | None = None) -> Job:
        """Wait until the job is done, and return the job itself.

        Raises
        ------
        JobFailed
            It ended otherwise than COMPLETED, or is HELD until somebody starts it.
        TimeoutError
            It is not done after so many seconds.

        """
        limit = None if seconds is None else monotonic() + seconds
        while True:
            left = _WAIT_SECONDS if limit is None else min(_WAIT_SECONDS, limit - monotonic())
            job = self._transport.get(
                self.url, WholeJobJson, OUTCOMES="true", **_waiting(left, None)
            )
            if job.phase is Phase.COMPLETED:
                self._results = [item.id for item in job.results]
                self._outcomes = _known(job)
                return self
            if job.phase not in ACTIVE and job.phase is not Phase.SUSPENDED:
                reasons = [item.message for item in job.errors]
                reason = "; ".join(reasons) or job.status or "no reason given"
                raise JobFailed(f"job {self.id} is {job.phase}: {reason}")
            if job.phase is Phase.SUSPENDED:
                sleep(1)  # The service does not wait for us then.
            if limit is not None and monotonic() >= limit:
                raise TimeoutError(
                    f"job {self.id} is {job.phase} after {counted(round(seconds or 0), 'second')}"
                )

    def result(self, name: str = "result", format: str | None = None) -> bytes:
        """Download a result.

        Parameters
        ----------
        format
            ``votable``, ``json``, ``csv``, ``parquet`` or ``npz``; None for the one that is kept.

        """
        query = {} if format is None else {"RESPONSEFORMAT": format}
        return self._transport.send("GET", f"{self.url}/results/{name}", query=query).content

    def save(self, file: BinaryIO, name: str = "result", format: str | None = None) -> None:
        """Write a result of any size into a file; see ``result``."""
        query = {} if format is None else {"RESPONSEFORMAT": format}
        self._transport.download(f"{self.url}/results/{name}", file, query)

    def save_bundle(self, file: BinaryIO) -> None:
        """Write all of a job that is over into a file, as a ZIP."""
        self._transport.download(f"{self.url}/bundle.zip", file, {})

    def record(self) -> SignedJson:
        """Fetch the signed record of a job that is over."""
        return self._transport.get(f"{self.url}/record", SignedJson)

    def provenance(self) -> dict[str, Any]:
        """Fetch where the results come from, as PROV-JSON."""
        return self._transport.get(f"{self.url}/provenance", dict[str, Any])

    def save_provenance(self, file: BinaryIO, format: str = "json") -> None:
        """Write where the results come from into a file, as ``json`` or ``votable``."""
        self._transport.download(f"{self.url}/provenance", file, {"RESPONSEFORMAT": format})

    def save_record(self, file: BinaryIO) -> None:
        """Write the signed record of a job that is over into a file, as the service wrote it."""
        self._transport.download(f"{self.url}/record", file, {})

    def outcomes(self) -> JobOutcomes:
        """Fetch what all circuits gave, with the bits of each shot if MEMORY asked for them.

        Raises
        ------
        UnreadableOutcomes
            A service that is newer than this client writes them otherwise.

        """
        if (known := self._taken(*JobKind)) is not None:
            return known
        listed = self._results
        if listed is None:
            listed = [item.id for item in self.read().results]
        name = next((item for item in DOCUMENT.values() if item in listed), "counts")
        document = self._document(name)
        return read_job(document, self._document("memory") if "memory" in listed else None)

    def counts(self, circuit: int = 0) -> dict[str, int]:
        """Fetch how often each outcome of a circuit was measured, the most frequent first.

        Raises
        ------
        NoResult
            The circuit has failed, or was aborted.
        UnreadableOutcomes
            A service that is newer than this client writes them otherwise.

        """
        found = self._taken(JobKind.SAMPLE) or read_job(self._document("counts"))
        return _of(found, circuit).counts

    def expectations(self, circuit: int = 0) -> list[Expectation]:
        """Fetch the expectation values of a circuit, in the order of OBSERVABLE.

        Raises
        ------
        NoResult
            The circuit has failed, or was aborted.
        UnreadableOutcomes
            A service that is newer than this client writes them otherwise.

        """
        kind = JobKind.ESTIMATE
        found = self._taken(kind) or read_job(self._document(DOCUMENT[kind]))
        return _of(found, circuit).expectations or []

    def _taken(self, *kinds: JobKind) -> JobOutcomes | None:
        """Return what came with the end, if it is of such a kind.

        Once: who goes through many jobs must not keep all of it.
        """
        found = self._outcomes
        if found is None or found.kind not in kinds:
            return None
        self._outcomes = None
        return found

    def _document(self, name: str) -> bytes:
        return self._transport.document(f"{self.url}/results/{name}")

    def _move(self, phase: str) -> None:
        self._transport.send("POST", f"{self.url}/phase", form={"PHASE": phase})


def _waiting(seconds: float, phase: Phase | None) -> dict[str, str]:
    query = {"WAIT": str(round(seconds))} if seconds > 0 else {}
    return query if phase is None else {**query, "PHASE": str(phase)}


def _known(job: WholeJobJson) -> JobOutcomes | None:
    """Return what a job gave, if all of that came with it."""
    if job.outcomes is None or any(item.id == "memory" for item in job.results):
        return None
    try:
        return job_of(job.outcomes)
    except UnreadableOutcomes:
        return None  # Who asks for it is told why.


def _of(outcomes: JobOutcomes, circuit: int) -> CircuitOutcome:
    found = outcomes.circuits[circuit]
    if found.missing is not None:
        raise NoResult(f"circuit {circuit} has no result: {found.missing}")
    return found


def made(transport: Transport, answer: httpx.Response) -> Job:
    """Return the job that a request has made.

    Raises
    ------
    NotUnderstood
        It has made none, and is not refused either.

    """
    if answer.status_code != 303:
        raise NotUnderstood(
            transport.url, f"it answers with {answer.status_code} where it makes a job"
        )
    return Job(transport, urljoin(str(answer.url), answer.headers["Location"]))
