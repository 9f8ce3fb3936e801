"""UWS 1.1: the job list and its filters (L1 to L17)."""

from __future__ import annotations

import re
from datetime import timedelta, timezone

import httpx
import pytest
from circuits import BELL2
from harness import Service
from integration.uws_helpers import (
    COMMON,
    INSTANT,
    archived,
    children,
    held,
    id_of,
    is_nil,
    job_in,
    parse,
    removed,
)
from uws import HREF, NS, create, document, listed, text, wait


def created(http: httpx.Client, job: str) -> str:
    """The creation time of a job, as it is printed."""
    printed = text(document(http, job), "creationTime")
    assert printed is not None
    return printed


def several(http: httpx.Client, number: int) -> list[str]:
    """Make jobs, each created later than the one before."""
    jobs = [create(http) for _ in range(number)]
    times = [created(http, job) for job in jobs]
    assert times == sorted(set(times))
    return jobs


def ids(*jobs: str) -> list[str]:
    return [id_of(job) for job in jobs]


def test_L1_the_list_has_every_job(http: httpx.Client) -> None:
    jobs = several(http, 3)
    root = document(http, "/jobs")
    assert root.tag == f"{{{NS['uws']}}}jobs"
    found = listed(http)
    assert set(ids(*jobs)) <= set(found)
    assert len(found) == len(set(found))


def test_L1_the_list_may_be_empty(http: httpx.Client) -> None:
    assert len(document(http, "/jobs?AFTER=2999-01-01")) == 0


def test_L2_an_entry_has_id_link_and_elements_in_their_order(http: httpx.Client) -> None:
    named, plain = create(http, RUNID="my run"), create(http)
    for job, run_id in ((named, "my run"), (plain, None)):
        found = document(http, "/jobs").findall(f"uws:jobref[@id='{id_of(job)}']", NS)
        assert len(found) == 1
        ref = found[0]
        assert set(ref.attrib) == {"id", HREF}
        assert ref.get(HREF) == job
        runs = [] if run_id is None else ["runId"]
        assert children(ref) == ["phase", *runs, "ownerId", "creationTime"]
        assert text(ref, "runId") == run_id
        assert is_nil(ref, "ownerId")
        assert text(ref, "creationTime") == created(http, job)
        assert INSTANT.fullmatch(created(http, job))


def test_L3_the_whole_list_is_given_however_long_it_is(http: httpx.Client) -> None:
    jobs = [create(http) for _ in range(120)]
    with removed(http, *jobs):
        assert set(ids(*jobs)) <= set(listed(http))


@pytest.mark.parametrize("query", ["", "LAST=1000", "AFTER=2015-01-01", "AFTER=2015&LAST=1000"])
def test_L4_archived_jobs_are_not_listed(strict: httpx.Client, query: str) -> None:
    with archived(strict) as job:
        plain = create(strict)
        found = listed(strict, **dict(httpx.QueryParams(query)))
        assert id_of(plain) in found
        assert id_of(job) not in found


def test_L4_archived_jobs_are_not_listed_with_other_phases(strict: httpx.Client) -> None:
    with archived(strict) as job:
        others = ["PENDING", "QUEUED", "EXECUTING", "COMPLETED", "ERROR", "ABORTED", "HELD"]
        assert id_of(job) not in listed(strict, PHASE=[*others, "SUSPENDED", "UNKNOWN"])


def test_L5_archived_jobs_are_listed_when_asked_for(strict: httpx.Client) -> None:
    pending = id_of(create(strict))
    with archived(strict) as job:
        for query in (
            {"PHASE": "ARCHIVED"},
            {"PHASE": ["PENDING", "ARCHIVED"]},
            {"PHASE": "ARCHIVED", "LAST": "1"},
            {"PHASE": "ARCHIVED", "AFTER": "2015-01-01"},
        ):
            found = listed(strict, **query)
            assert id_of(job) in found
            assert (pending in found) == (len(query["PHASE"]) == 2)


