from __future__ import annotations

import signal
from collections.abc import Generator, Iterator

import answers
import pytest
from harness import LOGS, Postgres, tail

SHARED = ("strict_form", "standing", "site", "mishaps")
"""Fixtures that are services, and dear: the tests that use one are a group."""
SERVICES = ("service", "closed", *SHARED)
"""Fixtures of a session that are services."""
LONG = {
    name: place
    for place, name in enumerate(
        ("test_rolling_upgrade", "embedded", "cluster", "test_chaos", "browser", "test_packaging")
    )
}


def pytest_configure() -> None:
    """Let processes under test hear SIGINT from their first moment.

    A shell that runs the tests in the background has them ignore it, and what
    they start inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Whoever ends the tests ends what they started: fixtures clean up, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares a service, where several processes run the tests.

    What takes longest goes first, so that no process is left with it while the others have
    nothing to do any more.
    """
    for item in items:
        if "unit" not in item.path.parts:
            item.add_marker(pytest.mark.xdist_group(group_of(item)))
    items.sort(key=lambda item: LONG.get(group_of(item), len(LONG)))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the services of a group with its last test: idle ones would slow the other groups."""
    if nextitem is None or group_of(nextitem) == group_of(item):
        return
    assert isinstance(item, pytest.Function)
    known = item.session._fixturemanager._arg2fixturedefs
    for fixture in (fixture for name in SERVICES for fixture in known.get(name, ())):
        fixture.finish(item._request)  # type: ignore[arg-type]


def group_of(item: pytest.Item) -> str:
    """Return the name of what the test shares with others: a service, else its module."""
    if item.path.parent.name == "browser":
        return "browser"
    form = getattr(getattr(item, "callspec", None), "params", {}).get("service")
    if isinstance(form, str):
        return form
    used = getattr(item, "fixturenames", ())
    return next((name for name in SHARED if name in used), item.path.stem)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure the last answers over HTTP, and what the services said meanwhile."""
    report = yield
    if report.when == "setup":
        answers.forget()
    if report.failed:
        if text := answers.last_answers():
            report.sections.append(("The last answers over HTTP", text))
        for log in sorted(LOGS):
            if log.exists() and log.stat().st_mtime >= call.start:
                report.sections.append((str(log), tail(log)))
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres().start()
    yield server
    server.stop()
