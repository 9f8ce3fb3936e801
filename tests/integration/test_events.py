"""Server-sent events: nothing is missed, nothing is told twice, and whoever follows is let go."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import Queue
from typing import Any

import httpx
import pytest
from circuits import BELL2, ENDLESS
from harness import NO_TLS, Service
from integration.uws_helpers import id_of, instant, removed
from uws import FINAL, create, job_json, wait

SECONDS = 20
END = "end of the stream"


@dataclass(frozen=True)
class Event:
    kind: str
    data: Any
    id: str | None


class Stream:
    """What an EventSource hears, read by a thread of its own."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.type = answer.headers.get("content-type", "")
        self._heard: Queue[Event] = Queue()
        self._answer = answer
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        fields: dict[str, str] = {}
        with contextlib.suppress(httpx.HTTPError, httpx.StreamError):
            for line in self._answer.iter_lines():
                if line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif not line and "event" in fields:
                    data = json.loads(fields["data"])
                    self._heard.put(Event(fields["event"], data, fields.get("id")))
                    fields = {}
        self._heard.put(Event(END, None, None))

    def next(self) -> Event:
        return self._heard.get(timeout=SECONDS)

    def until(self, kind: str) -> list[Event]:
        """All events up to the first of a kind, which is the last of them."""
        heard = [self.next()]
        while heard[-1].kind != kind:
            assert heard[-1].kind != END, heard
            heard.append(self.next())
        return heard


@contextlib.contextmanager
def following(http: httpx.Client, url: str, seen: str | None = None) -> Iterator[Stream]:
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": seen} if seen else {})
    with http.stream("GET", url, headers=headers, timeout=60) as answer:
        yield Stream(answer)


def numbers(events: list[Event]) -> list[int]:
    return [int((event.id or "").split("-")[0]) for event in events if event.id]


@pytest.mark.parametrize("mount", ["jobs", "async"])
def test_a_job_is_followed_from_pending_to_its_end(
    service: Service, http: httpx.Client, mount: str
) -> None:
    job = http.post(f"/{mount}", data={"CIRCUIT": BELL2}).headers["Location"]
    with following(http, f"{job}/events") as stream:
        assert stream.status == 200
        assert stream.type.startswith("text/event-stream")
        first = stream.next()
        assert first.kind == "job"
        assert first.data == job_json(http, job)
        assert first.data["url"] == job
        destruction = instant(3600)
        http.post(f"{job}/destruction", data={"DESTRUCTION": destruction})
        assert stream.next().data["destruction_time"] == destruction
        http.post(f"{job}/phase", data={"PHASE": "RUN"})
        heard = [first, *stream.until(END)][:-1]
    phases = [event.data["phase"] for event in heard]
    assert phases[0] == "PENDING"
    assert phases[-1] == "COMPLETED"
    assert phases.count("COMPLETED") == 1
    assert numbers(heard) == sorted(numbers(heard))
    assert len({event.id for event in heard}) == len(heard)
    assert heard[-1].data == job_json(http, job)


def test_who_comes_back_hears_the_rest_and_nothing_twice(http: httpx.Client) -> None:
    job = create(http)
    with following(http, f"{job}/events") as stream:
        seen = stream.next().id
    with following(http, f"{job}/events", seen) as stream:
        http.post(f"{job}/executionduration", data={"EXECUTIONDURATION": "77"})
        event = stream.next()
        assert event.data["execution_duration"] == 77
    http.post(f"{job}/phase", data={"PHASE": "RUN"})
    wait(http, job)
    with following(http, f"{job}/events", event.id) as stream:
        (missed, end) = (stream.next(), stream.next())
    assert missed.data["phase"] == "COMPLETED"
    assert end.kind == END
    # An EventSource would come back for ever, were it not told that this is all.
    assert http.get(f"{job}/events", headers={"Last-Event-ID": missed.id or ""}).status_code == 204
    assert http.get(f"{job}/events").status_code == 200


def test_a_job_that_is_deleted_says_so(http: httpx.Client) -> None:
    job = create(http, ENDLESS, SHOTS=1, PHASE="RUN")
    with removed(http, job), following(http, f"{job}/events") as stream:
        stream.next()
        http.delete(job)
        last = stream.until("job_deleted")[-1]
        assert last.data == {"id": id_of(job), "url": job}
        assert stream.next().kind == END
    assert http.get(f"{job}/events").status_code == 404


def test_the_progress_of_a_batch_is_told(http: httpx.Client) -> None:
    job = create(http, [BELL2] * 3)
    with following(http, f"{job}/events") as stream:
        http.post(f"{job}/phase", data={"PHASE": "RUN"})
        last = stream.until(END)[-2]
    assert last.data["circuits_done"] == 3


def test_all_jobs_of_a_caller_are_told_of(http: httpx.Client) -> None:
    with following(http, "/events") as stream:
        assert stream.next().kind == "listening"
        job = create(http, PHASE="RUN")
        mine: list[Event] = []
        while not mine or mine[-1].data["phase"] not in FINAL:
            event = stream.next()
            if event.data.get("id") == id_of(job):
                mine.append(event)
        assert mine[-1].data["phase"] == "COMPLETED"
        assert mine[-1].data["url"] == job
        http.delete(job)
        while (event := stream.next()).kind != "job_deleted" or event.data["url"] != job:
            pass
        seen = event.id
    other = create(http, PHASE="RUN")
    wait(http, other)
    with following(http, "/events", seen) as stream:
        told = []
        while id_of(other) not in told:
            told.append(stream.next().data.get("id"))
    assert id_of(job) not in told


def test_who_was_away_hears_of_what_was_deleted_meanwhile(http: httpx.Client) -> None:
    kept, gone = create(http), create(http)
    with following(http, "/events") as stream:
        seen = stream.next().id
    http.delete(gone)
    with following(http, "/events", seen) as stream:
        assert stream.next().kind == "listening"
        event = stream.until("job_deleted")[-1]
        while event.data["url"] != gone:
            event = stream.until("job_deleted")[-1]
        assert event.data == {"id": id_of(gone), "url": gone}
    http.delete(kept)
    # Who has heard of it hears of what came after it, and of nothing twice.
    with following(http, "/events", event.id) as stream:
        while (heard := stream.next()).kind != "job_deleted" or heard.data["url"] != kept:
            assert heard.data.get("url") != gone


def test_one_who_follows_holds_nobody_up(http: httpx.Client) -> None:
    job = create(http)
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            # Each in a connection of its own, and more than the database has.
            client = stack.enter_context(httpx.Client(base_url=http.base_url, **NO_TLS))
            stack.enter_context(following(client, f"{job}/events")).next()
        assert http.get(job).status_code == 200
        wait(http, create(http, PHASE="RUN"))


def test_a_service_that_ends_tells_its_followers(own: Service) -> None:
    with own.client() as http:
        job = create(http)
        with following(http, f"{job}/events") as one, following(http, "/events") as all_:
            assert one.next().kind == "job"
            assert all_.next().kind == "listening"
            own.processes[0].popen.send_signal(signal.SIGTERM)
            for stream in (one, all_):
                assert stream.until("server_cancel")
                assert stream.next().kind == END
        own.processes[0].has_ended(SECONDS)
