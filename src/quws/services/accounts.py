"""Signing in, and what operators do with accounts."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import OrderedDict
from datetime import timedelta

from quws.domain.accounts import (
    Session,
    Token,
    User,
    check_name,
    hash_password,
    hash_token,
    new_token,
    password_fits,
)
from quws.domain.caller import Caller, Credential, CredentialKind
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import Forbidden, InvalidParameter, NotFound, TooManyRequests
from quws.services.guesses import Guesses
from quws.services.seats import NoSeat, QueueFull, Seats
from quws.store.accounts import AccountStore

SESSION = timedelta(days=7)
"""How long a browser stays signed in."""

_MOST_TOKENS = 100
_MOST_SESSIONS = 100
"""How many browsers of one user stay signed in. The one that came first is asked again."""
_REMEMBER_AT_MOST = 10_000
_CHECKS, _CHECK_QUEUE, _CHECK_SECONDS = 2, 20, 15.0
"""How many passwords are hashed at once, how many of one address wait for it, and how long."""
_NOBODY = "scrypt$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 86 + "=="
"""A hash that nothing fits: an unknown name must take as long as a wrong password."""


class AccountService:
    """Users and tokens."""

    def __init__(self, store: AccountStore, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock
        # Clients send Basic with every request, and checking a password is slow on
        # purpose. So what was right or wrong is remembered, as a keyed hash, for as long
        # as the user has the password that it was compared with, and for one address.
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, tuple[str, bool]] = OrderedDict()
        self._checks: dict[tuple[bytes, str], asyncio.Task[bool]] = {}
        self._guesses = Guesses()
        self._seats = Seats(_CHECKS, queue=_CHECK_QUEUE, seconds=_CHECK_SECONDS)

    async def by_password(self, name: str, password: str, address: str = "") -> Caller | None:
        """Return who signs in with a password from an address; None if that is nobody.

        Raises
        ------
        TooManyRequests
            Too many wrong ones were tried.

        """
        user = await self._store.user(name)
        stored = user.password if user is not None and user.password else _NOBODY
        fits = await self._fits(name, password, stored, address)
        if user is None or not fits:
            return None
        return _caller(user, CredentialKind.PASSWORD, stored)

    async def _fits(self, name: str, password: str, stored: str, address: str) -> bool:
        # Also what is remembered: else those who must wait would be told which guess is right.
        self._guesses.check(name, address)
        text = f"{address}\0{name}\0{password}"
        seen = hashlib.blake2b(text.encode(), key=self._key).digest()
        compared_with, fits = self._remembered.get(seen, ("", False))
        if compared_with == stored:
            self._remembered.move_to_end(seen)
            return fits
        # Clients send several requests at once: one check is for all of them.
        which = (seen, stored)
        check = self._checks.get(which)
        if check is None:
            check = asyncio.create_task(self._check(name, password, stored, address))
            self._checks[which] = check
            check.add_done_callback(lambda done: self._checked(which, done))
        return await asyncio.shield(check)

    async def _check(self, name: str, password: str, stored: str, address: str) -> bool:
        guess = self._guesses.begin(name, address)
        try:
            async with self._seats.seat(guess.seat):
                fits = await asyncio.to_thread(password_fits, password, stored)
        except (QueueFull, NoSeat):
            self._guesses.take_back(guess)
            raise TooManyRequests(
                "too many passwords are being checked right now; try again"
            ) from None
        if fits:
            self._guesses.was_right(guess)
        return fits

    def _checked(self, which: tuple[bytes, str], check: asyncio.Task[bool]) -> None:
        del self._checks[which]
        if check.cancelled() or check.exception() is not None:
            return
        seen, stored = which
        self._remembered[seen] = (stored, check.result())
        if len(self._remembered) > _REMEMBER_AT_MOST:
            self._remembered.popitem(last=False)

    async def by_token(self, secret: str) -> Caller | None:
        """Return whose token this is; None if it is nobody's, or has expired."""
        key = hash_token(secret)
        user = await self._store.token_user(key, self._clock())
        return None if user is None else _caller(user, CredentialKind.TOKEN, key)

    async def sign_in(self, name: str, password: str, address: str = "") -> str | None:
        """Begin a session, and return its secret; None if the password is wrong.

        Raises
        ------
        TooManyRequests
            Too many wrong ones were tried.

        """
        caller = await self.by_password(name, password, address)
        if caller is None or caller.name is None or caller.credential is None:
            return None
        secret, now = secrets.token_urlsafe(32), self._clock()
        session = Session(hash_token(secret), caller.name, now, now + SESSION)
        # Not if the password was changed a moment ago, which has ended all sessions.
        begun = await self._store.add_session(
            session, password=caller.credential.key, at_most=_MOST_SESSIONS
        )
        return secret if begun else None

    async def by_session(self, secret: str) -> Caller | None:
        """Return whose session this is; None if it is nobody's, or over."""
        key = hash_token(secret)
        user = await self._store.session_user(key, self._clock())
        return None if user is None else _caller(user, CredentialKind.SESSION, key)

    async def sign_out(self, secret: str) -> None:
        """End a session."""
        await self._store.remove_session(hash_token(secret))

    async def users(self) -> list[User]:
        """Return all users."""
        return await self._store.users()

    async def add(
        self, name: str, password: str | None, *, operator: bool, adopt: bool = False
    ) -> None:
        """Add a user; without a password tokens are the only way in.

        ``adopt`` gives them the jobs that an earlier user of their name has left.

        Raises
        ------
        InvalidParameter
            The name or the password is none, or the name is taken; or an earlier user's jobs
            would be theirs.

        """
        user = User(
            check_name(name),
            None if password is None else hash_password(password),
            operator,
            self._clock(),
        )
        if not adopt and await self._store.has_jobs(name) and await self._store.user(name) is None:
            raise InvalidParameter(
                f"an earlier user '{name}' has left jobs, which would be the new one's: choose"
                " another name, or say --adopt if it is the same person",
                parameter="name",
            )
        if not await self._store.add_user(user):
            raise InvalidParameter(f"there is a user '{name}' already", parameter="name")

    async def set_password(self, name: str, password: str) -> None:
        """Set another password for a user, and end the sessions that the old one began.

        Raises
        ------
        NotFound
            There is no such user.
        InvalidParameter
            The password is too short or too long.

        """
        if not await self._store.set_password(name, hash_password(password)):
            raise NotFound(f"there is no user '{name[:70]}'")

    async def remove(self, name: str) -> None:
        """Remove a user with all tokens. The jobs stay until their destruction.

        Raises
        ------
        NotFound
            There is no such user.

        """
        if not await self._store.remove_user(name):
            raise NotFound(f"there is no user '{name[:70]}'")

    async def create_token(
        self, user: str, name: str, days: float | None, *, by: Credential | None = None
    ) -> str:
        """Make a token, and return its secret, which is shown this once.

        ``by`` is what its maker has shown; None for an operator at the command line.

        Raises
        ------
        Forbidden
            Its maker has shown a token: what that one makes would outlive it.
        NotFound
            There is no such user.
        InvalidParameter
            They have as many as anybody may have.

        """
        if by is not None and by.kind is CredentialKind.TOKEN:
            raise Forbidden(
                "a token makes no tokens, since they would outlive it: sign in with a password, or"
                " ask an operator"
            )
        if await self._store.user(user) is None:
            raise NotFound(f"there is no user '{user[:70]}'")
        if len(await self._store.tokens(user)) >= _MOST_TOKENS:
            raise InvalidParameter(
                f"a user has at most {_MOST_TOKENS} tokens; revoke one first", parameter="LABEL"
            )
        secret = new_token()
        now = self._clock()
        expires = None if days is None else now + timedelta(days=days)
        await self._store.add_token(Token(hash_token(secret), user, name, now, expires))
        return secret

    async def tokens(self, user: str) -> list[Token]:
        """Return a user's tokens."""
        return await self._store.tokens(user)

    async def revoke(self, user: str, name: str) -> int:
        """Revoke a user's tokens of this name, and return how many there were.

        Raises
        ------
        NotFound
            There is none.

        """
        count = await self._store.remove_token(user, name)
        if not count:
            raise NotFound(f"user '{user[:70]}' has no token '{name[:70]}'")
        return count


def _caller(user: User, kind: CredentialKind, key: str) -> Caller:
    return Caller(user.name, user.operator, Credential(kind, key))
