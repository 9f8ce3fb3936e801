"""Users and tokens in SQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, insert, select, update

from quws.domain.accounts import Session, Token, User
from quws.domain.caller import Credential, CredentialKind
from quws.store import owner_tables as o
from quws.store import tables as t
from quws.store.database import Database
from quws.store.instants import Instant
from quws.store.jobs.clauses import CHUNK
from quws.store.statements import Statement

_u = o.users.c
_t = o.tokens.c
_s = o.sessions.c

_KEYS: BindParameter[Any] = bindparam("keys")
_NOW = bindparam("now", type_=Instant)
_KEY = bindparam("key", type_=_t.hash.type)
_USER = Statement(select(o.users).where(_u.name == bindparam("name", type_=_u.name.type)))
_TOKEN_USER = Statement(
    select(o.users)
    .join(o.tokens, _t.user == _u.name)
    .where(_t.hash == _KEY, _t.expires.is_(None) | (_t.expires > _NOW))
)
_SESSION_USER = Statement(
    select(o.users).join(o.sessions, _s.user == _u.name).where(_s.hash == _KEY, _s.expires > _NOW)
)
_HOLDING: dict[CredentialKind, Select[Any]] = {
    CredentialKind.PASSWORD: select(_u.password, o.users).where(_u.password.in_(_KEYS)),
    CredentialKind.TOKEN: select(_t.hash, o.users)
    .join(o.tokens, _t.user == _u.name)
    .where(_t.hash.in_(_KEYS), _t.expires.is_(None) | (_t.expires > _NOW)),
    CredentialKind.SESSION: select(_s.hash, o.users)
    .join(o.sessions, _s.user == _u.name)
    .where(_s.hash.in_(_KEYS), _s.expires > _NOW),
}


class AccountStore:
    """The accounts of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def user(self, name: str) -> User | None:
        """Find a user."""
        return await self._user(_USER, name=name)

    async def users(self) -> list[User]:
        """List all users by name."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(o.users).order_by(_u.name))
            return [User(*row) for row in rows]

    async def has_jobs(self, name: str) -> bool:
        """Whether there are jobs of somebody of this name."""
        async with self._database.read() as connection:
            found = select(t.jobs.c.id).where(t.jobs.c.owner == name).limit(1)
            return await connection.scalar(found) is not None

    async def add_user(self, user: User) -> bool:
        """Add a user. False when there is one of this name."""
        async with self._database.write() as connection:
            added = await connection.execute(
                self._database.insert(o.users)
                .values(
                    name=user.name,
                    password=user.password,
                    operator=user.operator,
                    created=user.created,
                )
                .on_conflict_do_nothing()
                # PostgreSQL's driver tells no count of inserted rows.
                .returning(_u.name)
            )
            return added.first() is not None

    async def set_password(self, name: str, password: str) -> bool:
        """Set the hash of a user's password, and end the sessions that the old one began.

        False when there is no user of this name.
        """
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(o.users).where(_u.name == name).values(password=password)
            )
            await connection.execute(delete(o.sessions).where(_s.user == name))
            return changed.rowcount == 1

    async def remove_user(self, name: str) -> bool:
        """Remove a user with all tokens and webhooks; jobs stay.

        False when there is none of this name.
        """
        async with self._database.write() as connection:
            await connection.execute(delete(t.webhooks).where(t.webhooks.c.owner == name))
            hidden = t.webhook_secrets.c.owner == name
            await connection.execute(delete(t.webhook_secrets).where(hidden))
            removed = await connection.execute(delete(o.users).where(_u.name == name))
            return removed.rowcount == 1

    async def token_user(self, token_hash: str, now: datetime) -> User | None:
        """Find whose token this is, if it has not expired."""
        return await self._user(_TOKEN_USER, key=token_hash, now=now)

    async def add_token(self, token: Token) -> None:
        """Add a token."""
        async with self._database.write() as connection:
            await connection.execute(
                insert(o.tokens).values(
                    hash=token.hash,
                    user=token.user,
                    name=token.name,
                    created=token.created,
                    expires=token.expires,
                )
            )

    async def tokens(self, user: str) -> list[Token]:
        """List a user's tokens, oldest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(o.tokens).where(_t.user == user).order_by(_t.created, _t.name)
            )
            return [Token(*row) for row in rows]

    async def remove_token(self, user: str, name: str) -> int:
        """Revoke a user's tokens of this name. Tells how many there were."""
        async with self._database.write() as connection:
            removed = await connection.execute(
                delete(o.tokens).where(_t.user == user, _t.name == name)
            )
            return removed.rowcount

    async def add_session(self, session: Session, *, password: str, at_most: int) -> bool:
        """Add a session, and forget those that have expired, and the user's oldest ones.

        False when the hash of the user's password is another one by now.
        """
        async with self._database.write() as connection:
            await connection.execute(delete(o.sessions).where(_s.expires <= session.created))
            # Locked, so that who changes the password meanwhile comes after, and ends it.
            user = select(_u.name).where(_u.name == session.user, _u.password == password)
            if await connection.scalar(user.with_for_update(read=True)) is None:
                return False
            newest = (
                select(_s.hash)
                .where(_s.user == session.user)
                .order_by(_s.created.desc(), _s.hash)
                .limit(at_most - 1)
            )
            await connection.execute(
                delete(o.sessions).where(_s.user == session.user, _s.hash.not_in(newest))
            )
            await connection.execute(
                insert(o.sessions).values(
                    hash=session.hash,
                    user=session.user,
                    created=session.created,
                    expires=session.expires,
                )
            )
            return True

    async def session_user(self, session_hash: str, now: datetime) -> User | None:
        """Find whose session this is, if it has not expired."""
        return await self._user(_SESSION_USER, key=session_hash, now=now)

    async def remove_session(self, session_hash: str) -> None:
        """End a session."""
        async with self._database.write() as connection:
            await connection.execute(delete(o.sessions).where(_s.hash == session_hash))

    async def holding(
        self, credentials: Collection[Credential], now: datetime
    ) -> dict[Credential, User]:
        """Return which of these credentials still hold, and whose they are."""

        def read(connection: Connection) -> dict[Credential, User]:
            found: dict[Credential, User] = {}
            for kind, query in _HOLDING.items():
                keys = [item.key for item in credentials if item.kind is kind]
                for start in range(0, len(keys), CHUNK):
                    rows = connection.execute(
                        query, {"keys": keys[start : start + CHUNK], "now": now}
                    )
                    found |= {Credential(kind, key): User(*user) for key, *user in rows}
            return found

        return await self._database.look(read)

    async def _user(self, query: Statement, **values: Any) -> User | None:
        row = await self._database.find(query, values)
        return None if row is None else User(*row)
