"""Timeslots from end to end: a job runs in its owner's, stops with it, and goes on in the next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from answers import expect, json_of
from circuits import ENDLESS
from commands import quws
from harness import Service
from uws import create, wait

from quws.domain.clock import utc_now
from quws.domain.times import format_instant

JSON = {"Accept": "application/json"}
SLOTS = "/targets/simulator/timeslots"


def book(http: httpx.Client, minutes: int = 60) -> Any:
    """Book from this minute on."""
    start = utc_now().replace(second=0, microsecond=0)
    form = {"START": format_instant(start), "MINUTES": str(minutes)}
    return json_of(http.post(SLOTS, data=form), 201)


def test_a_job_runs_in_a_timeslot_stops_with_it_and_goes_on_in_the_next(
    service: Service, http: httpx.Client
) -> None:
    none = http.post("/jobs", data={"CIRCUIT": ENDLESS, "TIMESLOT": "required", "PHASE": "RUN"})
    assert expect(none, 403).text.startswith("no_booked_timeslots: ")
    job = create(http, ENDLESS, TIMESLOT="required")
    expect(http.post(f"{job}/phase", data={"PHASE": "RUN"}), 303)
    assert http.get(f"{job}/phase").text == "HELD"

    slot = book(http)
    taken = http.post(SLOTS, data={"START": slot["start"], "MINUTES": "1"}, headers=JSON)
    assert expect(taken, 409).json()["code"] == "timeslot_taken"
    assert slot["id"] in quws(service, "timeslots", "list", "simulator", "--url", service.url)
    assert f"UID:{slot['id']}@" in expect(http.get(f"{SLOTS}.ics")).text
    expect(http.post(f"{job}/phase", data={"PHASE": "RUN"}), 303)
    wait(http, job, "EXECUTING")

    expect(http.delete(slot["url"]), 204)
    wait(http, job, "SUSPENDED")
    waits = json_of(http.get(job, headers=JSON))["status"]
    assert waits == "the timeslot of its owner is over; it goes on in the next one"

    slot = book(http)
    wait(http, job, "EXECUTING")
    expect(http.delete(job), 303)
    quws(service, "timeslots", "cancel", "simulator", slot["id"], "--url", service.url)
    start = utc_now().replace(second=0, microsecond=0) + timedelta(days=1)
    words = ("timeslots", "book", "simulator", format_instant(start), "--minutes", "15")
    said = quws(service, *words, "--url", service.url)
    (booked,) = json_of(http.get("/timeslots"))
    assert booked["id"] in said
    expect(http.delete(booked["url"]), 204)
