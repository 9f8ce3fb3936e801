"""Superstaq's client as a target needs it: what its answers and errors mean for a job.

By itself the client repeats whatever failed, a job's submission too, for up to an hour, waits for
an answer without end, and checks the certificate of no host but its maker's. Not here.
"""

from __future__ import annotations

import contextlib
import warnings
from base64 import encodebytes
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import requests
from general_superstaq import SuperstaqServerException, superstaq_client
from general_superstaq.models import CircuitType, JobData
from pydantic import ValidationError
from typing_extensions import override
from urllib3.exceptions import NewConnectionError

from quws.domain.errors import InvalidParameter
from quws.targets.base import Doubt, Gone
from quws.targets.linked import asked_again

_LATER = (401, 403, 429)
"""A job that is answered with one of these is not there, and may be taken later: an operator may
mend a token while it waits.
"""
_AWAY = 503
_NOT_THERE = 404
_FIRST_REFUSAL, _OWN_FAULT = 400, 500
_TOO_SLOW = 408
_UNKNOWN = (400, 404, 405, 422)
_GONE = (400, 404, 410, 422)
_MISSHAPEN = (requests.JSONDecodeError, ValidationError, TypeError, AttributeError, KeyError)
"""What the client makes of an answer that is none of the protocol's."""


class _NotSent(ConnectionError):
    """The request has not arrived, or was not taken."""


class _Session(requests.Session):
    """Waits so long, and no longer; what it raises the client does not repeat."""

    def __init__(self, timeout: float) -> None:
        super().__init__()
        self.trust_env = False
        self._timeout = timeout
        self.said: Mapping[str, str] = {}
        """The headers of the last answer."""

    @override
    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        self.said = {}
        try:
            answer = super().request(*args, **{**kwargs, "timeout": self._timeout})
        except requests.RequestException as error:
            reason = getattr(error.args[0], "reason", None) if error.args else None
            if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
                raise _NotSent("nobody listens") from error
            raise ConnectionError(type(error).__name__) from error
        self.said = answer.headers
        if answer.status_code == _AWAY:
            raise _NotSent("it is too busy")
        return answer


class Site:
    """A server that speaks Superstaq's protocol, and a target there.

    Every method raises ``ConnectionError`` where asking again may help.

    Parameters
    ----------
    url, token
        Where it is, and the key to sign in with.
    host
        What it is called in what users are told.
    target
        The target's name there.
    timeout
        How many seconds an answer may take.

    """

    def __init__(self, url: str, host: str, *, token: str, target: str, timeout: float) -> None:
        self._host = host
        self._target = target
        with warnings.catch_warnings():
            # That its version is not the client's default.
            warnings.simplefilter("ignore")
            self._client = superstaq_client._SuperstaqClientV3(
                client_name="quws",
                remote_host=url,
                api_key=token,
                api_version="v0.3.0",
                circuit_type=CircuitType.QISKIT,
                max_retry_seconds=0,
            )
        self._session = self._client.session = _Session(timeout)
        self._client.verify_https = True

    def info(self) -> dict[str, Any]:
        """Return what is known of the target."""
        with self._asking(ConnectionError):
            found: dict[str, Any] = self._client.target_info(self._target)["target_info"]
            return found

    def row(self) -> Any:
        """Return what the list of targets says of it; None where it does not stand there."""
        with self._asking(ConnectionError):
            listed = self._client.get_targets()
        return next((item for item in listed if item.target == self._target), None)

    def submit(self, file: bytes, shots: int, key: str) -> str:
        """Make a job there of a QPY file, and return its id.

        Raises
        ------
        Doubt
            It may be there, or not.
        InvalidParameter
            It is not taken.

        """
        try:
            found = self._client.create_job(
                {"qiskit_circuits": encodebytes(file).decode()},
                repetitions=shots,
                target=self._target,
                tag=[key],
            )
        except _NotSent as error:
            raise asked_again(f"{self._host}: {error}", self._session.said) from error
        except ConnectionError as error:
            raise Doubt(f"{self._host} did not answer: {error}") from error
        except SuperstaqServerException as error:
            sentence = f"{self._host}: {_sentence(error)}"
            if error.status_code in _LATER:
                raise asked_again(sentence, self._session.said) from error
            if error.status_code >= _OWN_FAULT or error.status_code == _TOO_SLOW:
                raise Doubt(sentence) from error
            raise InvalidParameter(
                f"{self._host} does not take the job: {_sentence(error)}"
            ) from error
        except _MISSHAPEN as error:
            raise Doubt(f"{self._host} gave an answer that is none") from error
        return str(found["job_id"])

    def find(self, key: str) -> str | None:
        """Return the id of the job that was made under a key; None if there is none.

        Raises
        ------
        Doubt
            It cannot be asked for that.

        """
        path = f"/client/job/{CircuitType.QISKIT.value}"
        try:
            with self._asking(ConnectionError):
                found = self._client.get_request(path, {"tags": [key]})
        except ConnectionError as error:
            told = error.__cause__
            if isinstance(told, SuperstaqServerException) and told.status_code in _UNKNOWN:
                raise Doubt(f"{self._host} cannot be asked for a job by our key") from error
            raise
        mine = [job for job, data in found.items() if key in data.get("tags", ())]
        return min(mine, default=None)

    def job(self, job_id: str) -> JobData:
        """Return what is known of a job.

        Raises
        ------
        Gone

        """
        with self._asking(Gone):
            found = self._client.fetch_jobs([job_id])
            if job_id not in found:
                raise Gone(f"{self._host} does not know job {job_id}")
            return JobData(**found[job_id])

    def cancel(self, job_id: str) -> None:
        """Stop a job, if it is not over by now.

        Raises
        ------
        Gone

        """
        try:
            with self._asking(Gone, final=range(_FIRST_REFUSAL, _OWN_FAULT)):
                self._client.cancel_jobs([job_id])
        except Gone as error:
            told = error.__cause__
            if isinstance(told, SuperstaqServerException) and told.status_code != _NOT_THERE:
                return
            raise

    @contextlib.contextmanager
    def _asking(
        self, refused: type[Exception], *, final: Collection[int] = _GONE
    ) -> Iterator[None]:
        """Raise ConnectionError for what may go better later, else ``refused``.

        Parameters
        ----------
        final
            The statuses of what will not, unless somebody has to sign in, or comes too often.

        """
        try:
            yield
        except ConnectionError as error:
            raise asked_again(f"{self._host}: {error}", self._session.said) from error
        except _MISSHAPEN as error:
            raise ConnectionError(f"{self._host} gave an answer that is none") from error
        except SuperstaqServerException as error:
            sentence = f"{self._host}: {_sentence(error)}"
            if error.status_code in _LATER or error.status_code not in final:
                raise asked_again(sentence, self._session.said) from error
            raise refused(sentence) from error


def _sentence(error: SuperstaqServerException) -> str:
    """Return what it says, without whom one may write to."""
    said: str = (error.message or "").partition(" (Status code: ")[0]
    said = " ".join(said.split())
    # Whatever stands before the service may answer with a page.
    return said if said and said[0] not in "<{[" else f"it answers with {error.status_code}"
