"""Those who are served for long, and lose the right to be meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from house import House
from sqlalchemy import update

from quws.bus.events import Watch
from quws.domain.caller import Caller, Credential, CredentialKind
from quws.domain.errors import Unauthenticated
from quws.services import standing as module
from quws.services.accounts import AccountService
from quws.services.standing import Standing
from quws.store import tables as t
from quws.store.accounts import AccountStore
from quws.store.database import StoreUnavailable

pytestmark = pytest.mark.anyio
PASSWORD = "a long password"
SECONDS = 10


@pytest.fixture
async def accounts(house: House) -> AccountService:
    made = AccountService(AccountStore(house.database), house.clock)
    for name in ("anna", "otto"):
        await made.add(name, PASSWORD, operator=name == "otto")
    return made


async def all_ways(accounts: AccountService, name: str) -> dict[str, Caller]:
    """Sign in by everything there is."""
    session = await accounts.sign_in(name, PASSWORD)
    assert session is not None
    found = {
        "password": await accounts.by_password(name, PASSWORD),
        "token": await accounts.by_token(await accounts.create_token(name, "laptop", 1)),
        "another token": await accounts.by_token(await accounts.create_token(name, "ci", None)),
        "session": await accounts.by_session(session),
    }
    return {way: caller for way, caller in found.items() if caller is not None}


async def over_after(house: House, accounts: AccountService, what: str) -> set[str]:
    """Tell whose stay is over after one look, of those who came before something was done."""
    standing = house.jobs.standing
    ways = await all_ways(accounts, "anna")
    assert len(ways) == 4
    others = await all_ways(accounts, "otto")
    with (
        standing.of(ways["password"]) as password,
        standing.of(ways["token"]) as token,
        standing.of(ways["another token"]) as another,
        standing.of(ways["session"]) as session,
        standing.of(others["session"]) as other,
        standing.of(Caller("carol")) as named_by_a_proxy,
        house.hub.feed() as feed,
    ):
        await standing.look()
        stays = dict(zip(ways, (password, token, another, session), strict=True))
        assert not any(item.over for item in stays.values())
        assert not await feed.changed(0), "nobody is woken for nothing"
        await do(house, accounts, what)
        await standing.look()
        assert await feed.changed(0)
        assert not (other.over or named_by_a_proxy.over)
        found = {way for way, item in stays.items() if item.over}
    assert not standing._stays, "nothing is kept of who has gone"
    return found


async def do(house: House, accounts: AccountService, what: str) -> None:
    match what:
        case "remove":
            await accounts.remove("anna")
        case "replace":
            await accounts.remove("anna")
            await accounts.add("anna", PASSWORD, operator=False)
        case "password":
            await accounts.set_password("anna", "another password")
        case "revoke":
            await accounts.revoke("anna", "laptop")
        case "expire":
            house.clock.forward(days=1)
        case "rank":
            async with house.database.write() as connection:
                await connection.execute(
                    update(t.users).where(t.users.c.name == "anna").values(operator=True)
                )


EVERY_WAY = {"password", "token", "another token", "session"}


@pytest.mark.parametrize(
    ("what", "over"),
    [
        ("remove", EVERY_WAY),
        ("replace", EVERY_WAY),
        ("password", {"password", "session"}),
        ("revoke", {"token"}),
        ("expire", {"token"}),
        # What they may see is not what it was.
        ("rank", EVERY_WAY),
    ],
)
async def test_whose_credentials_are_gone_may_not_stay(
    house: House, accounts: AccountService, what: str, over: set[str]
) -> None:
    assert await over_after(house, accounts, what) == over


async def test_a_session_that_ends_ends_alone(house: House, accounts: AccountService) -> None:
    secrets = [await accounts.sign_in("anna", PASSWORD) for _ in range(2)]
    one, two = [await accounts.by_session(secret or "") for secret in secrets]
    assert one is not None
    assert two is not None
    with house.jobs.standing.of(one) as first, house.jobs.standing.of(two) as second:
        await accounts.sign_out(secrets[0] or "")
        await house.jobs.standing.look()
        assert (first.over, second.over) == (True, False)


async def test_a_wait_ends_with_the_right_to_it(house: House, accounts: AccountService) -> None:
    caller = await accounts.by_password("anna", PASSWORD)
    assert caller is not None
    job = await house.submit(caller=caller)
    follower = house.jobs.follower
    waiting = asyncio.create_task(follower.wait(caller, job.id, 60))
    follow, feed = follower.follow(caller, job.id), follower.feed(caller, None)
    await anext(follow)
    await anext(feed)
    ends = [asyncio.create_task(collected(stream)) for stream in (follow, feed)]
    for _ in range(2):
        await asyncio.wait_for(house.hub.asleep.get(), SECONDS)
    await accounts.remove("anna")
    await house.jobs.standing.look()
    with pytest.raises(Unauthenticated):
        await asyncio.wait_for(waiting, SECONDS)
    assert await asyncio.wait_for(asyncio.gather(*ends), SECONDS) == [[], []]


async def test_of_those_who_share_their_looks_only_who_may_not_stay_leaves(
    house: House, accounts: AccountService
) -> None:
    ways = await all_ways(accounts, "anna")
    feeds = {way: house.jobs.follower.feed(ways[way], None) for way in ("password", "token")}
    for feed in feeds.values():
        await anext(feed)
    ends = asyncio.create_task(collected(feeds["token"]))
    goes_on = asyncio.create_task(anext(feeds["password"]))
    await accounts.revoke("anna", "laptop")
    await house.jobs.standing.look()
    assert await asyncio.wait_for(ends, SECONDS) == []
    news = await asyncio.wait_for(goes_on, SECONDS)
    assert (news.changed, news.deleted) == ([], [])
    job = await house.submit(caller=ways["password"])
    news = await asyncio.wait_for(anext(feeds["password"]), SECONDS)
    assert [ref.id for ref in news.changed] == [job.id]
    await feeds["password"].aclose()


async def test_no_job_is_made_for_who_was_removed_while_its_circuits_were_read(
    house: House, accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await accounts.by_password("anna", PASSWORD)
    assert caller is not None
    check = house.checker.check

    async def slow(*given: object, **named: object) -> object:
        await accounts.remove("anna")
        return await check(*given, **named)  # type: ignore[call-overload,arg-type]

    monkeypatch.setattr(house.checker, "check", slow)
    with pytest.raises(Unauthenticated):
        await house.submit(caller=caller)
    assert [ref async for ref in house.jobs.reader.refs(caller)] == []


async def collected(stream: object) -> list[object]:
    return [item async for item in stream]  # type: ignore[attr-defined]


async def test_it_goes_on_looking_whatever_happens(
    house: House, accounts: AccountService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    caller = await accounts.by_password("anna", PASSWORD)
    assert caller is not None
    store, looked = AccountStore(house.database), Watch()
    troubles = [StoreUnavailable("away"), ValueError("a fault")]
    holding = store.holding

    async def troubled(*given: object) -> object:
        if troubles:
            raise troubles.pop()
        looked.wake()
        return await holding(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "holding", troubled)
    standing = Standing(store, house.hub, house.clock)
    with standing.of(caller) as stay:
        looking = asyncio.create_task(standing.run())
        assert await looked.changed(SECONDS)
        assert not stay.over
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def test_many_are_looked_at_together(house: House, accounts: AccountService) -> None:
    caller = await accounts.by_password("anna", PASSWORD)
    assert caller is not None
    assert caller.credential is not None
    made_up = [Credential(CredentialKind.TOKEN, f"{number:064}") for number in range(2500)]
    store = AccountStore(house.database)
    found = await store.holding([*made_up, caller.credential], house.clock())
    assert {key: user.name for key, user in found.items()} == {caller.credential: "anna"}
