"""Signing in, and what operators do with accounts."""

from __future__ import annotations

from base64 import urlsafe_b64decode

import pytest
from house import House

from quws.domain.caller import Caller
from quws.domain.errors import InvalidParameter, NotFound
from quws.services import accounts as module
from quws.services.accounts import AccountService
from quws.store.accounts import AccountStore

pytestmark = pytest.mark.anyio
PASSWORD = "a long password"


class Counter:
    """The clock that only counts, standing still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    made = Counter()
    monkeypatch.setattr(module, "monotonic", made)
    return made


@pytest.fixture
async def accounts(house: House) -> AccountService:
    made = AccountService(AccountStore(house.database), house.clock)
    await made.add("anna", PASSWORD, operator=False)
    return made


# -- passwords ----------------------------------------------------------------------------


async def test_who_knows_the_password_is_let_in(accounts: AccountService) -> None:
    assert await accounts.by_password("anna", PASSWORD) == Caller("anna")
    await accounts.add("otto", PASSWORD, operator=True)
    assert await accounts.by_password("otto", PASSWORD) == Caller("otto", operator=True)


@pytest.mark.parametrize(
    ("name", "password"),
    [("anna", "a wrong password"), ("anna", ""), ("bert", PASSWORD), ("ann", f"a\0{PASSWORD}")],
)
async def test_nobody_else_is(accounts: AccountService, name: str, password: str) -> None:
    for _ in range(2):
        assert await accounts.by_password(name, password) is None
    await accounts.by_password("anna", PASSWORD)
    assert await accounts.by_password(name, password) is None


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(
    accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    fits = module.password_fits

    def noted(password: str, stored: str) -> bool:
        compared.append([len(part) for part in stored.split("$")])
        return fits(password, stored)

    monkeypatch.setattr(module, "password_fits", noted)
    await accounts.add("robot", None, operator=False)
    for name in ("anna", "bert", "robot"):
        assert await accounts.by_password(name, "a wrong password") is None
    assert len(compared) == 3
    assert compared[0] == compared[1] == compared[2]


async def test_without_a_password_there_is_no_way_in_by_one(accounts: AccountService) -> None:
    await accounts.add("robot", None, operator=False)
    for password in ("", "None", PASSWORD):
        assert await accounts.by_password("robot", password) is None


async def test_a_password_is_remembered_for_half_a_minute(
    accounts: AccountService, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = 0
    fits = module.password_fits

    def counted(password: str, stored: str) -> bool:
        nonlocal checks
        checks += 1
        return fits(password, stored)

    monkeypatch.setattr(module, "password_fits", counted)
    for _ in range(3):
        assert await accounts.by_password("anna", PASSWORD) == Caller("anna")
    assert checks == 1, "checking one is slow on purpose"
    await accounts.set_password("anna", "another password")
    counter.now += 29.9
    assert await accounts.by_password("anna", PASSWORD) == Caller("anna")
    counter.now += 0.2
    assert await accounts.by_password("anna", PASSWORD) is None, "and then it is looked up again"
    assert await accounts.by_password("anna", "another password") == Caller("anna")


async def test_who_was_removed_is_out_within_half_a_minute(
    accounts: AccountService, counter: Counter
) -> None:
    await accounts.by_password("anna", PASSWORD)
    await accounts.remove("anna")
    counter.now += 30
    assert await accounts.by_password("anna", PASSWORD) is None


async def test_what_is_remembered_is_bounded(
    accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBER_AT_MOST", 2)
    for name in ("bert", "carl"):
        await accounts.add(name, PASSWORD, operator=False)
    for name in ("anna", "bert", "carl", "anna"):
        assert await accounts.by_password(name, PASSWORD) == Caller(name)
        assert len(accounts._remembered) <= 2


# -- sessions -------------------------------------------------------------------------------


async def test_a_session_lasts_a_week(accounts: AccountService, house: House) -> None:
    assert await accounts.sign_in("anna", "a wrong password") is None
    secret = await accounts.sign_in("anna", PASSWORD)
    assert secret is not None
    assert len(urlsafe_b64decode(secret + "=")) == 32, "nobody guesses it"
    assert await accounts.by_session(secret) == Caller("anna")
    assert await accounts.by_session("x" + secret) is None
    house.clock.forward(days=7, seconds=-1)
    assert await accounts.by_session(secret) == Caller("anna")
    house.clock.forward(seconds=1)
    assert await accounts.by_session(secret) is None


async def test_a_session_ends_with_signing_out_or_a_new_password(
    accounts: AccountService,
) -> None:
    first, second = [await accounts.sign_in("anna", PASSWORD) for _ in range(2)]
    assert first is not None
    assert second is not None
    await accounts.sign_out(first)
    assert await accounts.by_session(first) is None
    assert await accounts.by_session(second) == Caller("anna")
    await accounts.set_password("anna", "another password")
    assert await accounts.by_session(second) is None


# -- tokens ---------------------------------------------------------------------------------


async def test_a_token_is_its_users_until_it_expires(
    accounts: AccountService, house: House
) -> None:
    await accounts.add("otto", None, operator=True)
    forever = await accounts.create_token("otto", "robot", None)
    short = await accounts.create_token("anna", "robot", 1.5)
    assert await accounts.by_token(forever) == Caller("otto", operator=True)
    assert await accounts.by_token(short) == Caller("anna")
    assert await accounts.by_token(short[:-1]) is None
    house.clock.forward(hours=36)
    assert await accounts.by_token(short) is None
    assert await accounts.by_token(forever) == Caller("otto", operator=True)
    (kept,) = await accounts.tokens("anna")
    assert (kept.name, kept.expires) == ("robot", house.clock())
    assert short not in (kept.hash, kept.name), "the secret itself is not kept"


async def test_a_token_is_revoked_by_its_name(accounts: AccountService) -> None:
    secrets = [await accounts.create_token("anna", name, None) for name in ("one", "one", "two")]
    assert await accounts.revoke("anna", "one") == 2
    found = [await accounts.by_token(secret) for secret in secrets]
    assert found == [None, None, Caller("anna")]
    with pytest.raises(NotFound, match="user 'anna' has no token 'one'"):
        await accounts.revoke("anna", "one")
    await accounts.remove("anna")
    assert await accounts.by_token(secrets[2]) is None


# -- users ----------------------------------------------------------------------------------


async def test_users_are_added_once_and_by_names_that_are_some(
    accounts: AccountService, house: House
) -> None:
    with pytest.raises(InvalidParameter, match="there is a user 'anna' already") as caught:
        await accounts.add("anna", "another password", operator=True)
    assert caught.value.parameter == "name"
    assert await accounts.by_password("anna", "another password") is None
    for name, password in (("", PASSWORD), ("a b", PASSWORD), ("bert", "short")):
        with pytest.raises(InvalidParameter):
            await accounts.add(name, password, operator=False)
    (user,) = await accounts.users()
    assert (user.name, user.operator, user.created) == ("anna", False, house.clock())
    assert user.password is not None
    assert PASSWORD not in user.password


async def test_who_is_not_there_is_named(accounts: AccountService) -> None:
    for action in (
        accounts.remove("bert"),
        accounts.set_password("bert", PASSWORD),
        accounts.create_token("bert", "robot", None),
    ):
        with pytest.raises(NotFound, match="there is no user 'bert'"):
            await action
    with pytest.raises(InvalidParameter):
        await accounts.set_password("anna", "short")
    assert await accounts.by_password("anna", PASSWORD) == Caller("anna")


async def test_a_user_has_so_many_tokens(accounts: AccountService) -> None:
    for number in range(100):
        await accounts.create_token("anna", f"token {number}", None)
    with pytest.raises(InvalidParameter, match="at most 100 tokens"):
        await accounts.create_token("anna", "one more", None)
    await accounts.revoke("anna", "token 7")
    await accounts.create_token("anna", "one more", None)
