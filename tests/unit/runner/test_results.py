"""The result files of a job."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from astropy.io.votable import parse_single_table
from typing_extensions import override

from quws.domain.circuits import Register
from quws.domain.outcome_texts import END, NEXT, circuit_json, head_of_circuits
from quws.domain.outcomes import (
    CircuitOutcome,
    Compilation,
    Expectation,
    JobOutcomes,
    read_circuit,
    read_job,
)
from quws.domain.parameters.values import ResponseFormat
from quws.runner import results
from quws.sandbox.messages import ResultFile

REGISTERS = [Register(name="a<b", size=2, qubits=[1, None]), Register(name="d", size=1, qubits=[0])]


class AskedCounts(dict[str, int]):
    """Counts that note how often somebody goes through all of them."""

    asked = 0

    @override
    def values(self) -> Any:
        self.asked += 1
        return super().values()


def outcomes(*counts: dict[str, int], memory: bool = False) -> JobOutcomes:
    circuits = [
        CircuitOutcome(
            item,
            [bits for bits, count in item.items() for _ in range(count)] if memory else None,
            "aer/statevector",
            0.5,
            index=index,
            registers=REGISTERS,
        )
        for index, item in enumerate(counts)
    ]
    shots = sum(counts[0].values()) if counts else 0
    return JobOutcomes("01-job", "star", shots, circuits)


EXPECTED = [
    (0, "0 11", 6, 0.75),
    (0, "1 00", 2, 0.25),
    (1, "1 01", 8, 1.0),
]


def test_a_votable_has_a_row_for_each_outcome(tmp_path: Path) -> None:
    job = outcomes({"0 11": 6, "1 00": 2}, {"1 01": 8})
    files = results.write(tmp_path, job, ResponseFormat.VOTABLE)
    assert files == [
        ResultFile(id="result", file="result.vot", mime_type="application/x-votable+xml"),
        ResultFile(id="counts", file="counts.json", mime_type="application/json"),
    ]
    table = parse_single_table(io.BytesIO((tmp_path / "result.vot").read_bytes()))
    rows = table.array
    assert [(int(k), str(o), int(c), float(f)) for k, o, c, f in rows] == EXPECTED
    params = {(item.name, item.value) for item in table.params}
    assert {("job", "01-job"), ("target", "star"), ("shots", 8)} <= params
    assert ("register a<b", "1,-") in params
    assert len(params) == 3 + 2  # both circuits have the same registers
    ids = [item.ID for item in (*table.params, *table.fields)]
    assert len(set(ids)) == len(ids) == 3 + 4 + 4
    assert "QUERY_STATUS" in (tmp_path / "result.vot").read_text()


def test_a_votable_of_nothing_is_a_table_without_rows(tmp_path: Path) -> None:
    results.write(tmp_path, outcomes({}), ResponseFormat.VOTABLE)
    table = parse_single_table(io.BytesIO((tmp_path / "result.vot").read_bytes()))
    assert len(table.array) == 0
    assert [field.name for field in table.fields] == ["circuit", "outcome", "count", "fraction"]


def test_what_a_device_calls_an_outcome_cannot_break_the_table(tmp_path: Path) -> None:
    results.write(tmp_path, outcomes({"<TD>&": 1}), ResponseFormat.VOTABLE)
    table = parse_single_table(io.BytesIO((tmp_path / "result.vot").read_bytes()))
    assert [str(item) for item in table.array["outcome"]] == ["<TD>&"]


def test_csv_has_the_same_rows(tmp_path: Path) -> None:
    job = outcomes({"0 11": 6, "1 00": 2}, {"1 01": 8})
    results.write(tmp_path, job, ResponseFormat.CSV)
    head, *rows = csv.reader((tmp_path / "result.csv").read_text().splitlines())
    assert head == ["circuit", "outcome", "count", "fraction"]
    assert [(int(k), o, int(c), float(f)) for k, o, c, f in rows] == EXPECTED


def test_json_is_the_counts(tmp_path: Path) -> None:
    job = outcomes({"0 11": 6, "1 00": 2}, {"1 01": 8})
    results.write(tmp_path, job, ResponseFormat.JSON)
    assert (tmp_path / "result.json").read_bytes() == (tmp_path / "counts.json").read_bytes()
    assert read_job((tmp_path / "counts.json").read_bytes()) == job


def test_shots_are_written_if_they_are_there(tmp_path: Path) -> None:
    job = outcomes({"0 11": 2, "1 00": 1}, memory=True)
    files = results.write(tmp_path, job, ResponseFormat.JSON)
    assert [item.id for item in files] == ["result", "counts", "memory"]
    counts, memory = (tmp_path / "counts.json"), (tmp_path / "memory.json")
    assert "memory" not in json.loads(counts.read_bytes())["circuits"][0]
    assert read_job(counts.read_bytes(), memory.read_bytes()) == job


def test_a_circuit_of_a_batch_can_be_read_back(tmp_path: Path) -> None:
    (outcome,) = outcomes({"0 11": 2, "1 00": 1}, memory=True).circuits
    assert results.write_circuit(tmp_path / "circuit", outcome, small=10) is None
    assert read_circuit((tmp_path / "circuit").read_bytes()) == outcome


def test_what_circuits_gave_before_is_read_from_files_of_one_or_of_some(tmp_path: Path) -> None:
    job = outcomes({"0": 1}, {"1": 2}, {"0": 3})
    first, *others = job.circuits
    written = ["".join(circuit_json(item)) for item in others]
    some = head_of_circuits(job) + f"\n{NEXT}".join(written) + f"\n{END}"
    (tmp_path / "some").write_text(some)
    (tmp_path / "one").write_text("".join(circuit_json(first)))
    files = {0: str(tmp_path / "one"), 1: str(tmp_path / "some"), 2: str(tmp_path / "some")}
    assert results.read_done(files) == dict(enumerate(job.circuits))
    with pytest.raises(KeyError):
        results.read_done({1: files[0]})


@pytest.mark.parametrize("response_format", ResponseFormat)
def test_the_total_is_asked_for_once(response_format: ResponseFormat, tmp_path: Path) -> None:
    """A sum over all counts in each row would take the square of their number."""
    counts = AskedCounts({f"{number:04b}": number + 1 for number in range(16)})
    results.write(tmp_path, JobOutcomes("j", "t", 136, [CircuitOutcome(counts)]), response_format)
    assert counts.asked == (0 if response_format is ResponseFormat.JSON else 1)


# -- other kinds than counts ------------------------------------------------------------------

ESTIMATED = JobOutcomes(
    "01-job",
    "star",
    400,
    [
        CircuitOutcome(
            {},
            index=index,
            expectations=[
                Expectation("Z0 - X1", 0.25, 0.0125, 400),
                Expectation("2.0", 2.0, None, 0),
            ],
        )
        for index in range(2)
    ],
)
COMPILED = JobOutcomes(
    "01-job",
    "star",
    400,
    [
        CircuitOutcome(
            {},
            layout=[2, 0],
            compilation=Compilation(
                3, 5, 1, {"cz": 1, "r": 4}, "2", seed=0, shot_seconds=1.5e-6, fidelity=0.875
            ),
        )
    ],
    {"python": "3.11.1", "quws": "1.0"},
)


def test_expectation_values_are_a_table_of_their_own(tmp_path: Path) -> None:
    files = results.write(tmp_path, ESTIMATED, ResponseFormat.VOTABLE)
    assert [item.id for item in files] == ["result", "expectation"]
    table = parse_single_table(io.BytesIO((tmp_path / "result.vot").read_bytes()))
    assert [item.name for item in table.fields] == [
        "circuit",
        "observable",
        "value",
        "error",
        "shots",
    ]
    first = table.array[0]
    assert [first[name].item() for name in ("circuit", "value", "error", "shots")] == [
        0,
        0.25,
        0.0125,
        400,
    ]
    assert str(first["observable"]) == "Z0 - X1"
    assert table.array.mask[1]["error"]
    assert len(table.array) == 4
    ids = [item.ID for item in (*table.params, *table.fields)]
    assert len(set(ids)) == len(ids)
    assert read_job((tmp_path / "expectation.json").read_bytes()) == ESTIMATED


def test_expectation_values_as_csv_and_json(tmp_path: Path) -> None:
    results.write(tmp_path, ESTIMATED, ResponseFormat.CSV)
    rows = list(csv.reader((tmp_path / "result.csv").read_text().splitlines()))
    assert rows[:3] == [
        ["circuit", "observable", "value", "error", "shots"],
        ["0", "Z0 - X1", "0.25", "0.0125", "400"],
        ["0", "2.0", "2.0", "", "0"],
    ]
    results.write(tmp_path, ESTIMATED, ResponseFormat.JSON)
    assert (tmp_path / "result.json").read_bytes() == (tmp_path / "expectation.json").read_bytes()


def test_what_was_compiled_is_a_table_of_its_own(tmp_path: Path) -> None:
    files = results.write(tmp_path, COMPILED, ResponseFormat.CSV)
    assert [item.id for item in files] == ["result", "compilation"]
    rows = list(csv.reader((tmp_path / "result.csv").read_text().splitlines()))
    assert rows == [
        [
            *("circuit", "depth", "operations", "joining", "gates", "layout"),
            *("optimization", "shot_seconds", "fidelity"),
        ],
        ["0", "3", "5", "1", '{"cz":1,"r":4}', "[2, 0]", "2", "1.5e-06", "0.875"],
    ]
    results.write(tmp_path, COMPILED, ResponseFormat.VOTABLE)
    table = parse_single_table(io.BytesIO((tmp_path / "result.vot").read_bytes()))
    assert json.loads(str(table.array[0]["gates"])) == {"cz": 1, "r": 4}
    params = {item.name: item.value for item in table.params}
    assert "shots" not in params
    assert params["versions"] == "python 3.11.1, quws 1.0"
    assert read_job((tmp_path / "compilation.json").read_bytes()) == COMPILED


def test_counts_of_a_compiled_circuit_are_counts(tmp_path: Path) -> None:
    (circuit,) = COMPILED.circuits
    sampled = dataclasses.replace(
        COMPILED, circuits=[dataclasses.replace(circuit, counts={"0": 400})]
    )
    files = results.write(tmp_path, sampled, ResponseFormat.CSV)
    assert [item.id for item in files] == ["result", "counts"]
    assert (tmp_path / "result.csv").read_text().splitlines()[1:] == ["0,0,400,1.0"]
    assert read_job((tmp_path / "counts.json").read_bytes()) == sampled
