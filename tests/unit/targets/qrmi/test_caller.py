"""Calls with a limit; the program that makes them is the real one, QRMI is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quws.targets.base import Gone
from quws.targets.qrmi.caller import Caller, CallRefused, CallUncertain

_QRMI = """
import os, time
from types import SimpleNamespace

class TaskNotFoundError(RuntimeError): pass
class InvalidInputError(RuntimeError): pass
class AuthenticationFailedError(RuntimeError): pass
class ConfigError(RuntimeError): pass

class ResourceType:
    IQMServer = "iqm"

class Payload:
    class IQMServer:
        def __init__(self, iqmjson): self.text = iqmjson

class QuantumResource:
    @classmethod
    def from_config(cls, name, kind, settings):
        if "KEY" not in settings:
            raise ConfigError("missing required config key: 'KEY'")
        print("something that must not stand between the answers")
        return cls()

    def target(self):
        return SimpleNamespace(value="x" * 3_000_000)

    def task_start(self, payload):
        match payload.text:
            case "hang": time.sleep(600)
            case "die": os._exit(3)
            case "refuse": raise InvalidInputError('invalid input: {"message": "too many shots"}')
            case "token": raise AuthenticationFailedError('{"errors": [{"message": "expired"}]}')
            case "iqm 429": raise RuntimeError("error in response: status code 429 Too")
            case "iqm 402": raise RuntimeError("error in response: status code 402 Pay")
            case "iqm 502": raise RuntimeError("error in response: status code 502 Bad Gateway")
            case "ibm 503": raise RuntimeError('response body: 503 Service Unavailable {"a": 1}')
            case "ibm 413": raise RuntimeError('response body: 413 Payload Too Large {"a": 1}')
            case "ibm 408": raise RuntimeError('response body: 408 Request Timeout {"a": 1}')
            case "break": raise RuntimeError("error sending request for url (http://h/)")
        return "task-" + payload.text

    def task_status(self, task):
        if task == "gone":
            raise TaskNotFoundError("task not found: gone")
        return "TaskStatus.Running"
"""


@pytest.fixture
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caller]:
    (tmp_path / "qrmi.py").write_text(_QRMI)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = Caller("lab", "IQMServer", {"KEY": "secret"}, limit=20)
    yield made
    made.close()


def test_answers_come_back_however_long_they_are(caller: Caller) -> None:
    assert caller.start("IQMServer", iqmjson="1") == "task-1"
    assert caller.ask("task_status", task="task-1") == "Running"
    assert len(caller.ask("target")) == 3_000_000


def test_what_has_no_answer_is_in_doubt_and_the_next_call_works(caller: Caller) -> None:
    with pytest.raises(CallUncertain, match="its process ended"):
        caller.start("IQMServer", iqmjson="die")
    caller.ask("task_status", task="1")
    caller._limit = 0.5
    with pytest.raises(CallUncertain, match="no answer within"):
        caller.start("IQMServer", iqmjson="hang")
    caller._limit = 20
    assert caller.ask("task_status", task="1") == "Running"


def test_what_its_errors_mean(caller: Caller) -> None:
    with pytest.raises(CallRefused, match="too many shots"):
        caller.start("IQMServer", iqmjson="refuse")
    with pytest.raises(ConnectionError, match="expired"):
        caller.start("IQMServer", iqmjson="token")
    with pytest.raises(CallUncertain, match="error sending request"):
        caller.start("IQMServer", iqmjson="break")
    with pytest.raises(Gone):
        caller.ask("task_status", task="gone")


def test_an_answer_that_it_has_no_error_for_is_told_by_its_status(caller: Caller) -> None:
    for text in ("iqm 429", "ibm 503"):
        with pytest.raises(ConnectionError):
            caller.start("IQMServer", iqmjson=text)
    for text in ("iqm 402", "ibm 413"):
        with pytest.raises(CallRefused):
            caller.start("IQMServer", iqmjson=text)
    for text in ("iqm 502", "ibm 408"):
        with pytest.raises(CallUncertain):
            caller.start("IQMServer", iqmjson=text)


def test_a_resource_that_lacks_something(caller: Caller) -> None:
    lacking = Caller("lab", "IQMServer", {}, limit=20)
    with pytest.raises(ValueError, match="missing required config key"):
        lacking.ask("target")
