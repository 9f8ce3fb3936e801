"""Paths are made the ones that were meant."""

from __future__ import annotations

import pytest
from answers import expect
from one_middleware import served

from quws.api.kit.middleware import CleanPath

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("prefix", "sent", "meant"),
    [
        ("", "/jobs", "/jobs"),
        ("", "/jobs/", "/jobs"),
        ("", "/jobs///", "/jobs"),
        ("", "/", "/"),
        ("/lab/quws", "/lab/quws/jobs/", "/jobs"),
        ("/lab/quws", "/lab/quws", "/"),
        ("/lab/quws", "/lab/quws/", "/"),
        # The proxy has taken it off.
        ("/lab/quws", "/jobs", "/jobs"),
        ("/lab/quws", "/lab/quwsx/jobs", "/lab/quwsx/jobs"),
        ("/jobs", "/jobs/jobs", "/jobs"),
    ],
)
async def test_a_path_is_the_one_that_was_meant(prefix: str, sent: str, meant: str) -> None:
    async with served(CleanPath, prefix=prefix) as http:
        assert expect(await http.get(sent)).text == meant
