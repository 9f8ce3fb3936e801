"""A submission that was cut off, looked for among the jobs of a service of IBM's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import scripted
from scripted import HANG_UP, Answer, Scripted, document, page

from quws.domain.packed import packed
from quws.targets.base import Doubt
from quws.targets.qrmi.ibm_jobs import Jobs, name_of

KEY = "0199a5c2-7a00-7000-8000-0123456789ab"
"""Of 2 October 2025, 16:30:09.920."""
TOKEN = document({"access_token": "wrapped", "expires_in": 3600})


@pytest.fixture
def service() -> Iterator[Scripted]:
    yield from scripted.scripted()


@pytest.fixture
def jobs(service: Scripted) -> Jobs:
    settings = {
        "QRMI_IBM_QCS_ENDPOINT": f"{service.url}/api/v1/",
        "QRMI_IBM_QCS_IAM_ENDPOINT": f"{service.url}/iam",
        "QRMI_IBM_QCS_IAM_APIKEY": "secret",
        "QRMI_IBM_QCS_SERVICE_CRN": "crn:1",
    }
    return Jobs("heron", settings, timeout=5)


def listed(*ids: str, **more: Any) -> Answer:
    return document({"jobs": [{"id": item, **more} for item in ids], "count": len(ids)})


def made_of(*names: str) -> Answer:
    """A job of circuits of these names; as a client writes them, with much behind the name."""
    circuits = [packed(b"QISKIT" + b"\0" * 60 + name.encode() + bytes(5000)) for name in names]
    pubs = [[{"__type__": "QuantumCircuit", "__value__": item}, None, 7] for item in circuits]
    return document({"id": "x", "params": {"pubs": pubs, "version": 2}})


def test_it_is_found_by_the_name_of_its_first_circuit(service: Scripted, jobs: Jobs) -> None:
    service.will(TOKEN, listed("c", "b", "a"), made_of("other"), made_of(name_of(KEY), "other"))
    assert jobs.find(KEY) == "b"
    signed, asked, *looks = service.asked
    assert signed.path == "/iam/identity/token" and signed.form["apikey"] == ["secret"]
    assert asked.path == "/api/v1/jobs"
    assert asked.query == {
        "backend": ["heron"],
        "program": ["sampler"],
        "exclude_params": ["true"],
        # An hour before our job was made: nobody's clock is right.
        "created_after": ["2025-10-02T15:30:09.920000+00:00"],
        "limit": ["100"],
        "offset": ["0"],
    }
    assert asked.headers["authorization"] == "Bearer wrapped"
    assert asked.headers["service-crn"] == "crn:1"
    assert [item.path for item in looks] == ["/api/v1/jobs/c", "/api/v1/jobs/b"]


def test_a_circuit_that_went_as_openqasm(service: Scripted, jobs: Jobs) -> None:
    text = f"OPENQASM 3.0;\n// {name_of(KEY)}\nqubit[1] q;"
    service.will(TOKEN, listed("a"), document({"params": {"pubs": [[text, None, 7]]}}))
    assert jobs.find(KEY) == "a"


def test_what_is_surely_not_there(service: Scripted, jobs: Jobs) -> None:
    service.will(TOKEN, listed())
    assert jobs.find(KEY) is None
    # Of its circuits ours is the first one; what is private is not ours.
    service.will(TOKEN, listed("a", "b"), made_of("other", name_of(KEY)), made_of("other"))
    assert jobs.find(KEY) is None
    service.will(TOKEN, listed("a", private=True))
    assert jobs.find(KEY) is None


def test_who_does_not_tell_what_jobs_are_made_of_leaves_a_doubt(
    service: Scripted, jobs: Jobs
) -> None:
    service.will(TOKEN, listed("b", "a"), document({"id": "b"}), made_of("other"))
    with pytest.raises(Doubt, match="does not tell what its jobs were made of"):
        jobs.find(KEY)
    # Found is found.
    service.will(TOKEN, listed("b", "a"), document({"id": "b"}), made_of(name_of(KEY)))
    assert jobs.find(KEY) == "a"
    service.will(TOKEN, Answer(b"{}", 404))
    with pytest.raises(Doubt, match="cannot be asked for its jobs: it answers with 404"):
        jobs.find(KEY)
    service.will(TOKEN, document([]))
    with pytest.raises(Doubt, match="of another shape"):
        jobs.find(KEY)
    many = [listed(*map(str, range(100)), private=True)] * 3
    service.will(TOKEN, *many)
    with pytest.raises(Doubt, match="more than 300 jobs"):
        jobs.find(KEY)


def test_who_is_busy_is_asked_again(service: Scripted, jobs: Jobs) -> None:
    for trouble in (page(401), page(429), page(503), HANG_UP):
        service.will(TOKEN, trouble)
        with pytest.raises(ConnectionError) as caught:
            jobs.find(KEY)
        assert "secret" not in str(caught.value)
        service.will(trouble)
        with pytest.raises(ConnectionError):
            jobs.find(KEY)
    assert json.loads(TOKEN.content)["access_token"] not in str(caught.value)
