"""How long no other child is asked for after one that did not get ready."""

from __future__ import annotations

_FIRST_SECONDS, _LONGEST_SECONDS = 0.05, 0.2


class Stillborn:
    """Children of a pool that did not get ready, of late.

    One may have been killed, and is to be followed at once. Else the next ones would hardly fare
    better, whoever waits for them.
    """

    def __init__(self) -> None:
        self._resting = 0
        self._seconds = _FIRST_SECONDS

    @property
    def recent(self) -> bool:
        """Whether there was one a moment ago, so that no other is asked for yet.

        Not by the time: for a timer that comes a millisecond early it would be a moment too soon,
        and nobody would ask again.
        """
        return self._resting > 0

    def note(self) -> float:
        """Note one; returns after how many seconds ``over`` is to be called, more each time."""
        seconds, self._seconds = self._seconds, min(2 * self._seconds, _LONGEST_SECONDS)
        self._resting += 1
        return seconds

    def over(self) -> None:
        """Note that the pause after one is over."""
        self._resting -= 1

    def forget(self) -> None:
        """Note that one got ready, so that the next pause is a short one."""
        self._seconds = _FIRST_SECONDS
