"""Accounts: users, and the tokens and sessions by which they are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from store_helpers import NOW, entry, later, new_job

from quws.domain.accounts import Session, Token, User
from quws.domain.caller import Credential, CredentialKind
from quws.store.accounts import AccountStore
from quws.store.database import Database
from quws.store.jobs.store import JobStore

pytestmark = pytest.mark.anyio

ANN = User("ann", "hash-of-ann", operator=False, created=NOW)
BOB = User("bob", "hash-of-bob", operator=True, created=later(1))
on_sqlite = pytest.mark.parametrize("dialect", ["sqlite"])


@pytest.fixture
async def accounts(database: Database) -> AccountStore:
    found = AccountStore(database)
    for user in (BOB, ANN):
        assert await found.add_user(user)
    return found


async def begin(accounts: AccountStore, session: Session) -> None:
    assert await accounts.add_session(session, password=f"hash-of-{session.user}", at_most=3)


async def test_a_name_is_given_once(accounts: AccountStore) -> None:
    assert not await accounts.add_user(replace(ANN, password="another"))
    assert await accounts.users() == [ANN, BOB]
    assert await accounts.user("ann") == ANN
    assert await accounts.user("ann ") is None


@on_sqlite
async def test_one_user_is_changed_and_no_other(accounts: AccountStore) -> None:
    assert await accounts.set_password("ann", "another")
    assert not await accounts.set_password("carl", "another")
    assert await accounts.users() == [replace(ANN, password="another"), BOB]


@on_sqlite
async def test_who_is_removed_takes_tokens_and_sessions_along(accounts: AccountStore) -> None:
    for user in ("ann", "bob"):
        await accounts.add_token(Token(f"token-{user}", user, "laptop", NOW, None))
        await begin(accounts, Session(f"session-{user}", user, NOW, later(60)))
    assert await accounts.remove_user("ann")
    assert not await accounts.remove_user("ann")
    assert await accounts.users() == [BOB]
    assert await accounts.tokens("ann") == []
    for found in (accounts.token_user("token-ann", NOW), accounts.session_user("session-ann", NOW)):
        assert await found is None
    assert await accounts.token_user("token-bob", NOW) == BOB
    assert await accounts.session_user("session-bob", NOW) == BOB


async def test_a_token_counts_until_it_expires(accounts: AccountStore) -> None:
    await accounts.add_token(Token("one", "ann", "laptop", NOW, later(60)))
    await accounts.add_token(Token("two", "bob", "laptop", NOW, None))
    assert await accounts.token_user("one", later(59.999)) == ANN
    assert await accounts.token_user("one", later(60)) is None
    assert await accounts.token_user("two", NOW + timedelta(days=36_500)) == BOB
    assert await accounts.token_user("three", NOW) is None


@on_sqlite
async def test_tokens_are_revoked_by_user_and_name(accounts: AccountStore) -> None:
    laptop, again = Token("1", "ann", "laptop", later(5), None), Token("2", "ann", "b", NOW, None)
    same = Token("3", "ann", "laptop", later(9), later(60))
    beside = Token("5", "ann", "a", NOW, None)
    others = Token("4", "bob", "laptop", NOW, None)
    for token in (laptop, again, same, others, beside):
        await accounts.add_token(token)
    assert await accounts.tokens("ann") == [beside, again, laptop, same]
    assert await accounts.remove_token("ann", "laptop") == 2
    assert await accounts.remove_token("ann", "laptop") == 0
    assert await accounts.tokens("ann") == [beside, again]
    assert await accounts.tokens("bob") == [others]
    assert await accounts.token_user("1", NOW) is None


@on_sqlite
async def test_a_session_counts_until_it_expires_or_ends(accounts: AccountStore) -> None:
    await begin(accounts, Session("one", "ann", NOW, later(60)))
    await begin(accounts, Session("two", "ann", NOW, later(90)))
    await begin(accounts, Session("three", "bob", NOW, later(90)))
    assert await accounts.session_user("one", later(59.999)) == ANN
    assert await accounts.session_user("one", later(60)) is None
    assert await accounts.session_user("four", NOW) is None
    await accounts.remove_session("two")
    assert await accounts.session_user("two", NOW) is None
    assert await accounts.session_user("one", NOW) == ANN
    await accounts.set_password("ann", "another")
    assert await accounts.session_user("one", NOW) is None
    assert await accounts.session_user("three", NOW) == BOB


@on_sqlite
async def test_sessions_that_have_expired_go_with_the_next(accounts: AccountStore) -> None:
    await begin(accounts, Session("one", "ann", NOW, later(60)))
    await begin(accounts, Session("two", "ann", NOW, later(61)))
    await begin(accounts, Session("three", "bob", later(60), later(90)))
    # As if the clock went back: what is gone does not count again.
    assert await accounts.session_user("one", NOW) is None
    assert await accounts.session_user("two", NOW) == ANN


async def test_a_user_has_so_many_sessions_and_the_oldest_one_ends(
    accounts: AccountStore,
) -> None:
    async def those_after(*numbers: int) -> list[int]:
        for number in numbers:
            await begin(accounts, Session(str(number), "ann", later(number), later(60 + number)))
        return [number for number in range(5) if await accounts.session_user(str(number), NOW)]

    await begin(accounts, Session("other", "bob", NOW, later(60)))
    # One that has just begun stays, whatever the clock of its process said.
    assert await those_after(3, 1, 2, 0) == [0, 2, 3]
    assert await those_after(4) == [2, 3, 4]
    assert await accounts.session_user("other", NOW) == BOB


async def test_no_session_begins_with_another_password(accounts: AccountStore) -> None:
    session = Session("one", "ann", NOW, later(60))
    assert not await accounts.add_session(session, password="hash-of-bob", at_most=3)
    assert await accounts.session_user("one", NOW) is None
    assert await accounts.add_session(session, password="hash-of-ann", at_most=3)
    assert await accounts.session_user("one", NOW) == ANN


async def test_credentials_hold_until_they_expire_or_end(accounts: AccountStore) -> None:
    await accounts.add_token(Token("1", "ann", "laptop", NOW, later(60)))
    await accounts.add_token(Token("2", "bob", "laptop", NOW, None))
    await begin(accounts, Session("1", "bob", NOW, later(90)))
    password = Credential(CredentialKind.PASSWORD, "hash-of-ann")
    short, forever = [Credential(CredentialKind.TOKEN, key) for key in "12"]
    session = Credential(CredentialKind.SESSION, "1")
    unknown = [Credential(kind, "3") for kind in CredentialKind]
    asked = [password, short, forever, session, *unknown]
    assert await accounts.holding(asked, NOW) == {
        password: ANN,
        short: ANN,
        forever: BOB,
        session: BOB,
    }
    assert await accounts.holding(asked, later(60)) == {password: ANN, forever: BOB, session: BOB}
    assert await accounts.holding(asked, later(90)) == {password: ANN, forever: BOB}
    assert await accounts.holding([session], NOW) == {session: BOB}
    assert await accounts.holding([], NOW) == {}


@on_sqlite
async def test_whose_jobs_are_still_there_is_known(
    accounts: AccountStore, database: Database
) -> None:
    await JobStore(database).creation.add(new_job(owner="ann"), [entry()])
    assert await accounts.has_jobs("ann")
    assert not await accounts.has_jobs("an")
    assert not await accounts.has_jobs("bob")
