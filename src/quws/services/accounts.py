"""Signing in, and what operators do with accounts."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from datetime import timedelta
from time import monotonic

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
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import InvalidParameter, NotFound
from quws.store.accounts import AccountStore

SESSION = timedelta(days=7)
"""How long a browser stays signed in."""

_MOST_TOKENS = 100
_REMEMBER_SECONDS = 30.0
_REMEMBER_AT_MOST = 10_000
_NOBODY = "scrypt$AAAAAAAAAAAAAAAAAAAAAA==$" + "A" * 86 + "=="
"""A hash that nothing fits: an unknown name must take as long as a wrong password."""


class AccountService:
    """Users and tokens."""

    def __init__(self, store: AccountStore, clock: Clock = utc_now) -> None:
        self._store = store
        self._clock = clock
        # Clients send Basic with every request, and checking a password is slow on
        # purpose. So what was right a moment ago is remembered, as a keyed hash.
        self._key = secrets.token_bytes(32)
        self._remembered: dict[bytes, tuple[float, Caller]] = {}

    async def by_password(self, name: str, password: str) -> Caller | None:
        """Return who signs in with a password; None if that is nobody."""
        seen = hashlib.blake2b(f"{name}\0{password}".encode(), key=self._key).digest()
        until, caller = self._remembered.get(seen, (0.0, None))
        if caller is not None and monotonic() < until:
            return caller
        user = await self._store.user(name)
        stored = user.password if user is not None and user.password else _NOBODY
        fits = await asyncio.to_thread(password_fits, password, stored)
        if user is None or not fits:
            return None
        if len(self._remembered) >= _REMEMBER_AT_MOST:
            self._remembered.clear()
        found = Caller(user.name, user.operator)
        self._remembered[seen] = (monotonic() + _REMEMBER_SECONDS, found)
        return found

    async def by_token(self, secret: str) -> Caller | None:
        """Return whose token this is; None if it is nobody's, or has expired."""
        user = await self._store.token_user(hash_token(secret), self._clock())
        return None if user is None else Caller(user.name, user.operator)

    async def sign_in(self, name: str, password: str) -> str | None:
        """Begin a session, and return its secret; None if the password is wrong."""
        caller = await self.by_password(name, password)
        if caller is None or caller.name is None:
            return None
        secret, now = secrets.token_urlsafe(32), self._clock()
        await self._store.add_session(Session(hash_token(secret), caller.name, now, now + SESSION))
        return secret

    async def by_session(self, secret: str) -> Caller | None:
        """Return whose session this is; None if it is nobody's, or over."""
        user = await self._store.session_user(hash_token(secret), self._clock())
        return None if user is None else Caller(user.name, user.operator)

    async def sign_out(self, secret: str) -> None:
        """End a session."""
        await self._store.remove_session(hash_token(secret))

    async def users(self) -> list[User]:
        """Return all users."""
        return await self._store.users()

    async def add(self, name: str, password: str | None, *, operator: bool) -> None:
        """Add a user; without a password tokens are the only way in.

        Raises
        ------
        InvalidParameter
            The name or the password is none, or the name is taken.

        """
        user = User(
            check_name(name),
            None if password is None else hash_password(password),
            operator,
            self._clock(),
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
        if not await self._store.change_user(name, password=hash_password(password)):
            raise NotFound(f"there is no user '{name[:70]}'")
        # Whoever got in with the old one is out.
        await self._store.remove_sessions(name)

    async def remove(self, name: str) -> None:
        """Remove a user with all tokens. The jobs stay until their destruction.

        Raises
        ------
        NotFound
            There is no such user.

        """
        if not await self._store.remove_user(name):
            raise NotFound(f"there is no user '{name[:70]}'")

    async def create_token(self, user: str, name: str, days: float | None) -> str:
        """Make a token, and return its secret, which is shown this once.

        Raises
        ------
        NotFound
            There is no such user.
        InvalidParameter
            They have as many as anybody may have.

        """
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
