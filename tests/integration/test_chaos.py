"""A minute of chaos; ``./quws chaos`` makes more of it."""

from __future__ import annotations

import os
from pathlib import Path

import chaos
import pytest
from harness import Postgres

SEED = int(os.environ.get("QUWS_CHAOS_SEED", "20261124"))


@pytest.mark.timeout(400)
def test_a_cluster_that_is_killed_and_frozen_at_random_loses_and_doubles_nothing(
    tmp_path: Path, postgres: Postgres
) -> None:
    tally = chaos.run(tmp_path, 10, SEED, postgres, rate=1.5, least=10)
    assert tally.checked["COMPLETED"] >= 10
    assert sum(tally.done.values()) >= 10


@pytest.mark.timeout(300)
def test_serve_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    tally = chaos.run_embedded(tmp_path, 4, SEED, rate=2)
    assert tally.checked["COMPLETED"] >= 4
