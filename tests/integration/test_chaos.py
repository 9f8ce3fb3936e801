"""A minute of chaos; ``./quws chaos`` makes more of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import chaos
import pytest
from chaos_load import Plan, load
from chaos_owners import Owned
from harness import Postgres

SEED = int(os.environ.get("QUWS_CHAOS_SEED", "20261124"))


@pytest.fixture(scope="module")
def battered(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Owned]:
    with chaos.battered(tmp_path_factory.mktemp("battered"), postgres) as owned:
        yield owned


@pytest.mark.timeout(400)
def test_a_cluster_that_is_killed_and_frozen_at_random_loses_and_doubles_nothing(
    battered: Owned,
) -> None:
    tally = chaos.run(battered, 8, SEED, rate=1.5, least=8)
    assert tally.checked["COMPLETED"] >= 8
    assert sum(tally.done.values()) >= 8
    kept = ("counters of quotas", "timeslots", "claims in timeslots", "messages")
    assert all(tally.checked[what] for what in kept), tally.checked


@pytest.mark.timeout(300)
def test_children_and_workers_killed_under_a_load_of_small_jobs_lose_and_double_nothing(
    battered: Owned,
) -> None:
    tally = load(battered.service, Plan(kills=30, rate=5, in_flight=100, seed=SEED))
    assert tally.checked["COMPLETED"] >= 100
    assert sum(tally.done.values()) >= 30


@pytest.mark.timeout(300)
def test_serve_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    tally = chaos.run_embedded(tmp_path, 3, SEED, rate=2)
    assert tally.checked["COMPLETED"] >= 3
    assert tally.checked["messages"]
