"""What owners have, and that they get no more than they may."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest
from house import ANNA, BERT, OPERATOR, House

from quws.domain.errors import Forbidden, QuotaExceeded
from quws.domain.policy import Policy
from quws.domain.quotas import Group, Limit, QuotaRules
from quws.services import quotas as module
from quws.services.quotas import Quotas
from quws.store.database import Database
from quws.store.jobs.usage import JobUsage, Usage

pytestmark = pytest.mark.anyio


class Told(JobUsage):
    """Tells what it was told, and how often it was asked."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.usage = Usage(3, 1000)
        self.asked: list[tuple[str, ...]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.was_asked = asyncio.Event()

    async def of(self, *owners: str) -> Usage:
        self.asked.append(owners)
        self.was_asked.set()
        await self.may_answer.wait()
        return self.usage


@pytest.fixture
def told(database: Database) -> Told:
    return Told(database)


def quotas_of(told: Told, jobs: int = 0, size: int = 0) -> Quotas:
    return Quotas(told, Policy(max_jobs=jobs, max_stored_bytes=size))


async def test_up_to_the_limit_and_no_further(told: Told) -> None:
    quotas = quotas_of(told, jobs=4, size=1100)
    await quotas.admit("anna", jobs=1, size=100)
    with pytest.raises(QuotaExceeded) as caught:
        await quotas.admit("anna", jobs=2)
    assert caught.value.sentence == (
        "3 jobs of this owner are there, and 4 may be; delete some of them, or wait for the"
        " destruction of one"
    )
    with pytest.raises(QuotaExceeded) as caught:
        await quotas.admit("anna", jobs=1, size=101)
    assert caught.value.sentence.startswith(
        "1000 bytes of parameters and results are kept of the jobs of this owner, and 1100 may be,"
        " too few for 101 more;"
    )
    assert caught.value.code == "quota_exceeded"


async def test_what_is_added_is_counted_at_once(told: Told) -> None:
    quotas = quotas_of(told, jobs=4, size=1100)
    quotas.add("anna", jobs=5)  # Nobody has asked yet: it is in what is counted.
    await quotas.admit("anna", jobs=1)
    quotas.add("anna", jobs=1, size=60)
    with pytest.raises(QuotaExceeded):
        await quotas.admit("anna", jobs=1)
    with pytest.raises(QuotaExceeded):
        await quotas.admit("anna", size=41)
    await quotas.admit("anna", size=40)
    await quotas.admit("bert", jobs=1, size=100)
    assert told.asked == [("anna",), ("bert",)]


async def test_an_owner_is_counted_once_a_second(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotas = quotas_of(told, jobs=4)
    for _ in range(100):
        await quotas.admit(None, jobs=1)
    assert told.asked == [("",)]
    told.usage = Usage(4, 0)
    monkeypatch.setattr(module, "monotonic", lambda: monotonic() + 1)
    with pytest.raises(QuotaExceeded):
        await quotas.admit(None, jobs=1)
    assert told.asked == [("",), ("",)]


async def test_a_count_that_takes_long_is_made_seldom(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = 1000.0
    monkeypatch.setattr(module, "monotonic", lambda: time)
    quotas = quotas_of(told, jobs=4)
    told.may_answer.clear()
    asking = asyncio.create_task(quotas.admit("anna", jobs=1))
    await told.was_asked.wait()
    time += 2
    told.may_answer.set()
    await asking
    time += 99
    await quotas.admit("anna", jobs=1)
    assert len(told.asked) == 1
    time += 2
    await quotas.admit("anna", jobs=1)
    assert len(told.asked) == 2


async def test_many_at_once_are_one_count(told: Told) -> None:
    quotas = quotas_of(told, jobs=4)
    told.may_answer.clear()
    asking = [asyncio.create_task(quotas.admit("anna", jobs=1)) for _ in range(20)]
    await told.was_asked.wait()
    asking[0].cancel()
    told.may_answer.set()
    await asyncio.gather(*asking[1:])
    assert len(told.asked) == 2  # Whoever counted first went away before it was told.


async def test_nothing_is_counted_where_there_is_no_limit(told: Told) -> None:
    await quotas_of(told).admit("anna", jobs=10**9, size=10**18)
    assert told.asked == []
    await quotas_of(told, jobs=4).admit("anna", size=10**18)
    await quotas_of(told, size=2000).admit("anna", jobs=10**9)


async def test_those_who_have_gone_are_forgotten(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    quotas = quotas_of(told, jobs=4)
    for name in "abc":
        await quotas.admit(name, jobs=1)
    monkeypatch.setattr(module, "monotonic", lambda: monotonic() + 1)
    await quotas.admit("d", jobs=1)
    assert list(quotas._known) == [("d",)]


async def test_a_group_is_counted_together(told: Told) -> None:
    rules = QuotaRules(group={"lab": Group(members=("anna", "bert"), jobs=4)})
    quotas = Quotas(told, Policy(max_jobs=100, max_stored_bytes=0), rules)
    await quotas.admit("anna", jobs=1)
    quotas.add("anna", jobs=1)
    with pytest.raises(QuotaExceeded, match="4 jobs of group lab are there, and 4 may be"):
        await quotas.admit("bert", jobs=1)
    await quotas.admit("carl", jobs=1)
    assert told.asked == [("anna",), ("anna", "bert"), ("bert",), ("carl",)]


async def test_near_a_limit_who_writes_must_look_again(told: Told) -> None:
    quotas = quotas_of(told, jobs=100_000, size=10**12)
    assert await quotas.admit("anna", jobs=1, size=1) == ()
    told.usage = Usage(98_999, 10**12 - 10**10)
    assert [bound.limit for bound in await quotas.admit("bert", jobs=2, size=1)] == [
        Limit.JOBS,
        Limit.STORED_BYTES,
    ]


async def test_operators_see_what_others_have_and_nobody_else_does(house: House) -> None:
    quotas = house.service(max_queued=3).quotas
    await house.submit(PHASE="RUN")
    for uses in (await quotas.report(ANNA), await quotas.report(OPERATOR, "anna")):
        found = {use.bound.limit: (use.used, use.bound.most) for use in uses}
        assert found[Limit.QUEUED] == (1, 3)
        assert found[Limit.JOBS] == (1, 1_000_000)
    with pytest.raises(Forbidden):
        await quotas.report(BERT, "anna")
    with pytest.raises(Forbidden):
        await quotas.report(BERT, "")
