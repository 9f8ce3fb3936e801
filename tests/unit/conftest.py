from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines import compiled_once
from hypothesis import settings

from quws.domain import accounts

# Half as many examples of each property as by default: others come with each run.
settings.register_profile("half", max_examples=50)
settings.load_profile("half")


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once() -> Iterator[None]:
    with compiled_once():
        yield


@pytest.fixture(scope="module", autouse=True)
def passwords_cost_little() -> Iterator[None]:
    """Hash passwords in no time: what it costs is a claim of the domain, whose tests pay it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accounts, "_COST", 2)
        yield
