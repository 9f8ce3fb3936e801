"""Where results come from, as clients are told."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from answers import expect, json_of, refusal_of
from astropy.io.votable import parse
from circuits import BELL2
from finished import finished, sampled
from in_process import URL, Api

from quws.domain.job import Job, Parameter

pytestmark = pytest.mark.anyio

JSON = {"Accept": "application/json"}


async def done(api: Api, folder: Path) -> Job:
    await api.backends.artifacts.put("sent/0", b"second")
    parameters = [
        Parameter("CIRCUIT", BELL2),
        Parameter("CIRCUIT", artifact="sent/0", size=6),
        Parameter("SEED", "7"),
        Parameter("WEBHOOK", "http://127.0.0.1/secret"),
    ]
    return await finished(
        api.backends,
        sampled(),
        folder,
        more={"circuit-0": b"OPENQASM 3.0;"},
        parameters=parameters,
        calibration="c<1>",
        name="a < b",
    )


def relations(found: dict[str, Any], kind: str) -> list[tuple[str, ...]]:
    return [tuple(item.values()) for item in found[kind].values()]


async def test_a_job_used_what_was_sent_and_has_made_its_results(
    api: Api, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    job = await done(api, tmp_path / "made")
    answer = await http.get(f"/jobs/{job.id}/provenance", headers=JSON)
    found = json_of(answer)
    assert "secret" not in answer.text
    assert found["prefix"]["quws"] == f"{URL}/"
    activity = f"quws:jobs/{job.id}"
    ((key, about),) = found["activity"].items()
    assert (key, about["prov:label"]) == (activity, "a < b")
    assert {"prov:startTime", "prov:endTime"} <= about.keys()
    used = {(entity, role) for _, entity, role in relations(found, "used")}
    assert used == {
        (f"{activity}/parameters/CIRCUIT", "circuit"),
        (f"{activity}/parameters/CIRCUIT/1", "circuit"),
        (f"{activity}/parameters/SEED", "parameter"),
        ("quws:targets/simulator/calibrations/c%3C1%3E", "calibration"),
    }
    assert found["entity"][f"{activity}/parameters/SEED"]["prov:value"] == "7"
    made = {(entity, role) for entity, _, role in relations(found, "wasGeneratedBy")}
    names = {"result": "result", "counts": "result", "memory": "result"}
    names["circuit-0"] = "compiled circuit"
    assert made == {(f"{activity}/results/{name}", role) for name, role in names.items()}
    agents = {agent for _, agent, _ in relations(found, "wasAssociatedWith")}
    assert agents == set(found["agent"]) == {"quws:owners/anonymous", "quws:targets/simulator"}
    # What is spoken of is there, and can be fetched under its name.
    assert {entity for entity, _ in used | made} == set(found["entity"])
    for entity in found["entity"]:
        if "calibrations" not in entity:
            expect(await http.get(entity.replace("quws:", f"{URL}/")))


async def test_the_votable_says_the_same(api: Api, http: httpx.AsyncClient, tmp_path: Path) -> None:
    job = await done(api, tmp_path / "made")
    url = f"/jobs/{job.id}/provenance"
    answer = expect(await http.get(url))
    assert answer.headers["content-type"] == "application/x-votable+xml"
    tables = {table.name: table.array for table in parse(io.BytesIO(answer.content)).iter_tables()}
    told = json_of(await http.get(url, params={"RESPONSEFORMAT": "json"}))
    for name, array in tables.items():
        kind = name[0].lower() + name[1:]
        assert len(array) == len(told[kind]), name
    assert [str(item) for item in tables["Activity"]["name"]] == ["a < b"]
    assert {str(item) for item in tables["Entity"]["id"]} == set(told["entity"])


async def test_other_formats_are_refused(api: Api, http: httpx.AsyncClient, tmp_path: Path) -> None:
    job = await done(api, tmp_path / "made")
    answer = await http.get(f"/jobs/{job.id}/provenance?RESPONSEFORMAT=csv")
    sentence = refusal_of(answer, 400, "invalid_filter")
    assert "RESPONSEFORMAT must be one of votable, json, not 'csv'" in sentence
