"""Passwords are guessed slowly: by name, by address, and by both."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from time import monotonic

import structlog

from quws.domain.errors import TooManyRequests
from quws.domain.words import counted

_OF_NAME_FROM_ADDRESS, _FROM_ADDRESS, _OF_NAME = 10, 30, 100
"""How many guesses are free. Whoever guesses one name is stopped by the first, before the name's
owner is, who comes from elsewhere, and before others at the same address are."""
_LONGEST_SECONDS = 60.0
_FORGET_SECONDS = 900.0
_AT_MOST = 20_000
_NAME_LENGTH = 65
"""No user's name is as long: longer ones differ in nothing that matters."""
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Tries:
    count: int = 0
    until: float = 0.0
    touched: float = 0.0


@dataclass(frozen=True, slots=True)
class Guess:
    """One that has begun, and counts as wrong until it is taken back.

    ``seat`` is for whom it waits its turn.
    """

    seat: Hashable
    pair: tuple[str, str]
    tries: list[tuple[_Tries, float, float]]


class Guesses:
    """Counts guesses of passwords, and lets more of them wait twice as long each time.

    Names that have signed in from an address before are slowed only by what was tried of them
    from there, so that nobody can keep others out by guessing. What is counted is forgotten after
    a while, and soonest where there is too much of it.
    """

    def __init__(self) -> None:
        self._tries: OrderedDict[Hashable, _Tries] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def check(self, name: str, address: str) -> None:
        """Make sure that a guess may be made.

        Raises
        ------
        TooManyRequests
            There were too many.

        """
        self._may(self._found(name, address), monotonic())

    def begin(self, name: str, address: str) -> Guess:
        """Count a guess as wrong.

        Raises
        ------
        TooManyRequests
            There were too many; this one is not counted.

        """
        now = monotonic()
        pair = (name[:_NAME_LENGTH], address)
        found = self._found(name, address)
        self._may(found, now)
        counted = []
        for tries, free in found:
            before = tries.until
            tries.count += 1
            tries.touched = now
            if tries.count >= free:
                # The power is limited too: it would soon be too large for a float.
                tries.until = now + min(2.0 ** min(tries.count - free, 30), _LONGEST_SECONDS)
            counted.append((tries, before, tries.until))
        return Guess(address if pair not in self._known else pair, pair, counted)

    def take_back(self, guess: Guess) -> None:
        """Count a guess no more: it was not looked at."""
        for tries, before, since in guess.tries:
            tries.count -= 1
            if tries.until == since:
                tries.until = before

    def was_right(self, guess: Guess) -> None:
        """Count a guess no more, since it was none, and know its name at its address from now."""
        self.take_back(guess)
        self._known[guess.pair] = None
        self._known.move_to_end(guess.pair)
        if len(self._known) > _AT_MOST:
            self._known.popitem(last=False)

    def _found(self, name: str, address: str) -> list[tuple[_Tries, int]]:
        pair = (name[:_NAME_LENGTH], address)
        found = [(self._tried(pair), _OF_NAME_FROM_ADDRESS)]
        if pair not in self._known:
            found.append((self._tried(("address", "", address)), _FROM_ADDRESS))
            found.append((self._tried(("name", pair[0], "")), _OF_NAME))
        return found

    @staticmethod
    def _may(found: list[tuple[_Tries, int]], now: float) -> None:
        wait = max(tries.until for tries, _ in found) - now
        if wait > 0:
            seconds = math.ceil(wait)
            _log.warning("sign-in slowed", seconds=seconds)
            raise TooManyRequests(
                f"too many wrong passwords were tried; try again in {counted(seconds, 'second')}",
                seconds=seconds,
            )

    def _tried(self, key: Hashable) -> _Tries:
        now = monotonic()
        tries = self._tries.get(key)
        if tries is None or now - tries.touched > _FORGET_SECONDS:
            tries = self._tries[key] = _Tries(touched=now)
        self._tries.move_to_end(key)
        if len(self._tries) > _AT_MOST:
            self._tries.popitem(last=False)
        return tries
