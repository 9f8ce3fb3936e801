from __future__ import annotations

import signal
from collections.abc import Generator, Iterator

import answers
import pytest
from harness import Postgres


def pytest_configure() -> None:
    """Let processes under test hear SIGINT from their first moment.

    A shell that runs the tests in the background has them ignore it, and what
    they start inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last answers over HTTP to the report of a test that fails: they say why."""
    report = yield
    if report.when == "setup":
        answers.forget()
    elif report.failed and (text := answers.last_answers()):
        report.sections.append(("The last answers over HTTP", text))
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres().start()
    yield server
    server.stop()
