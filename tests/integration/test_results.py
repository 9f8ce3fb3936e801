"""What jobs gave, taken along: as somebody does it over HTTP, from Python and by commands."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from astropy.io.votable import parse_single_table
from circuits import BELL2
from commands import run
from harness import Service

from quws.client import Client, Job, Refused


@pytest.fixture(scope="module")
def job(service: Service) -> Job:
    with Client(service.url) as client:
        return client.submit(BELL2, BELL2, shots=20, seed=7, memory=True).wait()


def test_results_are_had_in_the_format_that_is_wanted(
    service: Service, job: Job, tmp_path: Path
) -> None:
    with Client(service.url) as client:
        job = client.job(job.id)
        counts = [item.counts for item in job.outcomes().circuits]
        wanted = {(k, bits, count) for k in range(2) for bits, count in counts[k].items()}
        rows = csv.DictReader(job.result("counts-1", "csv").decode().splitlines())
        assert {(1, row["outcome"], int(row["count"])) for row in rows} == {
            item for item in wanted if item[0] == 1
        }
        table = parse_single_table(io.BytesIO(job.result("memory", "votable")))
        assert len(table.array) == 40
        bits = np.load(io.BytesIO(job.result("memory", "npz")))["circuit-0"]
        assert {f"{int(row[0]):02b}" for row in bits} == set(counts[0])
        parquet = pytest.importorskip("pyarrow.parquet")
        columns = parquet.read_table(io.BytesIO(job.result("counts", "parquet"))).to_pydict()
        names = ("circuit", "outcome", "count")
        assert set(zip(*(columns[name] for name in names), strict=True)) == wanted
        with pytest.raises(Refused, match="RESPONSEFORMAT of the result 'counts' must be one of"):
            job.result("counts", "npz")
    file = tmp_path / "counts.csv"
    done = run(
        service.environment, "result", job.id, "counts", "--format", "csv",
        "--output", str(file), "--url", service.url,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    found = csv.DictReader(file.read_text().splitlines())
    assert {(int(r["circuit"]), r["outcome"], int(r["count"])) for r in found} == wanted
    assert [path.name for path in tmp_path.iterdir()] == ["counts.csv"]


def test_all_of_a_job_is_had_in_one_archive(service: Service, job: Job, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    done = run(service.environment, "bundle", job.id, "--output", str(file), "--url", service.url)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    with Client(service.url) as client, ZipFile(file) as archive:
        assert archive.read("circuits/1.qasm").decode() == BELL2
        assert archive.read("results/memory.json") == client.job(job.id).result("memory")
        assert b'"seed": 7' in archive.read("job.json")


def test_a_job_is_run_again_as_it_was(service: Service, job: Job) -> None:
    done = run(service.environment, "rerun", job.id, "--url", service.url)
    assert done.returncode == 0, done.stderr
    with Client(service.url) as client:
        again = client.job(done.stderr.strip().rsplit("/", 1)[1])
        assert again.id != job.id
        # The same seed: the same shots.
        before = client.job(job.id).outcomes()
        assert [item.memory for item in again.outcomes().circuits] == [
            item.memory for item in before.circuits
        ]


def test_where_results_come_from(service: Service, job: Job, tmp_path: Path) -> None:
    with Client(service.url) as client:
        found = client.job(job.id).provenance()
    assert found["prefix"]["quws"] == f"{service.url}/"
    assert f"quws:jobs/{job.id}/results/counts-1" in found["entity"]
    done = run(
        service.environment, "provenance", job.id, "--format", "votable", "--url", service.url
    )
    assert done.returncode == 0, done.stderr
    assert '<TABLE name="WasGeneratedBy"' in done.stdout


def test_a_bundle_is_what_the_service_has_signed(
    service: Service, job: Job, tmp_path: Path
) -> None:
    pytest.importorskip("cryptography")
    path = tmp_path / "all.zip"
    with Client(service.url) as client, path.open("wb") as file:
        client.job(job.id).save_bundle(file)
        assert client.job(job.id).record().record.seed == "7"
        (key,) = client.keys().keys
    done = run(service.environment, "verify", str(path), "--key", key.kid)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"job {job.id} on simulator: COMPLETED" in done.stdout
    record = tmp_path / "record.json"
    done = run(service.environment, "record", job.id, "--output", str(record), "--url", service.url)
    assert done.returncode == 0, done.stderr
    record.write_text(record.read_text().replace('"seed": "7"', '"seed": "8"'))
    done = run(service.environment, "verify", str(record))
    assert done.returncode == 1
    assert "the signature is not that of this record: one of them was changed" in done.stderr
