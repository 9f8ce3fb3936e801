from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines import compiled_once


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once() -> Iterator[None]:
    with compiled_once():
        yield
