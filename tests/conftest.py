from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator, Iterator

import answers
import groups
import pytest
from harness import LOGS, Postgres, tail


def pytest_configure(config: pytest.Config) -> None:
    """Let processes under test hear SIGINT from their first moment, and groups have their way.

    A shell that runs the tests in the background has them ignore it, and what
    they start inherits that.
    """
    # Hooks of a conftest are not asked about fixtures of the whole session.
    config.pluginmanager.register(groups)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Tests fork, and gRPC, once it is loaded, would say something of that each time.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    # Whoever ends the tests ends what they started: fixtures clean up, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector rest while modules are loaded, and pass these by from then on."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


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
