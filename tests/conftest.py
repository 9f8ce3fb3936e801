from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from harness import Postgres


def pytest_configure() -> None:
    """Let processes under test hear SIGINT from their first moment.

    A shell that runs the tests in the background has them ignore it, and what
    they start inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres().start()
    yield server
    server.stop()
