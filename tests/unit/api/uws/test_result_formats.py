"""Results in other formats than those in which they are kept, as clients ask for them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import httpx
import numpy as np
import pytest
from answers import expect, refusal_of
from astropy.io.votable import parse_single_table
from finished import REGISTERS, SHOTS, finished, sampled
from in_process import Api

from quws.domain.outcomes import CircuitOutcome, Expectation
from quws.domain.parameters.values import ResponseFormat

pytestmark = pytest.mark.anyio

ROWS = [
    (index, bits, count, count / 3)
    for index in range(2)
    for bits, count in (("0000001 01", 2), ("1000000 10", 1))
]
JSON = {"Accept": "application/json"}


async def url_of(api: Api, folder: Path, kept: ResponseFormat = ResponseFormat.JSON) -> str:
    job = await finished(api.backends, sampled(), folder, kept, {"circuit-0": b"OPENQASM 3.0;"})
    return f"/jobs/{job.id}/results"


@pytest.mark.parametrize("kept", ResponseFormat)
@pytest.mark.parametrize("name", ["result", "counts"])
async def test_counts_are_the_same_in_every_format(
    api: Api, http: httpx.AsyncClient, tmp_path: Path, kept: ResponseFormat, name: str
) -> None:
    url = f"{await url_of(api, tmp_path / 'made', kept)}/{name}"
    votable = expect(await http.get(url, params={"RESPONSEFORMAT": "votable"}))
    assert votable.headers["content-type"] == "application/x-votable+xml"
    table = parse_single_table(io.BytesIO(votable.content))
    assert [(int(k), str(o), int(c), float(f)) for k, o, c, f in table.array] == ROWS
    params = {(item.name, item.value) for item in table.params}
    assert {("shots", 3), ("register b", ",".join("2" * 7)), ("register a", "0,1")} <= params
    text = expect(await http.get(url, params={"responseformat": "CSV"})).text
    head, *rows = csv.reader(text.splitlines())
    assert head == ["circuit", "outcome", "count", "fraction"]
    assert [(int(k), o, int(c), float(f)) for k, o, c, f in rows] == ROWS
    document = expect(await http.get(url, params={"FORMAT": "application/json"}))
    assert document.content == expect(await http.get(url[: url.rindex("/")] + "/counts")).content


async def test_who_asks_by_a_media_type_gets_that_one(
    api: Api, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    url = f"{await url_of(api, tmp_path / 'made')}/result"
    as_if_absent = expect(await http.get(url, params={"RESPONSEFORMAT": "", "FORMAT": ""}))
    assert as_if_absent.content == expect(await http.get(url)).content
    for asked, sent in {
        "text/xml": "text/xml; charset=utf-8",
        "application/x-votable+xml;serialization=TABLEDATA": "application/x-votable+xml",
        "text/csv": "text/csv; charset=utf-8",
    }.items():
        answer = expect(await http.get(url, params={"RESPONSEFORMAT": asked}, headers=JSON))
        assert answer.headers["content-type"] == sent
        assert "content-length" not in answer.headers
        head = expect(await http.head(url, params={"RESPONSEFORMAT": asked}))
        assert (head.content, head.headers["etag"]) == (b"", answer.headers["etag"])
        kept = {"If-None-Match": answer.headers["etag"]}
        expect(await http.get(url, params={"RESPONSEFORMAT": asked}, headers=kept), 304)
        expect(await http.get(url, params={"RESPONSEFORMAT": "json"}, headers=kept))


async def test_shots_are_packed_bits(api: Api, http: httpx.AsyncClient, tmp_path: Path) -> None:
    from qiskit.primitives import BitArray

    url = f"{await url_of(api, tmp_path / 'made')}/memory"
    first, again = [
        expect(await http.get(url, params={"RESPONSEFORMAT": "npz"})).content for _ in range(2)
    ]
    assert first == again
    found = np.load(io.BytesIO(first))
    assert found["circuit-1"].tolist() == [[0, 0b101], [0, 0b101], [1, 0b10]]
    bits = BitArray(found["circuit-1"], 9)
    assert bits.get_bitstrings() == [shot.replace(" ", "") for shot in SHOTS]
    registers = json.loads(str(found["registers"]))
    assert [(item["name"], item["start"], item["size"]) for item in registers[2:]] == [
        ("a", 0, 2),
        ("b", 2, 7),
    ]
    of_b = bits.slice_bits(range(2, 9))
    assert of_b.get_bitstrings() == [shot.split()[0] for shot in SHOTS]
    rows = list(csv.reader(expect(await http.get(f"{url}?RESPONSEFORMAT=csv")).text.splitlines()))
    assert rows[:2] == [["circuit", "shot", "outcome"], ["0", "0", SHOTS[0]]]
    assert rows[-1] == ["1", "2", SHOTS[2]]


async def test_parquet_has_the_same_rows(api: Api, http: httpx.AsyncClient, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    url = f"{await url_of(api, tmp_path / 'made')}/counts"
    answer = expect(await http.get(url, params={"RESPONSEFORMAT": "parquet"}))
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    table = parquet.read_table(io.BytesIO(answer.content))
    assert [tuple(row.values()) for row in table.to_pylist()] == ROWS
    about = table.schema.metadata
    assert about[b"shots"] == b"3"
    assert json.loads(about[b"registers"])[0] == {"circuit": 0, **REGISTERS[0].model_dump()}


async def test_without_its_library_there_is_no_parquet(
    api: Api, http: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quws.schemas.outcomes.parquet.find_spec", lambda name: None)
    url = await url_of(api, tmp_path / "made")
    answer = await http.get(f"{url}/counts", params={"RESPONSEFORMAT": "parquet"})
    sentence = refusal_of(answer, 400, "invalid_filter")
    assert sentence.strip() == "this service has no Parquet: install quws[parquet]"
    page = expect(await http.get(url.removesuffix("/results"), headers={"Accept": "text/html"}))
    assert "counts?RESPONSEFORMAT=csv" in page.text
    assert "RESPONSEFORMAT=parquet" not in page.text


@pytest.mark.parametrize(
    ("name", "query", "sentence"),
    [
        (
            "counts",
            "RESPONSEFORMAT=npz",
            "'counts' must be one of votable, json, csv, parquet, not",
        ),
        ("memory", "RESPONSEFORMAT=xls", "one of votable, json, csv, parquet, npz, not 'xls'"),
        ("circuit-0", "RESPONSEFORMAT=csv", "'circuit-0' must be left out: it has one format"),
        ("counts", "RESPONSEFORMAT=csv&RESPONSEFORMAT=json", "RESPONSEFORMAT may be given once"),
        ("counts", "RESPONSEFORMAT=csv&FORMAT=json", "RESPONSEFORMAT and FORMAT are the same"),
    ],
)
async def test_other_formats_are_refused(
    api: Api, http: httpx.AsyncClient, tmp_path: Path, name: str, query: str, sentence: str
) -> None:
    url = await url_of(api, tmp_path / "made")
    answer = await http.get(f"{url}/{name}?{query}")
    assert sentence in refusal_of(answer, 400, "invalid_filter")


async def test_a_result_that_is_not_there_has_no_format(
    api: Api, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    url = await url_of(api, tmp_path / "made")
    for name in ("expectation", "mine", "counts-0"):
        refusal_of(await http.get(f"{url}/{name}?RESPONSEFORMAT=csv"), 404, "not_found")


async def test_expectation_values_can_be_had_in_other_formats(
    api: Api, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    from quws.domain.kinds import JobKind
    from quws.domain.options import RunOptions
    from quws.domain.spec import JobSpec

    outcome = CircuitOutcome({}, expectations=[Expectation("Z0 - X1", 0.25, None, 1)])
    spec = JobSpec.of(RunOptions(shots=1, kind=JobKind.ESTIMATE))
    job = await finished(api.backends, [outcome], tmp_path / "made", spec=spec)
    answer = await http.get(f"/jobs/{job.id}/results/expectation?RESPONSEFORMAT=csv")
    assert expect(answer).text.splitlines() == [
        "circuit,observable,value,error,shots",
        "0,Z0 - X1,0.25,,1",
    ]
