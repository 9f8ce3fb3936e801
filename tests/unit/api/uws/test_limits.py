"""Limits of owners and disks over HTTP: who is over them is told which, and how far."""

from __future__ import annotations

from pathlib import Path

import pytest
from answers import expect, location_of, refusal_of
from circuits import BELL2
from in_process import open_api

from quws.domain.policy import Policy
from quws.services.room import DiskRoom

pytestmark = pytest.mark.anyio
FORM = {"CIRCUIT": BELL2}
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "Accept": "text/html"}


async def test_a_quota_is_a_refusal_that_says_what_there_is(tmp_path: Path, schema: Path) -> None:
    policy = Policy(max_jobs=1)
    async with open_api(tmp_path, schema, policy=policy) as api, api.client() as http:
        job = location_of(await http.post("/jobs", data=FORM))
        for path in ("/jobs", "/async", "/sync"):
            answer = await http.post(path, data=FORM)
            sentence = refusal_of(answer, 403, "quota_exceeded")
            assert "1 job of this owner is there, and 1 may be" in sentence
            assert "Retry-After" not in answer.headers
        page = await http.post("/new", data=FORM | {"DO": "run"}, headers=BROWSER)
        assert "1 job of this owner is there, and 1 may be" in expect(page, 403).text
        expect(await http.post(f"{job}/phase", data={"PHASE": "RUN"}), 303)
        expect(await http.delete(job), 303)


async def test_a_full_disk_is_a_507_that_says_how_full_it_is(tmp_path: Path, schema: Path) -> None:
    room = DiskRoom([tmp_path], 1 << 60)
    async with open_api(tmp_path, schema, room=room) as api, api.client() as http:
        for path in ("/jobs", "/sync"):
            answer = await http.post(path, data=FORM)
            sentence = refusal_of(answer, 507, "insufficient_storage")
            assert f"new jobs are taken while {1 << 60} are; all else goes on" in sentence
            assert answer.headers["Retry-After"] == "5"
        page = await http.post("/new", data=FORM | {"DO": "run"}, headers=BROWSER)
        assert "the disk of the service is nearly full" in expect(page, 507).text
        expect(await http.get("/jobs"))
        expect(await http.get("/targets"))


@pytest.mark.parametrize(("limit", "said"), [(86_400, 86_400), (0, None)])
async def test_what_the_document_says_of_the_duration_is_what_is_kept(
    tmp_path: Path, schema: Path, limit: int, said: int | None
) -> None:
    policy = Policy(max_execution_duration=limit)
    async with open_api(tmp_path, schema, policy=policy) as api, api.client() as http:
        job = location_of(await http.post("/jobs", data=FORM | {"EXECUTIONDURATION": "0"}))
        other = location_of(await http.post("/jobs", data=FORM))
        await http.post(f"{other}/executionduration", data={"EXECUTIONDURATION": "0"})
        for url in (job, other):
            document = await http.get(url, headers={"Accept": "application/json"})
            assert document.json()["execution_duration"] == said
            assert (await http.get(f"{url}/executionduration")).text == str(said or 0)
            kept = await api.backends.jobs.reading.get(url.rsplit("/", 1)[1])
            assert kept is not None
            assert kept.execution_duration == (said or 0)
