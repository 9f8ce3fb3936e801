"""A quws service, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from typing_extensions import override

from quws.client.closing import Closing
from quws.client.job import Job, made
from quws.client.selection import Selection
from quws.client.session import Session
from quws.client.transport import PAUSES, Transport
from quws.client.webhooks import WebhookClient
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.domain.parameters.writing import form
from quws.domain.payloads import as_text
from quws.domain.sessions import SessionMode
from quws.domain.targets import Calibration
from quws.domain.times import format_instant
from quws.domain.words import cut
from quws.schemas.job import RefJson
from quws.schemas.quota import QuotaJson
from quws.schemas.record import KeysJson
from quws.schemas.session import NewSessionJson, SessionJson
from quws.schemas.timeslot import TimeslotJson


class Client(Closing):
    """A connection to a service.

    Parameters
    ----------
    url
        Where the service listens, for instance ``http://127.0.0.1:8000``.
    token, auth
        A bearer token, or a name and a password, to sign in with.
    timeout
        How many seconds an answer may take.
    pauses
        How many seconds to wait before each further try of a request whose connection broke,
        where sending it again can do no harm.
    trust_env
        Whether the environment may name a proxy.
    specifications
        The parameters of its jobs, as far as this side knows them.

    Raises
    ------
    InvalidUrl
        It does not begin with ``http://`` or ``https://``.

    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        pauses: Sequence[float] = PAUSES,
        trust_env: bool = True,
        specifications: Specifications = SPECIFICATIONS,
    ) -> None:
        self._specifications = specifications
        self._transport = Transport(
            url,
            token=token,
            auth=auth,
            timeout=timeout,
            pauses=pauses,
            trust_env=trust_env,
        )
        self.url = self._transport.url
        self.webhooks = WebhookClient(self._transport)
        """The webhooks of who is signed in."""

    @override
    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def submit(
        self,
        *circuits: str | bytes,
        run: bool = True,
        key: str | None = None,
        **parameters: Any,
    ) -> Job:
        """Send circuits as one job, in any format that the service takes.

        Parameters
        ----------
        circuits
            Text, or the bytes of a file.
        run
            Start it at once; else it stays PENDING until ``Job.run``.
        key
            Of all requests under one key the service makes one job; by default each call of
            this method makes one.
        parameters
            The parameters of the job, by their keywords (``shots``, ``seed``, ``run_id``, …) or
            their names; what is None is left out.

        Raises
        ------
        UnicodeDecodeError
            Bytes are neither UTF-8 text, QPY nor QIR's bitcode.
        Refused
            The service refused the job: there is none.
        Unreachable
            There may be a job or not; the same key leads to it.

        """
        given = form(parameters, self._specifications)
        given["CIRCUIT"] = [item if isinstance(item, str) else as_text(item) for item in circuits]
        if run:
            given["PHASE"] = "RUN"
        answer = self._transport.send("POST", "jobs", form=given, key=key or uuid4().hex)
        return made(self._transport, answer)

    def job(self, job_id: str) -> Job:
        """Return a job that is there already."""
        return Job(self._transport, f"{self.url}/jobs/{quote(job_id, safe='')}")

    def jobs(self, **wanted: Any) -> Selection:
        """Return the jobs that a filter leaves, to go through or to act on all of them.

        Parameters
        ----------
        wanted
            ``phase``, ``tag`` (one, or a list), ``run_id``, ``target``, ``session``, ``text``,
            ``after``, ``before``.

        """
        return Selection(self._transport, wanted)

    def find(self, key: str) -> Job | None:
        """Find the job that was made under a key; None if there is none."""
        found = self._transport.get("jobs", list[RefJson], **{"IDEMPOTENCY-KEY": key})
        return self.job(found[0].id) if found else None

    def quota(self, owner: str | None = None) -> QuotaJson:
        """Fetch what one may have of the service, and has; for operators what an ``owner`` has."""
        query = {} if owner is None else {"OWNER": owner}
        return self._transport.get("quota", QuotaJson, **query)

    def timeslots(self, target: str | None = None) -> list[TimeslotJson]:
        """Fetch the timeslots that are not over: of a target, or one's own of all targets."""
        path = "timeslots" if target is None else f"{_target_path(target)}/timeslots"
        return self._transport.get(path, list[TimeslotJson])

    def book(self, target: str, start: datetime | str, minutes: int) -> TimeslotJson:
        """Book a target from an instant on, for so many minutes.

        Text is one in ISO 8601, of UTC where it says nothing else.
        """
        begins = start if isinstance(start, str) else format_instant(start)
        given = {"START": begins, "MINUTES": str(minutes)}
        path = f"{_target_path(target)}/timeslots"
        answer = self._transport.send("POST", path, form=given)
        return TimeslotJson.model_validate_json(answer.content)

    def cancel_timeslot(self, target: str, slot_id: str) -> None:
        """Cancel a timeslot; one that is on is over then."""
        path = f"{_target_path(target)}/timeslots/{quote(slot_id, safe='')}"
        self._transport.send("DELETE", path)

    def sessions(self) -> list[SessionJson]:
        """Fetch one's sessions, the newest first; for operators those of all."""
        return self._transport.get("sessions", list[SessionJson])

    def session(
        self,
        *,
        target: str | None = None,
        mode: SessionMode | str = SessionMode.DEDICATED,
        max_seconds: int | None = None,
        idle_seconds: int | None = None,
    ) -> Session:
        """Open a session: its jobs run back to back on a target.

        Parameters
        ----------
        target
            None for the one that is the default of jobs.
        mode
            ``dedicated``, where others wait while it has nothing to run, or ``batch``.
        max_seconds, idle_seconds
            Its whole time, counted from its first job, and for how long it may have nothing to
            run; None for what the operator has set.

        Raises
        ------
        ValueError
            There is no such mode.

        """
        if mode not in tuple(SessionMode):
            raise ValueError(f"mode must be {' or '.join(SessionMode)}, not '{cut(str(mode))}'")
        wanted = NewSessionJson(
            target=target,
            mode=SessionMode(mode),
            max_seconds=max_seconds,
            idle_seconds=idle_seconds,
        )
        answer = self._transport.send("POST", "sessions", json=wanted.model_dump(mode="json"))
        return self.session_of(SessionJson.model_validate_json(answer.content).id)

    def session_of(self, session_id: str) -> Session:
        """Return a session that is there already."""
        return Session(self._transport, session_id, self.submit)

    def target(self, name: str) -> dict[str, Any]:
        """Fetch what a target is and how it is, as the service wrote it."""
        return self._transport.get(_target_path(name), dict[str, Any])

    def calibration(self, target: str, calibration_id: str) -> Calibration:
        """Fetch a calibration of a target."""
        path = f"{_target_path(target)}/calibrations/{quote(calibration_id, safe='')}"
        return self._transport.get(path, Calibration)

    def keys(self) -> KeysJson:
        """Fetch the public keys by which the records of the service are checked."""
        return self._transport.get("keys", KeysJson)


def _target_path(name: str) -> str:
    return f"targets/{quote(name, safe='')}"
