"""How many requests of one caller may wait for news."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from quws.domain.caller import Caller
from quws.domain.errors import TooManyRequests
from quws.services.jobs.listeners import Listeners

HERE, THERE = Caller(address="10.0.0.1"), Caller(address="10.0.0.2")
ANNA, ANNA_ELSEWHERE = (Caller("anna", address=item) for item in ("10.0.0.1", "10.0.0.2"))


def test_users_are_counted_by_name_and_others_by_address() -> None:
    listeners = Listeners(2)
    with ExitStack() as open_ones:
        for caller in (ANNA, ANNA_ELSEWHERE, HERE, HERE, THERE):
            open_ones.enter_context(listeners.listening(caller))
        for caller in (ANNA, ANNA_ELSEWHERE, HERE):
            with pytest.raises(TooManyRequests, match=r"^no more than 2 requests of one caller"):
                open_ones.enter_context(listeners.listening(caller))
        open_ones.enter_context(listeners.listening(THERE))
    for _ in range(3):
        with listeners.listening(HERE), listeners.listening(ANNA):
            pass


def test_there_may_be_no_limit() -> None:
    listeners = Listeners(0)
    with ExitStack() as open_ones:
        for _ in range(1000):
            open_ones.enter_context(listeners.listening(ANNA))
