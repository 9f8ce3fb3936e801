"""Signing in, and what operators do with accounts."""

from __future__ import annotations

import asyncio
import threading
from base64 import urlsafe_b64decode

import pytest
from house import House

from quws.domain.caller import Caller
from quws.domain.errors import Forbidden, InvalidParameter, NotFound, TooManyRequests
from quws.services import accounts as module
from quws.services import guesses as guesses_module
from quws.services.accounts import AccountService
from quws.services.seats import Seats
from quws.store.accounts import AccountStore

pytestmark = pytest.mark.anyio
PASSWORD = "a long password"


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed."""
    found: list[str] = []
    fits = module.password_fits

    def noted(password: str, stored: str) -> bool:
        found.append(password)
        return fits(password, stored)

    monkeypatch.setattr(module, "password_fits", noted)
    return found


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


async def test_a_password_is_checked_once_as_long_as_it_is_that_users(
    accounts: AccountService, checked: list[str]
) -> None:
    for password in (PASSWORD, "a wrong password"):
        for _ in range(3):
            await accounts.by_password("anna", password)
    assert checked == [PASSWORD, "a wrong password"], "checking one is slow on purpose"
    await accounts.set_password("anna", "another password")
    assert await accounts.by_password("anna", PASSWORD) is None
    assert await accounts.by_password("anna", "another password") == Caller("anna")
    await accounts.set_password("anna", "a wrong password")
    assert await accounts.by_password("anna", "a wrong password") == Caller("anna")


async def test_who_was_removed_is_out_at_once(accounts: AccountService) -> None:
    await accounts.by_password("anna", PASSWORD)
    await accounts.remove("anna")
    assert await accounts.by_password("anna", PASSWORD) is None
    await accounts.add("anna", "another password", operator=True)
    assert await accounts.by_password("anna", PASSWORD) is None
    assert await accounts.by_password("anna", "another password") == Caller("anna", operator=True)


async def test_what_is_remembered_is_bounded(
    accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBER_AT_MOST", 2)
    for name in ("bert", "carl"):
        await accounts.add(name, PASSWORD, operator=False)
    for name in ("anna", "bert", "carl", "anna"):
        assert await accounts.by_password(name, PASSWORD) == Caller(name)
        assert len(accounts._remembered) <= 2


async def test_requests_that_come_at_once_are_one_check_and_no_guesses(
    accounts: AccountService, checked: list[str]
) -> None:
    asked = [accounts.by_password("anna", PASSWORD, "192.0.2.1") for _ in range(50)]
    assert await asyncio.gather(*asked) == [Caller("anna")] * 50
    assert checked == [PASSWORD]


async def test_many_guesses_at_once_keep_nobody_else_out(
    accounts: AccountService, checked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is, all of it happens in one moment.
    monkeypatch.setattr(guesses_module, "monotonic", lambda: 1000.0)
    await accounts.add("bert", PASSWORD, operator=False)
    guesses = [
        accounts.by_password("anna", f"guess {number}", "192.0.2.1") for number in range(150)
    ]
    guessing = asyncio.gather(*guesses, return_exceptions=True)
    await asyncio.sleep(0)
    honest = await asyncio.gather(
        accounts.by_password("bert", PASSWORD, "192.0.2.1"),
        accounts.by_password("anna", PASSWORD, "192.0.2.2"),
    )
    assert honest == [Caller("bert"), Caller("anna")]
    found = await guessing
    assert found.count(None) == 10
    refused = [item for item in found if isinstance(item, TooManyRequests)]
    assert len(refused) == 140
    assert {item.seconds for item in refused} == {1}
    assert sum(item.startswith("guess") for item in checked) == 10
    # The right one is refused as well, or guessing would go on.
    with pytest.raises(TooManyRequests):
        await accounts.by_password("anna", PASSWORD, "192.0.2.1")


async def test_who_must_wait_is_not_told_what_is_right(
    accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guesses_module, "monotonic", lambda: 1000.0)
    assert await accounts.by_password("anna", PASSWORD, "192.0.2.1") == Caller("anna")
    for address in ("192.0.2.1", "192.0.2.2"):
        for number in range(10):
            assert await accounts.by_password("anna", f"guess {number}", address) is None
        for password in (PASSWORD, "guess 1", "guess 11"):
            with pytest.raises(TooManyRequests):
                await accounts.by_password("anna", password, address)
    assert await accounts.by_password("anna", PASSWORD, "192.0.2.3") == Caller("anna")


async def test_who_repeats_a_wrong_password_guesses_nothing(accounts: AccountService) -> None:
    # A program that nobody has told of the new one.
    for _ in range(100):
        assert await accounts.by_password("anna", "the old password", "192.0.2.1") is None
    assert await accounts.by_password("anna", PASSWORD, "192.0.2.1") == Caller("anna")


async def test_few_are_checked_at_once_and_those_of_one_address_one_after_the_other(
    accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: set[str] = set()
    most = 0
    both, go_on = threading.Event(), threading.Event()

    def waiting(password: str, stored: str) -> bool:
        nonlocal most
        running.add(password)
        most = max(most, len(running))
        if len(running) == 2:
            both.set()
        go_on.wait(10)
        running.discard(password)
        return False

    monkeypatch.setattr(module, "password_fits", waiting)
    asked = [
        asyncio.create_task(accounts.by_password("anna", f"{address} {number}", address))
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3")
        for number in range(5)
    ]
    assert await asyncio.to_thread(both.wait, 10)
    assert len({item.split()[0] for item in running}) == 2
    go_on.set()
    assert await asyncio.gather(*asked) == [None] * 15
    assert most == 2


async def test_who_finds_no_seat_has_not_guessed(
    accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts._seats = Seats(0, queue=1, seconds=0.01)
    for number in range(20):
        with pytest.raises(TooManyRequests, match="being checked right now"):
            await accounts.by_password("anna", f"guess {number}", "192.0.2.1")
    accounts._seats = Seats(1, queue=1, seconds=10)
    assert await accounts.by_password("anna", PASSWORD, "192.0.2.1") == Caller("anna")


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


async def test_signing_in_again_and_again_keeps_no_more_than_is_needed(
    accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_SESSIONS", 2)
    secrets = [await accounts.sign_in("anna", PASSWORD) for _ in range(5)]
    found = [await accounts.by_session(secret or "") for secret in secrets]
    assert found.count(Caller("anna")) == 2
    assert found[-1] == Caller("anna")


async def test_no_session_begins_with_a_password_that_is_old_by_then(
    accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_password = accounts.by_password

    async def late(name: str, password: str, address: str = "") -> Caller | None:
        found = await by_password(name, password, address)
        await accounts.set_password("anna", "another password")
        return found

    monkeypatch.setattr(accounts, "by_password", late)
    assert await accounts.sign_in("anna", PASSWORD) is None


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


async def test_a_token_makes_no_tokens(accounts: AccountService) -> None:
    session = await accounts.sign_in("anna", PASSWORD)
    token = await accounts.create_token("anna", "robot", 1)
    assert session is not None
    for caller, may in (
        (await accounts.by_token(token), False),
        (await accounts.by_session(session), True),
        (await accounts.by_password("anna", PASSWORD), True),
    ):
        assert caller is not None
        if may:
            await accounts.create_token("anna", "more", None, by=caller.credential)
        else:
            with pytest.raises(Forbidden, match="they would outlive it"):
                await accounts.create_token("anna", "more", 0.1, by=caller.credential)
    assert [item.name for item in await accounts.tokens("anna")].count("more") == 2


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


async def test_a_new_user_of_an_old_name_gets_no_jobs_by_accident(
    accounts: AccountService, house: House
) -> None:
    job = await house.submit(caller=Caller("anna"))
    with pytest.raises(InvalidParameter, match="there is a user 'anna' already"):
        await accounts.add("anna", PASSWORD, operator=False)
    await accounts.remove("anna")
    with pytest.raises(InvalidParameter, match=r"has left jobs.*--adopt") as caught:
        await accounts.add("anna", PASSWORD, operator=False)
    assert caught.value.parameter == "name"
    assert await accounts.users() == []
    await accounts.add("ann", PASSWORD, operator=False)
    await accounts.add("anna", PASSWORD, operator=False, adopt=True)
    await accounts.remove("anna")
    await house.jobs.control.delete(Caller("anna"), job.id)
    await accounts.add("anna", PASSWORD, operator=False)


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
