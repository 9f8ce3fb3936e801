"""Another quws as a target needs it: what its answers mean for a job that was handed over."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quws.client import Client, NotUnderstood, Refused, Unreachable
from quws.domain.errors import InvalidCircuit, InvalidParameter, QuotaExceeded, Refusal
from quws.domain.outcomes import JobOutcomes
from quws.domain.phases import Phase
from quws.domain.targets import Calibration
from quws.schemas.job import JobJson
from quws.targets.base import Gone

_COMPILED = re.compile(r"circuit-([0-9]{1,9})")


class Site:
    """A quws elsewhere.

    Every method raises ``ConnectionError`` where asking again may help.

    Parameters
    ----------
    host
        What it is called in what users are told.

    """

    def __init__(self, url: str, host: str, *, token: str | None, timeout: float) -> None:
        self._host = host
        # Whoever looks after a job asks again without end, and says so.
        self._client = Client(url, token=token, timeout=timeout, pauses=(), trust_env=False)

    def target(self, name: str) -> dict[str, Any]:
        """Return what a target there is and how it is."""
        with self._asking(refused=ConnectionError):
            return self._client.target(name)

    def calibration(self, target: str, calibration_id: str) -> Calibration | None:
        """Return a calibration of a target there; None if it is not there any more."""
        try:
            with self._asking(refused=Gone):
                return self._client.calibration(target, calibration_id)
        except Gone:
            return None

    def submit(self, circuits: Sequence[str], parameters: Mapping[str, Any], key: str) -> str:
        """Make a job there and return its id; the same one for the same key.

        Raises
        ------
        ConnectionError
            Nobody knows whether it is there, or it is not but may be later.
        InvalidCircuit, InvalidParameter
            It does not take the job.

        """
        try:
            with self._asking():
                return self._client.submit(*circuits, key=key, **parameters).id
        except Refused as refused:
            raise self._final(refused) from refused

    def find(self, key: str) -> str | None:
        """Return the id of the job that was made under a key; None if there is none."""
        with self._asking(refused=ConnectionError):
            found = self._client.find(key)
        return None if found is None else found.id

    def read(self, job_id: str, *, wait: float = 0, phase: Phase | None = None) -> JobJson:
        """Return a job's document, at the latest after ``wait`` seconds in the same phase.

        Raises
        ------
        Gone

        """
        with self._asking(refused=Gone):
            return self._client.job(job_id).read(wait=wait, phase=phase)

    def run(self, job_id: str) -> None:
        """Start a job, if it is not running or over by now."""
        with contextlib.suppress(Refused), self._asking():
            self._client.job(job_id).run()

    def abort(self, job_id: str) -> None:
        """Abort a job, if it is not over by now.

        Raises
        ------
        Gone

        """
        try:
            with self._asking():
                self._client.job(job_id).abort()
        except Refused as refused:
            if refused.status == 404:
                raise Gone(_sentence(refused)) from refused

    def leave_out(self, job_id: str, circuits: Sequence[int]) -> None:
        """Abort circuits of a job that have no result yet, if it is not over by now."""
        with contextlib.suppress(Refused), self._asking():
            self._client.job(job_id).abort_circuits(*circuits)

    def compiled(self, job_id: str) -> dict[int, str]:
        """Return the circuits of a job as they were compiled, as far as they are kept, by index.

        Raises
        ------
        Gone

        """
        with self._asking(refused=Gone):
            job = self._client.job(job_id)
            listed = (_COMPILED.fullmatch(item.id) for item in job.read().results)
            return {int(name[1]): job.result(name[0]).decode() for name in listed if name}

    def outcomes(self, job_id: str) -> JobOutcomes:
        """Return what a job gave.

        Raises
        ------
        Gone
        UnreadableOutcomes
            It is newer than this one and writes them otherwise.

        """
        with self._asking(refused=Gone):
            return self._client.job(job_id).outcomes()

    @contextlib.contextmanager
    def _asking(self, *, refused: type[Exception] | None = None) -> Iterator[None]:
        """Raise ConnectionError for what may go better later.

        Parameters
        ----------
        refused
            What is raised where it says no for good; None lets ``Refused`` pass.

        """
        try:
            yield
        except (Unreachable, NotUnderstood) as error:
            raise ConnectionError(f"{self._host}: {error.reason}") from error
        except Refused as error:
            # An operator may mend a token while the job waits.
            if error.transient or error.status == 401:
                raise ConnectionError(f"{self._host}: {_sentence(error)}") from error
            if refused is not None:
                raise refused(_sentence(error)) from error
            raise

    def _final(self, refused: Refused) -> Refusal | ConnectionError:
        if refused.code is None:
            # A proxy's page, for one; the service itself would have said why.
            return ConnectionError(f"{self._host}: {_sentence(refused)}")
        if refused.code == QuotaExceeded.code:
            # As with a job that is held there: it is sent when there is room.
            return ConnectionError(f"{self._host}: {_sentence(refused)}")
        sentence = f"{self._host} does not take the job: {_sentence(refused)}"
        if refused.code == "invalid_payload":
            return InvalidCircuit(sentence)
        return InvalidParameter(sentence)


def _sentence(refused: Refused) -> str:
    if refused.code is None:
        return f"it answers with {refused.status}"
    return refused.sentence
