"""A job made anew, as clients ask for it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from answers import expect, json_of, location_of, refusal_of
from circuits import BELL2
from finished import finished, sampled
from in_process import Api

pytestmark = pytest.mark.anyio

JSON = {"Accept": "application/json"}
PAGE = {"Accept": "text/html,application/xhtml+xml"}


async def parameters(http: httpx.AsyncClient, job: str) -> list[tuple[str, bytes]]:
    """Return the parameters of a job with their bytes."""
    listed = json_of(await http.get(f"{job}/parameters", headers=JSON))
    return [
        (name, expect(await http.get(f"{job}/parameters/{name}/{place}")).content)
        for name, value in listed.items()
        for place in range(len(value) if isinstance(value, list) else 1)
    ]


async def test_a_job_has_the_parameters_of_the_other_byte_for_byte(
    http: httpx.AsyncClient,
) -> None:
    files = [
        ("CIRCUIT", ("a", (BELL2 + "// é\r\n").encode())),
        ("CIRCUIT", ("b", (BELL2 + "//" + "x" * 5000).encode())),
        ("third", ("c", BELL2.encode())),
    ]
    form = {
        "CIRCUIT": "param:third",
        "SEED": "9223372036854775807",
        "shots": "7",
        "TAG": ["a", "b"],
        "RUNID": "r",
        "NAME": "n",
        "EXECUTIONDURATION": "77",
    }
    job = location_of(await http.post("/jobs", data=form, files=files))
    again = location_of(await http.post(f"{job}/rerun"))
    assert again != job
    same = await parameters(http, job)
    assert await parameters(http, again) == [*same, ("TARGET", b"simulator")]
    first, second = [json_of(await http.get(url, headers=JSON)) for url in (job, again)]
    for name in ("run_id", "name", "execution_duration", "target", "tags", "circuits", "phase"):
        assert first[name] == second[name], name
    assert second["timeline"][0]["message"] == f"as job {first['id']}"
    third = location_of(await http.post(f"{again}/rerun"))
    assert await parameters(http, third) == await parameters(http, again)


async def test_it_may_be_started_and_called_otherwise(http: httpx.AsyncClient) -> None:
    job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2, "RUNID": "r"}))
    again = location_of(await http.post(f"{job}/rerun", data={"PHASE": "RUN", "runid": "s"}))
    found = json_of(await http.get(again, headers=JSON))
    assert (found["phase"], found["run_id"]) == ("QUEUED", "s")


async def test_under_one_key_there_is_one_job(http: httpx.AsyncClient) -> None:
    job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2}))
    key = {"Idempotency-Key": "mine"}
    first, again = [location_of(await http.post(f"{job}/rerun", headers=key)) for _ in range(2)]
    assert first == again


async def test_other_parameters_are_refused(http: httpx.AsyncClient) -> None:
    job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2}))
    answer = await http.post(f"{job}/rerun", data={"SEED": "7"})
    sentence = refusal_of(answer, 403, "invalid_parameter")
    assert "a job is run again as it was" in sentence
    assert "not 'SEED'" in sentence
    missing = "/jobs/01a21d02-ed45-70c0-a8ee-198e1c48d935/rerun"
    refusal_of(await http.post(missing), 404, "not_found")


async def test_the_page_has_a_button_once_the_job_is_over(
    api: Api, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    pending = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2}))
    assert "/rerun" not in expect(await http.get(pending, headers=PAGE)).text
    job = await finished(api.backends, sampled(), tmp_path / "made")
    assert f"/jobs/{job.id}/rerun" in expect(await http.get(f"/jobs/{job.id}", headers=PAGE)).text
