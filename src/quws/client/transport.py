"""Requests to a service, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import sleep
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic import TypeAdapter, ValidationError

from quws.client.errors import InvalidUrl, NotUnderstood, Refused, Unreachable
from quws.domain.words import first_fault
from quws.schemas.problem import Problem

T = TypeVar("T")

IDEMPOTENCY_KEY = "Idempotency-Key"
"""The header with which a request that makes a job may be sent again without fear."""

_JOB_LISTS = ("/jobs", "/async")
_JSON = "application/json"
_TIMEOUT = httpx.Timeout(30.0, read=90.0)
PAUSES = (0.2, 1.0)
_BROKEN = (httpx.NetworkError, httpx.RemoteProtocolError)
"""A connection that cannot be made or breaks; not one that is slow."""


class Transport:
    """Sends requests to one service, signed in as one user.

    Parameters
    ----------
    url
        Where the service listens; paths are below it. That of its job list means the service.
    timeout
        How many seconds an answer may take.
    pauses
        How many seconds to wait before each further try of a request whose connection broke,
        where sending it again can do no harm.
    trust_env
        Whether the environment may name a proxy.

    Raises
    ------
    InvalidUrl
        It is no URL that can be asked.

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
    ) -> None:
        self.url = _service_url(url)
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self._pauses = tuple(pauses)
        self._http = httpx.Client(
            timeout=_TIMEOUT if timeout is None else timeout,
            headers=headers,
            auth=auth,
            trust_env=trust_env,
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, kind: type[T], **query: str) -> T:
        """Return a JSON document as what it stands for.

        Raises
        ------
        Unreachable, Refused
        NotUnderstood
            It is no JSON, or of another shape.

        """
        content = self.document(path, **query)
        try:
            return TypeAdapter(kind).validate_json(content)
        except ValidationError as error:
            place, why = first_fault(error)
            reason = f"it is not right at {place or 'the document'}: {why}"
            raise NotUnderstood(urljoin(f"{self.url}/", path), reason) from None

    def document(self, path: str, **query: str) -> bytes:
        """Return the bytes of a JSON document.

        Raises
        ------
        Unreachable, Refused
        NotUnderstood
            It is no JSON, by its type.

        """
        answer = self.send("GET", path, query=query)
        found = answer.headers.get("Content-Type", "").partition(";")[0]
        if answer.status_code != 200 or found != _JSON:
            raise NotUnderstood(
                str(answer.url),
                f"it answers with {answer.status_code} and {found or 'no type'} where {_JSON}"
                " was asked for",
            )
        return answer.content

    def send(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        key: str | None = None,
        harmless: bool = False,
    ) -> httpx.Response:
        """Send a request and return the answer.

        Parameters
        ----------
        path
            Below the service's own URL, or a URL that it gave.
        key
            Under it the service takes the same request for one, however often it comes.
        harmless
            Whether it may be sent twice all the same.

        Raises
        ------
        Unreachable
            There is no answer.
        Refused
            The answer is an error.

        """
        headers = {} if key is None else {IDEMPOTENCY_KEY: key}
        harmless = harmless or method == "GET" or key is not None
        request = self._http.build_request(
            method,
            urljoin(f"{self.url}/", path),
            data=form,
            json=json,
            params=query if query is None or isinstance(query, Mapping) else list(query),
            headers=headers,
        )
        for pause in (*self._pauses, None):
            try:
                answer = self._http.send(request)
            except httpx.HTTPError as error:
                broken = isinstance(error, _BROKEN) if harmless else _never_sent(error)
                if pause is None or not broken:
                    raise Unreachable(self.url, str(error) or type(error).__name__) from error
                sleep(pause)
                continue
            if answer.status_code >= 400:
                raise _refusal(answer)
            return answer
        raise AssertionError("the last try has an end")

    def download(self, path: str, file: BinaryIO, query: Mapping[str, str]) -> None:
        """Write what is answered into a file, as it comes.

        Raises
        ------
        Unreachable
            There is no answer, or it breaks off: then some of it is written.
        Refused
            The answer is an error.

        """
        url = urljoin(f"{self.url}/", path)
        try:
            with self._http.stream("GET", url, params=query) as answer:
                if answer.status_code >= 400:
                    answer.read()
                    raise _refusal(answer)
                for chunk in answer.iter_bytes():
                    file.write(chunk)
        except httpx.HTTPError as error:
            raise Unreachable(self.url, str(error) or type(error).__name__) from error


def _service_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        complete = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise InvalidUrl(url)
    for mount in _JOB_LISTS:
        if parts.path.rstrip("/").endswith(mount):
            parts = parts._replace(path=parts.path.rstrip("/").removesuffix(mount))
    return parts._replace(query="", fragment="").geturl().rstrip("/")


def _never_sent(error: httpx.HTTPError) -> bool:
    return isinstance(error, httpx.ConnectError)


def _refusal(answer: httpx.Response) -> Refused:
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        # Not the service's own words: a proxy's, for one.
        said = answer.text.strip()[:300]
        return Refused(f"{answer.status_code} {said}".strip(), answer.status_code, None)
    return Refused(problem.detail, answer.status_code, problem.code)
