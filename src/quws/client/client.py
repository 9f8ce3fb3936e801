"""Jobs of a quws service, from Python."""

from __future__ import annotations

from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import httpx

from quws.domain.outcomes import read_job
from quws.domain.phases import ACTIVE, Phase

_WAIT_SECONDS = 30
_TIMEOUT = httpx.Timeout(30.0, read=90.0)


class ClientError(Exception):
    """The service refused something, or cannot be reached. The text says which."""


class JobFailed(ClientError):
    """The job ended otherwise than COMPLETED."""


class Client:
    """A connection to a service.

    Parameters
    ----------
    url
        Where the service listens, for instance ``http://127.0.0.1:8000``.

    """

    def __init__(
        self, url: str, *, token: str | None = None, auth: tuple[str, str] | None = None
    ) -> None:
        self.url = url.rstrip("/")
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(timeout=_TIMEOUT, headers=headers, auth=auth)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def submit(
        self,
        *circuits: str,
        shots: int | None = None,
        target: str | None = None,
        seed: int | None = None,
        run: bool = True,
        **parameters: str | int | list[str],
    ) -> Job:
        """Send circuits (OpenQASM 2 or 3 text) as one job.

        Parameters
        ----------
        run
            Start it at once; else it stays PENDING until ``Job.run``.
        parameters
            Any other parameter of a job, for instance ``RUNID``.

        Raises
        ------
        ClientError
            The service refused the job: there is none.

        """
        form: dict[str, Any] = {"CIRCUIT": list(circuits), **parameters}
        for name, value in (("SHOTS", shots), ("TARGET", target), ("SEED", seed)):
            if value is not None:
                form[name] = str(value)
        if run:
            form["PHASE"] = "RUN"
        response = self.request("POST", f"{self.url}/jobs", form)
        return Job(self, response.headers["Location"])

    def job(self, job_id: str) -> Job:
        """Get hold of a job that is there already."""
        return Job(self, f"{self.url}/jobs/{job_id}")

    def request(
        self, method: str, url: str, form: dict[str, Any] | None = None, **query: Any
    ) -> httpx.Response:
        """Send a request and pass the answer on.

        Raises
        ------
        ClientError
            The service refused it, or did not answer.

        """
        try:
            response = self._http.request(method, url, data=form, params=query or None)
        except httpx.HTTPError as error:
            raise ClientError(f"{self.url} cannot be reached: {error}") from error
        if response.status_code >= 400:
            raise ClientError(_sentence(response))
        return response


class Job:
    """One job of a service."""

    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self.url = url

    @property
    def id(self) -> str:
        """The job's id."""
        return self.url.rsplit("/", 1)[1]

    def info(self) -> dict[str, Any]:
        """Fetch the whole job document."""
        document: dict[str, Any] = self._client.request("GET", self.url).json()
        return document

    def phase(self) -> Phase:
        """Fetch the phase."""
        return Phase(self._client.request("GET", f"{self.url}/phase").json())

    def run(self) -> None:
        """Start a PENDING job."""
        self._client.request("POST", f"{self.url}/phase", {"PHASE": "RUN"})

    def abort(self) -> None:
        """Abort the job."""
        self._client.request("POST", f"{self.url}/phase", {"PHASE": "ABORT"})

    def delete(self) -> None:
        """Delete the job with all its files."""
        self._client.request("DELETE", self.url)

    def wait(self, seconds: float | None = None) -> Job:
        """Wait until the job is done; gives the job itself.

        Raises
        ------
        JobFailed
            It ended otherwise than COMPLETED, or waits for somebody (HELD, PENDING).
        TimeoutError
            It is not done after so many seconds.

        """
        limit = None if seconds is None else monotonic() + seconds
        while True:
            left = _WAIT_SECONDS if limit is None else min(_WAIT_SECONDS, limit - monotonic())
            document = self._client.request("GET", self.url, WAIT=max(0, round(left))).json()
            phase = Phase(document["phase"])
            if phase is Phase.COMPLETED:
                return self
            if phase not in ACTIVE and phase is not Phase.SUSPENDED:
                reasons = [item["message"] for item in document["errors"]]
                reason = "; ".join(reasons) or document["status"] or "no reason given"
                raise JobFailed(f"job {self.id} is {phase}: {reason}")
            if phase is Phase.SUSPENDED:
                sleep(1)  # The service does not wait for us then.
            if limit is not None and monotonic() >= limit:
                raise TimeoutError(f"job {self.id} is {phase} after {seconds} seconds")

    def result(self, name: str = "result") -> bytes:
        """Download a result."""
        return self._client.request("GET", f"{self.url}/results/{name}").content

    def counts(self, circuit: int = 0) -> dict[str, int]:
        """Fetch how often each outcome of a circuit was measured, the most frequent first."""
        return read_job(self.result("counts")).circuits[circuit].counts


def _sentence(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.text.strip()[:300]}"
