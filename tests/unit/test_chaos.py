"""What chaos makes of clients that are told what they should not be."""

from __future__ import annotations

from typing import Any, cast

import chaos_checks
import httpx
import pytest
from chaos import Clients
from chaos_checks import Tally
from harness import Service, until


class Answering:
    """A service that has one answer for everybody."""

    url = "http://quws.test"

    def __init__(self, answer: Any) -> None:
        self._transport = httpx.MockTransport(lambda _: answer())

    def client(self, **_: Any) -> httpx.Client:
        return httpx.Client(transport=self._transport, base_url=self.url)


def refuses() -> httpx.Response:
    return httpx.Response(403, text="invalid_payload: it is none")


def breaks() -> httpx.Response:
    raise RuntimeError("it broke")


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [(refuses, "403, invalid_payload: it is none"), (breaks, "a client broke down")],
)
def test_a_complaint_is_heard_after_what_was_accepted_is_checked(
    monkeypatch: pytest.MonkeyPatch, answer: Any, complaint: str
) -> None:
    service, tally = cast("Service", Answering(answer)), Tally()
    clients = Clients(service, tally, seed=1, rate=100)
    with clients:
        until(lambda: tally.complaints or clients._running[0].done(), 10, "a complaint")
    checked: list[Tally] = []
    monkeypatch.setattr(chaos_checks, "check_jobs", lambda _, told, __: checked.append(told))
    with pytest.raises(AssertionError, match=complaint):
        chaos_checks.check(service, tally)
    assert checked == [tally]


@pytest.mark.parametrize("status", [429, 503])
def test_an_answer_that_says_to_come_again_is_no_complaint(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    service, tally = cast("Service", Answering(lambda: httpx.Response(status))), Tally()
    with Clients(service, tally, seed=1, rate=100):
        until(lambda: tally.refused[str(status)] > 1, 10, "answers")
    monkeypatch.setattr(chaos_checks, "check_jobs", lambda *_: None)
    chaos_checks.check(service, tally)
