"""Released clients of other services, unmodified, against the service."""

from __future__ import annotations

from typing import Any

import pytest
from clients import python_with, walk
from commands import quws
from harness import Service

pytestmark = pytest.mark.real_clients

older = pytest.mark.older_clients


def token_of(service: Service, user: str) -> str:
    return quws(service, "token", "create", user, "--label", "doors").split()[-1]


@pytest.fixture(scope="module")
def token(closed: Service) -> str:
    """A token of ella."""
    return token_of(closed, "ella")


@pytest.fixture(scope="module")
def tokens(closed: Service, token: str) -> tuple[str, str]:
    """A token of ella, and one of bob."""
    return token, token_of(closed, "bob")


def iqm_client_walk(closed: Service, tokens: tuple[str, str], version: str) -> None:
    """What each release of IQM's client is told."""
    python = python_with(f"iqm-client=={version}")
    told = walk(python, "iqm_walk.py", "client,waiting", closed.url, *tokens)
    one = told["client"]
    assert one["end"] == one["again"] == "completed"
    # alice is 1 and bob 0, in the order in which they are measured.
    assert one["bits"] == [
        {"a key": [[1, 0]] * 5, "c": [[0]] * 5},
        {"m": [[1]] * 5},
    ]
    assert one["elsewhere"] == {"end": "completed", "bits": one["bits"]}
    assert one["counts"] == one["again_counts"] == [{"100": 5}, {"1": 5}]
    assert one["payload"] == [["one", "('alice',)"], ["two", "('bob',)"]]
    assert one["healthy"] is True
    # Older releases do not ask for all of these.
    assert one["about"] in ("quws", None) and one["label"] in ("simulator", None)
    assert one["chip"] in (32, None)
    assert (one["feedback"], one["metrics"], one["settings"]) == ([], 0, 0)
    assert one["bad token"][0] in ("AuthenticationError", "UnauthorizedError")
    assert "credentials" in one["bad token"][1]
    assert one["unknown job"][0] == one["deleted"][0] == "NotFoundError"
    assert "there is no job" in one["unknown job"][1]
    assert "SHOTS must be at most" in one["too many"][1], one["too many"]
    two = told["waiting"]
    assert (two["running"], two["waiting"], two["ahead"]) == ("processing", "waiting", 0)
    assert (two["places"], two["place"]) == ([0, 1], 0)
    assert two["cancelled waiting"] == two["cancelled running"] == "cancelled"
    assert "ABORT needs a job that is not over" in two["cancelled again"][1]


def test_iqm_client_36(closed: Service, tokens: tuple[str, str]) -> None:
    iqm_client_walk(closed, tokens, "36.0.0")


@older
@pytest.mark.parametrize("version", ["33.0.5", "34.0.1", "35.0.0"])
def test_iqm_client_of_before(closed: Service, tokens: tuple[str, str], version: str) -> None:
    iqm_client_walk(closed, tokens, version)


@older
@pytest.mark.parametrize("version", ["36.0.0", "33.0.5"])
def test_iqm_provider_and_sampler(closed: Service, tokens: tuple[str, str], version: str) -> None:
    python = python_with(f"iqm-client[qiskit,cirq]=={version}")
    told = walk(python, "iqm_walk.py", "qiskit,cirq", closed.url, *tokens)
    assert told["qiskit"] == {"counts": {"101": 9}, "again": {"101": 9}}
    assert told["cirq"] == {"histogram": {"1": 6}}


def superstaq_walk(closed: Service, token: str, version: str) -> dict[str, Any]:
    """What Qiskit's provider is told in each version of the protocol."""
    python = python_with("cirq-superstaq==0.5.70", "qiskit-superstaq==0.5.70")
    told: dict[str, Any] = walk(python, "superstaq_walk.py", version, "qiskit", closed.url, token)
    assert told["counts"] == [{"101": 5}, {"100": 5}]
    assert (told["status"], told["cancelled"]) == ("JobStatus.DONE", "JobStatus.CANCELLED")
    assert told["inputs"] == [True, True]
    assert "<SuperstaqBackend('quws_simulator_simulator')>" in told["targets"]
    assert (told["info"], told["user"][0]) == (True, "nothing")
    assert "Not authorized" in told["bad token"][1]
    assert "SHOTS must be at most" in told["too many"][1]
    assert "there is no target 'quws_nothing_qpu'" in told["no target"][1]
    return told


def test_superstaq_provider(closed: Service, token: str) -> None:
    told = superstaq_walk(closed, token, "v0.3.0")
    assert told["again"] == told["counts"]
    assert (told["tags"], told["metadata"]) == (["a", "b"], {"run": 7})
    assert "there is no job" in told["unknown"][1]


@older
def test_clients_of_services_that_are_spread_out(closed_spread: Service) -> None:
    mine, others = (token_of(closed_spread, user) for user in ("ella", "bob"))
    iqm_client_walk(closed_spread, (mine, others), "36.0.0")
    told = superstaq_walk(closed_spread, mine, "v0.3.0")
    assert told["again"] == told["counts"]


@older
def test_superstaq_provider_by_its_old_protocol(closed: Service, token: str) -> None:
    superstaq_walk(closed, token, "v0.2.0")


def cocos_walk(version: str, *arguments: str) -> dict[str, Any]:
    """What clients of before are told."""
    told: dict[str, Any] = walk(python_with(f"iqm-client=={version}"), "cocos_walk.py", *arguments)
    assert (told["status"], told["again"]) == ("ready", "ready")
    assert told["bits"] == [{"a key": [[1, 0]] * 5}, {"m": [[1]] * 5}]
    assert told.get("counts", [{"10": 5}, {"1": 5}]) == [{"10": 5}, {"1": 5}]
    assert (told["names"], told["qubits"]) == (["one", "two"], ["QB1", "QB2"])
    assert "404" in told["unknown"][1] or "not found" in told["unknown"][1]
    assert told["too many"][0] != "nothing"
    assert "ABORT needs a job that is not over" in told["ended"][1]
    assert (told["running"], told["aborted"]) == ("pending execution", "aborted")
    return told


@older
def test_iqm_client_by_its_old_protocol(closed: Service, token: str) -> None:
    assert "Authentication" in cocos_walk("20.17", closed.url, token)["bad token"][0]


@older
def test_iqm_client_that_knows_no_tokens(service: Service) -> None:
    cocos_walk("13.4", service.url)
