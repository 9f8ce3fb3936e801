from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness import Postgres


@pytest.hookimpl(tryfirst=True)  # Before the groups are read.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares a service, when several processes run the tests.

    The tests of one form of the service, and those of one file. The forms come
    first, since they take longest.
    """

    def form_of(item: pytest.Item) -> str | None:
        parameters = getattr(item, "callspec", None)
        return None if parameters is None else parameters.params.get("service")

    for item in items:
        group = form_of(item) or item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: form_of(item) is None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres().start()
    yield server
    server.stop()