@pytest.mark.parametrize("phase", COMMON)
def test_L6_a_phase_lists_jobs_in_that_phase_only(http: httpx.Client, phase: str) -> None:
    other = create(http)
    with job_in(http, phase) as job, removed(http, other):
        refs = document(http, f"/jobs?PHASE={phase}").findall("uws:jobref", NS)
        assert {text(ref, "phase") for ref in refs} == {phase}
        found = [ref.get("id") for ref in refs]
        assert id_of(job) in found
        assert (id_of(other) in found) == (phase == "PENDING")


def test_L6_a_phase_lists_held_jobs(strict: httpx.Client) -> None:
    with held(strict) as (job, blocker):
        assert listed(strict, PHASE="HELD") == [id_of(job)]
        assert listed(strict, PHASE="EXECUTING") in ([id_of(blocker)], [])


def test_L6_a_phase_without_jobs_lists_none(http: httpx.Client) -> None:
    create(http)
    assert listed(http, PHASE="UNKNOWN") == []


def test_L7_several_phases_list_jobs_in_any_of_them(http: httpx.Client) -> None:
    with (
        job_in(http, "COMPLETED") as completed,
        job_in(http, "PENDING") as pending,
        job_in(http, "ABORTED") as aborted,
    ):
        root = document(http, "/jobs?PHASE=PENDING&PHASE=ABORTED")
        refs = root.findall("uws:jobref", NS)
        assert {text(ref, "phase") for ref in refs} == {"PENDING", "ABORTED"}
        found = [ref.get("id") for ref in refs]
        assert id_of(pending) in found
        assert id_of(aborted) in found
        assert id_of(completed) not in found


def test_L8_after_lists_jobs_created_later_and_not_at_that_instant(http: httpx.Client) -> None:
    jobs = several(http, 4)
    for position, job in enumerate(jobs):
        found = listed(http, AFTER=created(http, job))
        assert found == ids(*reversed(jobs[position + 1 :]))


def test_L8_after_looks_at_the_creation_and_not_at_the_start(http: httpx.Client) -> None:
    older, newer = several(http, 2)
    http.post(f"{older}/phase", data={"PHASE": "RUN"})
    assert wait(http, older) == "COMPLETED"
    started = text(document(http, older), "startTime")
    assert parse(started) > parse(created(http, newer))
    assert id_of(older) not in listed(http, AFTER=created(http, newer))
    never_started = create(http)
    assert id_of(never_started) in listed(http, AFTER=created(http, newer))


LONG_AGO = [
    "2015",
    "2015-10",
    "2015-10-26",
    "20151026",
    "2015-10-26T09:00",
    "2015-10-26T09:00:00",
    "2015-10-26T09:00:00Z",
    "2015-10-26T09:00:00.123",
    "2015-10-26T09:00:00.123456Z",
    "20151026T090000Z",
]


@pytest.mark.parametrize("after", LONG_AGO)
def test_L9_every_usual_form_of_an_instant_is_read(http: httpx.Client, after: str) -> None:
    job = create(http)
    assert id_of(job) in listed(http, AFTER=after)
    # Read as anything else than a year, this would lie in the past.
    assert listed(http, AFTER=after.replace("2015", "2999")) == []


def test_L9_the_instant_is_utc_to_the_millisecond(http: httpx.Client) -> None:
    first, second = several(http, 2)
    printed = created(http, first)
    elsewhere = parse(printed).astimezone(timezone(timedelta(hours=2))).isoformat()
    for same in (printed.removesuffix("Z"), printed.replace("Z", "000Z"), elsewhere):
        assert listed(http, AFTER=same) == [id_of(second)]
    before = parse(printed) - timedelta(milliseconds=1)
    assert id_of(first) in listed(http, AFTER=before.isoformat())


