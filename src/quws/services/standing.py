"""Whether those who are served for long are still who they were when they came."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from quws.bus.events import EventHub
from quws.domain.accounts import User
from quws.domain.caller import Caller, Credential
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import Unauthenticated
from quws.services.repeat import repeat
from quws.store.accounts import AccountStore

_LOOK_SECONDS = 1.0


class Stay:
    """One who is served for long. ``over`` once the credentials are gone with which they came."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.over = False


class Standing:
    """Looks every second whether the credentials of all who wait in this process still hold.

    A user may be removed meanwhile, a password changed, a token revoked, a session ended. Those
    whose credentials are gone are woken, and find that their stay is over.
    """

    def __init__(self, store: AccountStore, events: EventHub, clock: Clock = utc_now) -> None:
        self._store = store
        self._events = events
        self._clock = clock
        self._stays: dict[Credential, set[Stay]] = {}

    @contextmanager
    def of(self, caller: Caller) -> Iterator[Stay]:
        """Look after a caller while the block lasts."""
        stay = Stay(caller)
        credential = caller.credential
        if credential is None:
            yield stay
            return
        self._stays.setdefault(credential, set()).add(stay)
        try:
            yield stay
        finally:
            self._stays[credential].discard(stay)
            if not self._stays[credential]:
                del self._stays[credential]

    async def run(self) -> None:
        """Look until cancelled."""
        await repeat(self.look, _LOOK_SECONDS, "looking at credentials failed")

    async def look(self) -> None:
        """Look once, and wake those who may not stay.

        Raises
        ------
        StoreUnavailable

        """
        looked_at = {key: list(stays) for key, stays in self._stays.items()}
        if not looked_at:
            return
        holding = await self._store.holding(looked_at.keys(), self._clock())
        ended = False
        for credential, stays in looked_at.items():
            for stay in stays:
                if not _is(holding.get(credential), stay.caller):
                    ended = stay.over = True
        if ended:
            self._events.wake_all()

    async def confirm(self, caller: Caller) -> None:
        """Make sure that a caller's credentials still hold, before something is made for them.

        Raises
        ------
        Unauthenticated
        StoreUnavailable

        """
        if caller.credential is None:
            return
        holding = await self._store.holding([caller.credential], self._clock())
        if not _is(holding.get(caller.credential), caller):
            raise gone()


def gone() -> Unauthenticated:
    """Make the refusal of somebody whose credentials held when they came."""
    return Unauthenticated("these credentials are wrong, or have expired")


def _is(user: User | None, caller: Caller) -> bool:
    return user is not None and Caller(user.name, user.operator) == caller
