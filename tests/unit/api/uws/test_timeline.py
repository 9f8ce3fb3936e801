"""The timeline of a job over HTTP."""

from __future__ import annotations

import httpx
import pytest
from answers import json_of, location_of
from circuits import BELL2

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ("", ["received", "validated", "aborted"]),
        ("?STATUS=received&status=aborted", ["received", "aborted"]),
        ("?SOURCE=quws", ["received", "validated"]),
        ("?SOURCE=quws&STATUS=aborted", []),
        ("?SOURCE=user", ["aborted"]),
    ],
)
async def test_entries_are_found(http: httpx.AsyncClient, query: str, statuses: list[str]) -> None:
    url = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2}))
    await http.post(f"{url}/phase", data={"PHASE": "ABORT"})
    found = json_of(await http.get(f"{url}/timeline{query}"))
    assert [item["status"] for item in found] == statuses
