"""All of a job in one archive, as clients get it."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from answers import expect, json_of, location_of, refusal_of
from circuits import BELL2
from finished import finished, sampled
from in_process import Api
from store_helpers import NOW

from quws.client.verify import verify
from quws.domain.job import Job, Parameter
from quws.domain.outcomes import read_job
from quws.domain.targets import Calibration

pytestmark = pytest.mark.anyio

PAGE = {"Accept": "text/html,application/xhtml+xml"}
SENT = b"QISKIT\x0d\x00\xff"


async def done(api: Api, folder: Path) -> Job:
    await api.backends.artifacts.put("sent/0", SENT)
    parameters = [
        Parameter("CIRCUIT", BELL2),
        Parameter("CIRCUIT", artifact="sent/0", size=len(SENT), mime_type="application/x-mine"),
        Parameter("SEED", "7"),
        Parameter("../up", artifact="sent/0", size=len(SENT)),
        Parameter("WEBHOOK", "http://127.0.0.1/secret"),
    ]
    more = {"circuit-0": b"OPENQASM 3.0; // compiled"}
    return await finished(api.backends, sampled(), folder, more=more, parameters=parameters)


async def test_a_bundle_has_all_that_repeating_takes(
    api: Api, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    job = await done(api, tmp_path / "made")
    answer = expect(await http.get(f"/jobs/{job.id}/bundle.zip"))
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{job.id}.zip"'
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(found["job.json"])
    assert (about["job"], about["phase"], about["options"]["seed"]) == (job.id, "COMPLETED", 7)
    sent = [
        (item["name"], found[item["file"]] if "file" in item else item["value"].encode())
        for item in about["parameters"]
    ]
    assert sent == [("CIRCUIT", BELL2.encode()), ("CIRCUIT", SENT), ("SEED", b"7"), ("../up", SENT)]
    assert all(".." not in name and not name.startswith("/") for name in found)
    assert b"secret" not in b"".join(found.values())
    by_id = {item["id"]: found[item["file"]] for item in about["results"]}
    assert [item.counts for item in read_job(by_id["counts"], by_id["memory"]).circuits] == [
        item.counts for item in sampled()
    ]
    assert found["compiled/circuit-0.qasm"] == b"OPENQASM 3.0; // compiled"
    assert {entry["status"] for entry in json.loads(found["timeline.json"])} == {
        "tested",
        "claimed",
    }
    sums = dict(line.split("  ")[::-1] for line in found.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


async def test_the_same_bundle_has_the_same_bytes(
    api: Api, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    job = await done(api, tmp_path / "made")
    url = f"/jobs/{job.id}/bundle.zip"
    first, again = [expect(await http.get(url)) for _ in range(2)]
    assert first.content == again.content
    kept = {"If-None-Match": first.headers["etag"]}
    expect(await http.get(url, headers=kept), 304)
    assert expect(await http.head(url)).content == b""
    await http.post(f"/jobs/{job.id}/labels", data={"ADDTAG": "mine"})
    expect(await http.get(url, headers=kept), 304)


async def test_a_job_that_is_not_over_has_no_bundle(api: Api, http: httpx.AsyncClient) -> None:
    job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2}))
    answer = await http.get(f"{job}/bundle.zip")
    sentence = refusal_of(answer, 403, "illegal_in_phase")
    assert "a bundle needs a job that is ABORTED or COMPLETED or ERROR" in sentence
    assert "bundle.zip" not in expect(await http.get(job, headers=PAGE)).text
    await http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    expect(await http.get(f"{job}/bundle.zip"))
    assert f"{job}/bundle.zip" in expect(await http.get(job, headers=PAGE)).text


async def test_the_calibration_is_in_the_bundle(
    api: Api, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    job = await finished(api.backends, sampled(), tmp_path / "made", calibration="c1")
    found = Calibration(id="c1", time=NOW)
    await api.backends.targets.calibrated(job.target, found, present=True)
    answer = expect(await http.get(f"/jobs/{job.id}/bundle.zip"))
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert Calibration.model_validate_json(archive.read("calibration.json")) == found
        assert json.loads(archive.read("job.json"))["calibration"] == "c1"


async def test_the_record_has_the_hashes_of_the_bundle(
    api: Api, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    pytest.importorskip("cryptography")
    job = await done(api, tmp_path / "made")
    path = tmp_path / "all.zip"
    path.write_bytes(expect(await http.get(f"/jobs/{job.id}/bundle.zip")).content)
    alone = expect(await http.get(f"/jobs/{job.id}/record"))
    assert alone.headers["content-type"] == "application/json"
    with ZipFile(path) as archive:
        assert archive.read("record.json") == alone.content
    (key,) = json_of(await http.get("/keys"))["keys"]
    found = verify(path, key["kid"])
    assert (found.record.job, found.record.seed, found.files) == (job.id, "7", 9)
    assert "Signed record" in expect(await http.get(f"/jobs/{job.id}", headers=PAGE)).text


async def test_a_service_that_does_not_sign_says_so(
    api: Api, http: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quws.schemas.record.find_spec", lambda name: None)
    job = await done(api, tmp_path / "made")
    for path in (f"/jobs/{job.id}/record", "/keys"):
        sentence = refusal_of(await http.get(path), 404, "not_found")
        assert sentence.strip() == "this service signs no records: install quws[records]"
    with ZipFile(io.BytesIO(expect(await http.get(f"/jobs/{job.id}/bundle.zip")).content)) as found:
        assert "record.json" not in found.namelist()
    assert "Signed record" not in expect(await http.get(f"/jobs/{job.id}", headers=PAGE)).text


async def test_a_job_that_is_not_over_has_no_record(http: httpx.AsyncClient) -> None:
    pytest.importorskip("cryptography")
    job = location_of(await http.post("/jobs", data={"CIRCUIT": BELL2}))
    sentence = refusal_of(await http.get(f"{job}/record"), 403, "illegal_in_phase")
    assert "a record needs a job that is ABORTED or COMPLETED or ERROR" in sentence
