"""What targets that are reached over a network have in common."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from quws.domain.clock import utc_now
from quws.targets.base import Busy
from quws.targets.linked import asked_again, patient, split_url


def wait(text: str) -> float:
    found = asked_again("busy", {"Retry-After": text})
    assert isinstance(found, Busy) and str(found) == "busy"
    return found.seconds


def test_when_to_ask_again_as_an_answer_says_it() -> None:
    assert wait("7") == 7
    assert wait(" 0 ") == 0
    # Nobody would look after the job for so long.
    assert wait("86400") == wait("9" * 400) == 300
    assert 50 < wait(format_datetime(utc_now() + timedelta(minutes=1), usegmt=True)) <= 60
    assert wait("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "\u0663", "21 Oct"])
def test_where_it_does_not_say_so(text: str) -> None:
    found = asked_again("busy", {"Retry-After": text})
    assert type(found) is ConnectionError
    assert type(asked_again("busy", {})) is ConnectionError


def test_a_machine_that_is_of_no_use_now_may_be_later() -> None:
    with pytest.raises(ConnectionError, match="no qubit"), patient():
        raise ValueError("it has no qubit")


def test_the_url_of_a_server() -> None:
    assert split_url("https://h:8/x", such_as="https://q").hostname == "h"
    for url in ("h", "ftp://h", "http://", "//h"):
        with pytest.raises(ValueError, match="such as https://q"):
            split_url(url, such_as="https://q")
