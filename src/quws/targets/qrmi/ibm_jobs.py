"""The jobs of a service of IBM's, which QRMI starts and does not list.

It gives them no tags either. So our key of a submission is the name of its first circuit, and the
service, which lists jobs with what they were made of, is asked here.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from quws.domain.packed import TYPE, VALUE, Unpackable, beginning
from quws.targets.base import Doubt

_VERSION = "2025-05-01"
"""Of the service's protocol."""
_PAGE = 100
_MOST = 300
"""Jobs that are looked at: what was sent a moment ago is among the newest."""
_CLOCKS = timedelta(hours=1)
"""How far two clocks may be apart."""
_NAME_WITHIN = 1024
"""Bytes of a circuit's text among which its name is."""
_REFUSED = (400, 404, 405, 410)


def name_of(key: str) -> str:
    """Return what the first circuit of a submission is called."""
    return f"quws-{key}"


class Jobs:
    """The jobs of a device.

    Parameters
    ----------
    resource
        The device's name there.
    settings
        As QRMI takes them.
    timeout
        How many seconds an answer may take.

    """

    def __init__(self, resource: str, settings: Mapping[str, str], *, timeout: float) -> None:
        self._resource = resource
        # They have the type's name before them.
        self._settings = {
            name: value
            for key, value in settings.items()
            for name in ("IAM_ENDPOINT", "IAM_APIKEY", "SERVICE_CRN", "ENDPOINT")
            if key.endswith(f"_{name}") and not (name == "ENDPOINT" and "IAM" in key)
        }
        self._timeout = timeout

    def find(self, key: str) -> str | None:
        """Return the id of the job that was started under a key; None if there surely is none.

        Raises
        ------
        Doubt
            The service does not say what the jobs were made of.
        ConnectionError
            It does not answer now.

        """
        name = name_of(key).encode()
        unknown = False
        with httpx.Client(timeout=self._timeout) as http, _asking(self._resource):
            http.headers.update(self._signed_in(http))
            for job in self._listed(http, _earliest(key)):
                if job.get("private"):
                    continue  # Ours are not.
                document = _read(http.get(f"{self._url}/jobs/{job['id']}"))
                first = _first_circuit(document.get("params"))
                if first is None:
                    unknown = True
                elif name in first:
                    return str(job["id"])
        if unknown:
            raise Doubt(f"{self._resource} does not tell what its jobs were made of")
        return None

    @property
    def _url(self) -> str:
        return self._settings["ENDPOINT"].rstrip("/")

    def _signed_in(self, http: httpx.Client) -> dict[str, str]:
        asked = {
            "grant_type": "urn:ibm:params:oauth:grant-type:apikey",
            "apikey": self._settings["IAM_APIKEY"],
        }
        where = self._settings["IAM_ENDPOINT"].rstrip("/")
        token = _read(http.post(f"{where}/identity/token", data=asked))["access_token"]
        return {
            "Authorization": f"Bearer {token}",
            "Service-CRN": self._settings["SERVICE_CRN"],
            "IBM-API-Version": _VERSION,
            "Accept": "application/json",
        }

    def _listed(self, http: httpx.Client, after: datetime | None) -> Iterator[Mapping[str, Any]]:
        """List samplings on the device, the newest first.

        Raises
        ------
        Doubt
            There are more than can be looked at.

        """
        wanted = {"backend": self._resource, "program": "sampler", "exclude_params": "true"}
        if after is not None:
            wanted["created_after"] = after.isoformat()
        for offset in range(0, _MOST, _PAGE):
            page = {"limit": str(_PAGE), "offset": str(offset)}
            jobs = _read(http.get(f"{self._url}/jobs", params=wanted | page)).get("jobs") or []
            yield from jobs
            if len(jobs) < _PAGE:
                return
        raise Doubt(f"{self._resource} has had more than {_MOST} jobs since this one was made")


@contextlib.contextmanager
def _asking(name: str) -> Iterator[None]:
    """Raise ConnectionError for what may go better later, and Doubt for what will not."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status in _REFUSED:
            raise Doubt(f"{name} cannot be asked for its jobs: it answers with {status}") from error
        raise ConnectionError(f"{name}: it answers with {status}") from error
    except httpx.HTTPError as error:
        raise ConnectionError(f"{name} does not answer") from error
    except json.JSONDecodeError as error:
        # A proxy's page, for one.
        raise ConnectionError(f"{name} gave an answer that is none") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise Doubt(f"the list of the jobs of {name} is of another shape") from error


def _read(answer: httpx.Response) -> dict[str, Any]:
    document: dict[str, Any] = answer.raise_for_status().json()
    return document


def _earliest(key: str) -> datetime | None:
    """Return when a submission can have been sent at the earliest: not before our job was made."""
    made = UUID(key)
    if made.version != 7:
        return None
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC) - _CLOCKS


def _first_circuit(params: Any) -> bytes | None:
    """Return the beginning of the first circuit of a job; None where it is not told."""
    pubs = params.get("pubs") if isinstance(params, dict) else None
    if not isinstance(pubs, list):
        return None
    pub = pubs[0] if pubs else ""
    circuit = pub[0] if isinstance(pub, list) and pub else pub
    if isinstance(circuit, str):
        return circuit[:_NAME_WITHIN].encode()
    if not isinstance(circuit, dict) or circuit.get(TYPE) != "QuantumCircuit":
        return None
    try:
        return beginning(circuit.get(VALUE), _NAME_WITHIN)
    except Unpackable:
        return None
