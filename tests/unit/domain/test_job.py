"""Job ids and the small parts of a job."""

import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from quws.domain.job import (
    REQUEUED,
    Claim,
    ErrorType,
    Job,
    JobError,
    Parameter,
    TimelineEntry,
    circuits_of,
    is_job_id,
    new_job_id,
    part_id,
)
from quws.domain.phases import Phase
from quws.domain.spec import JobSpec


def test_an_id_is_a_uuid_of_version_7() -> None:
    for _ in range(100):
        text = new_job_id()
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
        assert str(parsed) == text
        assert is_job_id(text)


def test_an_id_begins_with_a_digit() -> None:
    assert all(new_job_id()[0].isdigit() for _ in range(100))


def test_an_id_tells_when_it_was_made() -> None:
    before = time.time_ns() // 1_000_000
    millis = int(new_job_id().replace("-", "")[:12], 16)
    assert before <= millis <= time.time_ns() // 1_000_000


def test_ids_sort_by_age_and_never_repeat() -> None:
    made = [new_job_id() for _ in range(5000)]
    assert len(set(made)) == len(made)
    assert made == sorted(made)


def test_neighbours_do_not_tell_each_other() -> None:
    # Within a millisecond a part of the id counts up; the rest must be random.
    tails = [int(new_job_id()[-8:], 16) for _ in range(1000)]
    assert len(set(tails)) == len(tails)
    for bit in range(32):
        assert 350 < sum(tail >> bit & 1 for tail in tails) < 650


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "0194f7e2-7a2c-7d3e-8f00-0123456789a",
        "0194f7e2-7a2c-7d3e-8f00-0123456789abc",
        "0194F7E2-7A2C-7D3E-8F00-0123456789AB",
        "0194f7e27a2c7d3e8f000123456789ab",
        "{0194f7e2-7a2c-7d3e-8f00-0123456789ab}",
        "0194f7e2-7a2c-7d3e-8f00-0123456789ab\n",
        " 0194f7e2-7a2c-7d3e-8f00-0123456789ab",
        "0194f7e2-7a2c-7d3e-8f00-0123456789ag",
        "../../etc/passwd",
        "\u0660194f7e2-7a2c-7d3e-8f00-0123456789ab",
    ],
)
def test_what_is_no_id(text: str) -> None:
    assert not is_job_id(text)


def test_a_value_without_text_is_by_reference() -> None:
    assert Parameter("CIRCUIT", artifact="a/b", size=5).by_reference
    assert not Parameter("RUNID", value="").by_reference


def test_a_claim_speaks_of_its_job() -> None:
    job = Job(
        id=new_job_id(),
        owner=None,
        run_id=None,
        phase=Phase.EXECUTING,
        target="simulator",
        creation_time=datetime(2026, 1, 1, tzinfo=UTC),
        queued_time=None,
        start_time=None,
        end_time=None,
        destruction_time=None,
        execution_duration=0,
        quote=None,
        attempt=3,
        circuits=1,
        circuits_done=0,
        message=None,
        parameters=[],
        spec=JobSpec(),
        error=None,
    )
    claim = Claim(job, "lease", None)
    assert (claim.id, claim.attempt) == (job.id, 3)
    # What is taken where nobody has counted: no work, and a second for the fair share.
    assert (job.work, job.cost_ms, job.calibration_id, job.results) == (0, 1000, None, [])


def test_what_a_job_is_where_nothing_else_is_said() -> None:
    entry = TimelineEntry(datetime(2026, 1, 1, tzinfo=UTC), REQUEUED, "sweeper")
    assert (entry.status, entry.message, entry.id) == ("requeued", None, None)
    # An entry is what it says, whatever its place.
    assert entry == replace(entry, id=5)
    assert entry != replace(entry, message="again")
    assert (JobError(ErrorType.FATAL, "killed", "by hand").detail, str(ErrorType.TRANSIENT)) == (
        None,
        "transient",
    )
    assert Parameter("SHOTS", value="10").mime_type == "text/plain; charset=utf-8"
    assert not Parameter("SHOTS", value="10").is_post
    assert Parameter("SHOTS", value="10").size == 0


@pytest.mark.parametrize(
    ("result_id", "circuits"),
    [
        ("counts-0", range(1)),
        ("counts-7-9", range(7, 10)),
        ("expectation-100-199", range(100, 200)),
        ("compilation-3", range(3, 4)),
        ("counts", range(0)),
        ("circuit-3", range(0)),
        ("counts-a", range(0)),
        ("counts-1-2-3", range(0)),
        ("counts--1", range(0)),
        (f"counts-{10**9}", range(0)),
    ],
)
def test_the_id_of_a_result_says_of_which_circuits_it_is(result_id: str, circuits: range) -> None:
    assert circuits_of(result_id) == circuits
    if circuits:
        assert part_id(result_id.partition("-")[0], circuits) == result_id
