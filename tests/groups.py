"""Which tests go together: those that share a service, which begins and ends with them.

A plugin of pytest, which the conftest registers.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override
from xdist.scheduler import LoadScopeScheduling

SERVICES = ("service", "closed", "strict_form", "standing", "site", "mishaps")
"""Fixtures of a session that are services, and dear."""
RUNNING: list[pytest.FixtureDef[Any]] = []
SHARING = {
    "/browser/": "browser",
    "test_uws_": "strict",
    "test_survival": "standing",
    "test_execution": "standing",
    "test_accounts": "closed",
    "test_attacks": "closed",
    "test_reading_apart": "site",
    "test_remote_vendor": "site",
    "test_target_life": "site",
    "test_targets_api": "site",
}
"""Which modules share a service, in which they have the tests that are not of one of the forms."""
LONG = [
    "test_rolling_upgrade",
    "embedded",
    "cluster",
    "standing",
    "test_chaos",
    "browser",
    "strict",
]
"""The groups that take longest, in the order in which they are begun."""


@pytest.hookimpl(optionalhook=True)  # Where one process runs them, xdist need not be there.
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """Let several processes run the tests: those that share a service in one of them."""
    return Groups(config, log)


class Groups(LoadScopeScheduling):
    """Gives out the tests of a group together."""

    @override
    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the groups that take longest: at the end no process waits for one of them."""

    def place(item: pytest.Item) -> int:
        group = group_of(item.nodeid)
        return LONG.index(group) if group in LONG else len(LONG)

    items.sort(key=place)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the services of a group with its last test: idle ones would slow the other groups."""
    if nextitem is None or group_of(nextitem.nodeid) == group_of(item.nodeid):
        return
    while RUNNING:
        RUNNING.pop().finish(item._request)  # type: ignore[attr-defined]


@pytest.hookimpl(tryfirst=True)  # The first that answers is the last that is asked.
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> None:
    """Note which services a group has begun."""
    if fixturedef.argname in SERVICES:
        RUNNING.append(fixturedef)


def group_of(nodeid: str) -> str:
    """Return the name of what a test shares with others: a service, else its module."""
    if found := re.search(r"\[(embedded|cluster)[-\]]", nodeid):
        return found[1]
    module = nodeid.partition("::")[0]
    if module.startswith("tests/unit/"):
        return module
    return next((group for name, group in SHARING.items() if name in module), Path(module).stem)
