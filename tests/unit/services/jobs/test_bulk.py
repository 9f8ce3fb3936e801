"""Things that are done with many jobs, and who may do them."""

from __future__ import annotations

import pytest
from house import ANNA, BERT, OPERATOR, House

from quws.domain.labels import ListFilter, Relabel
from quws.domain.phases import Phase
from quws.domain.targets import TargetStatus
from quws.services.jobs.bulk import Action

pytestmark = pytest.mark.anyio
ALL = ListFilter()


async def test_only_what_the_caller_may_see_is_touched(house: House) -> None:
    await house.submit()
    mine = await house.submit(caller=BERT)
    assert (await house.jobs.bulk.preview(BERT, ALL)).phases == {Phase.PENDING: 1}
    assert (await house.jobs.bulk.apply(BERT, Action.DELETE, ALL)).done == 1
    assert await house.store.reading.get(mine.id) is None
    assert (await house.jobs.bulk.preview(OPERATOR, ALL)).phases == {Phase.PENDING: 1}
    change = Relabel(add=("by the operator",))
    assert (await house.jobs.bulk.apply(OPERATOR, Action.LABEL, ALL, change)).done == 1
    (row,) = await house.jobs.reader.rows(ANNA, 5)
    assert row.tags == ["by the operator"]


async def test_what_is_created_later_is_not_meant(house: House) -> None:
    await house.submit()
    found = await house.jobs.bulk.preview(ANNA, ALL)
    house.clock.forward(milliseconds=1)
    late = await house.submit()
    these = ListFilter(before=found.before)
    assert (await house.jobs.bulk.apply(ANNA, Action.DELETE, these)).done == 1
    assert (await house.jobs.reader.get(ANNA, late.id)).phase is Phase.PENDING
    assert (await house.jobs.bulk.preview(ANNA, ALL)).of(Action.DELETE) == 1


async def test_run_stops_where_an_owner_has_as_many_as_may_wait(house: House) -> None:
    for _ in range(4):
        await house.submit()
    theirs = await house.submit(caller=BERT)
    bulk = house.service(max_queued=2).bulk
    done = await bulk.apply(OPERATOR, Action.RUN, ALL)
    assert (done.done, done.held, done.left) == (3, 1, 1)
    assert done.why is not None
    assert "2 jobs of this owner wait or run already" in done.why
    assert (await house.jobs.reader.get(BERT, theirs.id)).phase is Phase.QUEUED
    counts = (await house.jobs.bulk.preview(ANNA, ALL)).phases
    assert counts == {Phase.QUEUED: 2, Phase.HELD: 1, Phase.PENDING: 1}


async def test_a_target_that_is_gone_keeps_its_jobs(house: House) -> None:
    job = await house.submit()
    await house.targets.set_state("simulator", TargetStatus.RETIRED, None, None, "otto")
    done = await house.jobs.bulk.apply(ANNA, Action.RUN, ALL)
    assert (done.done, done.left) == (0, 1)
    assert done.why is not None
    assert "retired" in done.why
    assert (await house.jobs.reader.get(ANNA, job.id)).phase is Phase.PENDING