def test_L10_last_lists_the_newest_first(http: httpx.Client) -> None:
    jobs = several(http, 3)
    assert listed(http, LAST="2") == ids(jobs[2], jobs[1])
    assert listed(http, LAST="1") == ids(jobs[2])


def test_L10_a_last_beyond_the_list_gives_all_in_order(http: httpx.Client) -> None:
    several(http, 3)
    refs = document(http, "/jobs?LAST=100000").findall("uws:jobref", NS)
    times = [text(ref, "creationTime") or "" for ref in refs]
    assert times == sorted(times, reverse=True)
    assert [ref.get("id") for ref in refs] == listed(http)


@pytest.mark.parametrize(
    "last", ["0", "-1", "sometext", "1.5", "", "1e3", "٣", "99999999999999999999"]
)
def test_L11_last_must_be_a_whole_number_above_zero(http: httpx.Client, last: str) -> None:
    answer = http.get("/jobs", params={"LAST": last})
    assert answer.status_code == 400
    assert "LAST" in answer.text


def test_L12_filters_hold_together(http: httpx.Client) -> None:
    first, second, third, fourth = several(http, 4)
    for job in (second, fourth):
        http.post(f"{job}/phase", data={"PHASE": "ABORT"})
    after = created(http, first)
    assert listed(http, AFTER=after, PHASE="PENDING") == ids(third)
    assert listed(http, AFTER=after, PHASE="ABORTED") == ids(fourth, second)
    assert listed(http, AFTER=after, PHASE=["ABORTED", "PENDING"]) == ids(fourth, third, second)
    assert listed(http, AFTER=after, LAST="2") == ids(fourth, third)
    assert listed(http, AFTER=after, LAST="1000") == ids(fourth, third, second)
    assert listed(http, AFTER=after, LAST="1", PHASE="ABORTED") == ids(fourth)
    assert listed(http, AFTER=after, LAST="1000", PHASE="ABORTED") == ids(fourth, second)
    # The standard lets two readings stand: quws looks for the phase first and then cuts.
    assert listed(http, LAST="2", PHASE="PENDING") == ids(third, first)
    assert listed(http, AFTER=after, LAST="1", PHASE="PENDING") == ids(third)


def test_L14_a_deletion_leads_to_the_list(http: httpx.Client, service: Service) -> None:
    location = http.delete(create(http)).headers["Location"]
    assert location.split("?")[0] == service.jobs
    assert re.fullmatch(r"(LAST=\d+)?", location.partition("?")[2])


BAD = {
    "PHASE": ["SUCCESS", "pendinggg", "1345", ""],
    "AFTER": [
        "2015-26-10",
        "sometext",
        "2015-10-26T25:00:00Z",
        "2015-10-26T09:00+99:00",
        "1445850000.5",
        "",
    ],
}


@pytest.mark.parametrize(("name", "value"), [(name, v) for name in BAD for v in BAD[name]])
def test_L15_a_malformed_filter_is_refused(http: httpx.Client, name: str, value: str) -> None:
    answer = http.get("/jobs", params={name: value})
    assert answer.status_code == 400
    assert name in answer.text
    assert http.get("/jobs", params=[("PHASE", "PENDING"), (name, value)]).status_code == 400


def test_L15_a_plus_that_arrives_as_a_blank_is_refused(http: httpx.Client) -> None:
    assert http.get("/jobs?AFTER=2015-10-26T09:00+01:00").status_code == 400


@pytest.mark.parametrize("how", ["DELETE", "ACTION"])
def test_L17_a_deleted_job_is_not_listed(http: httpx.Client, how: str) -> None:
    kept, gone = create(http), create(http, BELL2, RUNID="goes")
    assert {id_of(kept), id_of(gone)} <= set(listed(http))
    if how == "DELETE":
        http.delete(gone)
    else:
        http.post(gone, data={"ACTION": "DELETE"})
    found = listed(http)
    assert id_of(gone) not in found
    assert id_of(kept) in found
