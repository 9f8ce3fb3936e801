"""Attacks over HTTP that once worked: each is refused, and others are served meanwhile."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from time import monotonic
from typing import Any, TypeVar

import httpx
import pytest
from answers import expect, json_of, location_of, refusal_of
from circuits import BELL2
from commands import quws, run
from harness import Service, until
from uws import create, listed, wait

from quws.processes.connections import room_for

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
}
CONNECTIONS = 4_200
"""More than a service holds if nobody has set how many."""
EMBEDDED = pytest.mark.parametrize("service", ["embedded"], indirect=True)
"""For what one process is to withstand: in the other form two share the attack."""
T = TypeVar("T")
PATIENCE = 20.0
"""How long anybody waits for anything here, the attacked service being on a busy machine."""


def attacked(service: Service, attack: Callable[[], T], auth: tuple[str, str] | None = None) -> T:
    """Attack, and hold the service to serving others until the attack is over."""
    with ThreadPoolExecutor() as threads, service.client(timeout=PATIENCE, auth=auth) as other:
        going = threads.submit(attack)
        while True:
            over = going.done()
            expect(other.get("/jobs", params={"LAST": "1"}))
            if over:
                return going.result()


def said(service: Service, *pieces: bytes) -> bytes:
    """Send bytes as they are; give all that comes back until the service hangs up or is silent."""
    address = httpx.URL(service.url)
    found = b""
    with socket.create_connection((address.host, address.port or 80), PATIENCE) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while chunk := connection.recv(65_536):
                found += chunk
                if b"\r\n\r\n" in found and found.endswith(b"\n"):
                    break
        except ConnectionError:
            pass  # It has hung up on what does not end.
    return found


def status_line(service: Service, method: str, path: str, **options: Any) -> tuple[int, str]:
    """Make a request and give status and reason phrase, which httpx does not."""
    address = httpx.URL(service.url)
    connection = HTTPConnection(address.host, address.port, timeout=PATIENCE)
    try:
        connection.request(method, path, **options)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.reason
    finally:
        connection.close()


# -- heads ----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [200, 4_000, 100_000])
def test_many_headers_freeze_nobody(service: Service, count: int) -> None:
    many = b"".join(b"X-Header-%d: 0123456789\r\n" % number for number in range(count))
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + many + b"\r\n"
    answer = attacked(service, lambda: said(service, request))
    # The longest ones are cut off before they are over, perhaps without a word.
    assert answer.startswith(b"HTTP/1.1 431 ") or (not answer and count == 100_000)


def test_a_header_without_an_end_is_not_read_for_ever(service: Service) -> None:
    pieces = [b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ", *[b"x" * 65_536] * 200]
    answer = attacked(service, lambda: said(service, *pieces))
    assert answer.startswith(b"HTTP/1.1 431 ") or not answer


@pytest.mark.parametrize("length", [40_000, 64_000, 90_000])
def test_a_uri_that_is_too_long_is_refused_in_a_sentence(service: Service, length: int) -> None:
    status, reason = status_line(service, "GET", "/sync?QUERY=" + "x" * length)
    assert status == 414
    assert reason.endswith("send parameters in the body of a POST")


@EMBEDDED
def test_connections_that_say_nothing_keep_nobody_out(service: Service) -> None:
    address = httpx.URL(service.url)
    ours = room_for(CONNECTIONS)

    def hold() -> int:
        with contextlib.ExitStack() as held:
            for _ in range(ours):
                peer = (address.host, address.port or 80)
                connection = held.enter_context(socket.create_connection(peer, PATIENCE))
                with contextlib.suppress(ConnectionError):
                    connection.sendall(b"GET /jobs HTTP/1.1\r\nHost: ")
        return ours

    assert attacked(service, hold) == CONNECTIONS, "this process may not open so many files"


# -- bodies ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/account/sign-in", "/bulk", "/targets/simulator", "/jobs/{id}/phase"]
)
def test_little_is_read_where_no_circuit_is_sent(
    service: Service, http: httpx.Client, path: str
) -> None:
    if "{id}" in path:
        path = path.format(id=create(http).rsplit("/", 1)[1])
    body = b"NAME=" + b"%41" * 30_000

    def send() -> httpx.Response:
        return http.post(path, content=body, headers=FORM)

    refusal_of(attacked(service, send), 413, "too_large")


@EMBEDDED
def test_a_form_of_escapes_is_taken_apart_beside_the_others(
    service: Service, http: httpx.Client
) -> None:
    body = b"TAG=" + b"%41" * 8_000_000

    def send() -> httpx.Response:
        return http.post("/jobs", content=body, headers=FORM, timeout=120)

    assert "CIRCUIT" in refusal_of(attacked(service, send), 403, "invalid_parameter")


def test_what_is_compressed_is_not_unpacked(http: httpx.Client) -> None:
    bomb = gzip.compress(b"CIRCUIT=" + b"A" * 10_000_000)
    answer = http.post("/jobs", content=bomb, headers=FORM | {"Content-Encoding": "gzip"})
    assert "Content-Encoding" in refusal_of(answer, 415, "unsupported_media_type")
    assert answer.headers["Accept-Encoding"] == "identity"


def test_an_upload_that_breaks_off_is_no_fault(service: Service) -> None:
    begun = (
        b"POST /account/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nNAME="
    )
    before = service.log().count("the client went away")
    address = httpx.URL(service.url)
    with socket.create_connection((address.host, address.port or 80), PATIENCE) as connection:
        connection.sendall(begun)
    until(lambda: service.log().count("the client went away") > before, PATIENCE, "a line of it")
    assert "ClientDisconnect" not in service.log()


# -- what is kept -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        {"TAG": [f"tag {number}" for number in range(9_990)]},
        {"TAG": ["same"] * 9_990},
        {"REQUEST": ["doQuery"] * 9_990},
        {"RUNID": "x" * 3_000_000},
        {"METADATA": '{"a": "' + "x" * 3_000_000 + '"}'},
        {"NOISE": '{"depolarizing": ' + "[" * 100_000},
        {"MAXREC": "1" * 3_000_000},
        {"TARGET": "x" * 3_000_000},
        {"DESTRUCTION": "2" * 3_000_000},
    ],
    ids=lambda form: f"{next(iter(form))}-{len(next(iter(form.values())))}",
)
def test_no_job_keeps_more_than_anybody_needs(
    service: Service, http: httpx.Client, form: dict[str, Any]
) -> None:
    before = listed(http)
    answer = attacked(service, lambda: http.post("/jobs", data={"CIRCUIT": BELL2, **form}))
    assert len(expect(answer, 403).text) < 600
    assert listed(http) == before


def test_the_page_of_a_job_with_all_that_is_allowed(service: Service, http: httpx.Client) -> None:
    tags = [f"{number} " + "x" * 190 for number in range(100)]
    job = create(http, TAG=tags, REQUEST=["x"] * 100, RUNID="r" * 1000)
    expect(attacked(service, lambda: http.get(job, headers=BROWSER)))


def test_no_job_may_hold_a_worker_for_ever(http: httpx.Client) -> None:
    day = str(24 * 3600)
    for longest in (0, 2**31 - 1):
        job = create(http, EXECUTIONDURATION=longest)
        assert http.get(f"{job}/executionduration").text == day
        for url in (job, f"{job}/executionduration"):
            expect(http.post(url, data={"EXECUTIONDURATION": longest}), 303)
            assert http.get(f"{job}/executionduration").text == day


# -- other sites --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "null"},
        {"Origin": "file://"},
        {"Origin": "about:blank"},
        {"Origin": "http://["},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
    ids=str,
)
def test_a_foreign_page_makes_no_job(http: httpx.Client, headers: dict[str, str]) -> None:
    before = listed(http)
    for path in ("/jobs", "/sync", "/new"):
        form = {"CIRCUIT": BELL2, "DO": "run"} if path == "/new" else {"CIRCUIT": BELL2}
        refusal_of(http.post(path, data=form, headers=headers), 403, "cross_site")
    assert listed(http) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        {"Referer": "http://evil.example/"},
        {"Cookie": "quws_session=x"},
    ],
    ids=str,
)
def test_an_image_or_a_link_makes_no_job(http: httpx.Client, headers: dict[str, str]) -> None:
    before = listed(http)
    known = {"User-Agent": BROWSER["User-Agent"]} | headers
    refusal_of(http.get("/sync", params={"QUERY": BELL2}, headers=known), 403, "cross_site")
    assert listed(http) == before


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_no_other_name_leads_here(http: httpx.Client, method: str) -> None:
    for host in ("evil.example", f"evil.example:{http.base_url.port}", "evil.example@127.0.0.1"):
        answer = http.request(method, "/jobs", headers={"Host": host})
        refusal_of(answer, 421, "unknown_host")
        assert f"//{host}" not in answer.text


def test_health_checks_come_by_any_address(http: httpx.Client) -> None:
    for host in ("10.244.1.7:8000", "[fd00::7]:8000", "localhost"):
        expect(http.get("/health/live", headers={"Host": host}))


# -- odd requests ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "circuits/00000000001",
        "circuits/1",
        "circuits/-1",
        "circuits/²",
        "circuits/0x",
        "parameters/CIRCUIT/00000000000",
        "parameters/CIRCUIT/00000000001",
        "parameters/CIRCUIT/1",
        "parameters/CIRCUIT/\u0660",
    ],
)
def test_a_place_that_is_none_is_not_found(http: httpx.Client, path: str) -> None:
    job = create(http)
    refusal_of(http.get(f"{job}/{path}"), 404, "not_found")
    expect(http.get(f"{job}?SHOW=00000000001", headers=BROWSER))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/targets/%00", 404),
        ("/targets/simulator/calibrations/%00", 404),
        ("/jobs/%00", 404),
        ("/jobs/{id}/parameters/%00", 404),
        ("/jobs/{id}/results/a%00b", 404),
        ("/jobs?IDEMPOTENCY-KEY=%00", 400),
        ("/jobs?PAST=%00", 400),
        ("/new?COPY=%00", 404),
        ("/new?EXAMPLE=%00&TARGET=%00", 200),
    ],
)
def test_a_nul_is_no_fault(http: httpx.Client, path: str, status: int) -> None:
    job = create(http).rsplit("/", 1)[1]
    headers = BROWSER if "PAST" in path or "/new" in path else {}
    expect(http.get(path.format(id=job), headers=headers), status)


@pytest.mark.parametrize(
    "form",
    [
        {"METADATA": '{"a": "\\u0000"}'},
        {"TAG": "a\0"},
        {"RUNID": "a\0"},
        {"TARGET": "simulator\0"},
        {"NOISE": '{"device": {"name": "a\\u0000"}}'},
        {"CIRCUIT": BELL2 + "\0"},
    ],
    ids=lambda form: next(iter(form)),
)
def test_no_job_holds_a_nul(http: httpx.Client, form: dict[str, str]) -> None:
    answer = http.post("/jobs", data={"CIRCUIT": BELL2} | form)
    refusal_of(answer, 403, "invalid_parameter")
    form = {"NAME": "a\0", "PASSWORD": "a\0"}
    refusal_of(http.post("/account/sign-in", data=form), 403, "invalid_parameter")


def test_an_upload_is_saved_and_never_shown(http: httpx.Client) -> None:
    page = (BELL2 + "// <script>alert(1)</script>").encode()
    files = {"CIRCUIT": ("evil.html", page, "text/html")}
    job = location_of(http.post("/jobs", files=files))
    answer = expect(http.get(f"{job}/parameters/CIRCUIT", headers=BROWSER))
    assert answer.content == page
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_refusal_cannot_write_headers_of_its_own(service: Service) -> None:
    body = "X%0D%0ASet-Cookie:%20evil%0D%0A%0D%0Aé=1"
    status, reason = status_line(
        service, "POST", "/jobs", body=body.encode("latin-1"), headers=FORM
    )
    assert status == 403
    assert reason.startswith("Forbidden: there is no parameter 'X Set-Cookie: evil")
    assert reason.isascii()
    assert len(reason) <= 300


# -- accounts --------------------------------------------------------------------------------

BOB = ("bob", "bob-password")


def from_place(address: str) -> dict[str, str]:
    """Come from elsewhere: the proxies of the closed service are on this machine."""
    return {"X-Forwarded-For": address}


def tried(service: Service, address: str, passwords: list[tuple[str, str]]) -> list[httpx.Response]:
    """Try names with passwords from one place, ten at a time."""
    with (
        service.client(headers=from_place(address), timeout=PATIENCE * 3) as http,
        ThreadPoolExecutor(10) as threads,
    ):
        return list(threads.map(lambda auth: http.get("/jobs", auth=auth), passwords))


def until_it_lasts(guessing: httpx.Client, name: str) -> None:
    """Guess until one has to wait for so long that what is asked next comes before its end."""
    guesses = (f"another guess {number}" for number in itertools.count())

    def is_long() -> bool:
        # Another one each time: the same one again is known to be wrong, and not counted.
        answer = guessing.get("/jobs", auth=(name, next(guesses)))
        return int(answer.headers.get("Retry-After", 0)) > 5

    until(is_long, 60, "a long wait for the next guess")


def test_who_guesses_a_password_is_slowed_and_nobody_else(closed: Service) -> None:
    guesses = [("alice", f"guess {number}") for number in range(150)]
    answers = attacked(closed, lambda: tried(closed, "203.0.113.7", guesses), auth=BOB)
    found = [answer.status_code for answer in answers]
    assert set(found) == {401, 429}
    # Ten are free; a few more come true while all of them are sent.
    assert 10 <= found.count(401) < 20
    assert all(int(item.headers["Retry-After"]) for item in answers if item.status_code == 429)
    form = {"NAME": "alice", "PASSWORD": "alice-password"}
    with closed.client(headers=from_place("203.0.113.7")) as guessing:
        until_it_lasts(guessing, "alice")
        # The right one is not told from a wrong one.
        refusal_of(
            guessing.get("/jobs", auth=("alice", form["PASSWORD"])), 429, "too_many_requests"
        )
        expect(guessing.post("/account/sign-in", data=form, headers=BROWSER), 429)
        expect(guessing.get("/jobs", auth=BOB))
    with closed.client(headers=from_place("203.0.113.8")) as honest:
        expect(honest.get("/jobs", auth=("alice", form["PASSWORD"])))
        expect(honest.post("/account/sign-in", data=form, headers=BROWSER), 303)
    assert "guess 1" not in closed.log()


def test_who_tries_many_names_is_slowed_and_nobody_else(closed: Service) -> None:
    guesses = [(f"name{number}", "12345678") for number in range(90)]
    answers = attacked(closed, lambda: tried(closed, "203.0.113.20", guesses), auth=BOB)
    found = [answer.status_code for answer in answers]
    assert set(found) == {401, 429}
    assert 30 <= found.count(401) < 45
    with closed.client(headers=from_place("203.0.113.21")) as honest:
        expect(honest.get("/jobs", auth=("alice", "alice-password")))


def read_until_it_ends(http: httpx.Client, path: str, begun: threading.Event) -> str:
    """Read a stream of events; what is sent to keep it alive shows that it does not end."""
    deadline = monotonic() + PATIENCE
    with http.stream("GET", path, timeout=PATIENCE) as answer:
        expect(answer)
        lines = []
        for line in answer.iter_lines():
            lines.append(line)
            begun.set()
            assert monotonic() < deadline, "it does not end"
    return "\n".join(lines)


def test_who_is_removed_keeps_nothing_that_is_open(closed: Service) -> None:
    auth = ("dora", "dora-password")
    quws(closed, "user", "add", "dora", "--password-stdin", given="dora-password\n")
    form = {"NAME": "dora", "PASSWORD": "dora-password"}
    with closed.client(auth=auth) as by_password, closed.client() as by_session:
        cookie = by_session.post("/account/sign-in", data=form).headers["Set-Cookie"]
        by_session.headers["Cookie"] = cookie.partition(";")[0]
        job = create(by_password)
        begun = [threading.Event() for _ in range(3)]
        streams = ((by_password, "/events"), (by_session, "/events"), (by_session, f"{job}/events"))

        def taken_away() -> list[str]:
            with ThreadPoolExecutor(4) as threads:
                reading = [
                    threads.submit(read_until_it_ends, *stream, event)
                    for stream, event in zip(streams, begun, strict=True)
                ]
                waiting = threads.submit(by_password.get, f"{job}?WAIT=60")
                assert all(event.wait(PATIENCE) for event in begun)
                quws(closed, "user", "remove", "dora")
                refusal_of(waiting.result(), 401, "unauthenticated")
                return [item.result() for item in reading]

        for text in attacked(closed, taken_away, auth=BOB):
            assert text.rstrip().endswith("event: server_cancel\ndata: {}")
        for client in (by_password, by_session):
            expect(client.get("/jobs"), 401)
            expect(client.post("/jobs", data={"CIRCUIT": BELL2}), 401)
            expect(client.get(f"{job}/events"), 401)
    again = ["user", "add", "dora", "--password-stdin", "--data", str(closed.folder)]
    refused = run(closed.environment, *again, given="another-password\n")
    assert refused.returncode == 1
    assert "has left jobs" in refused.stderr


def test_a_token_makes_nothing_that_outlives_it(closed: Service) -> None:
    secret = quws(closed, "token", "create", "bob", "--label", "robot", "--days", "1")
    with closed.client(headers={"Authorization": f"Bearer {secret}"}) as http:
        refusal_of(http.post("/account/tokens", data={"LABEL": "more"}), 403, "forbidden")
        quws(closed, "token", "revoke", "bob", "robot")
        expect(http.post("/jobs", data={"CIRCUIT": BELL2}), 401)


def test_streams_without_an_end_are_counted_and_nobody_else_waits(closed: Service) -> None:
    secret = quws(closed, "token", "create", "alice", "--label", "streams", "--days", "1")
    everything = httpx.Limits(max_connections=None)
    with closed.client(headers={"Authorization": f"Bearer {secret}"}, limits=everything) as http:

        def follow() -> httpx.Response:
            with contextlib.ExitStack() as held:
                for _ in range(200):
                    expect(held.enter_context(http.stream("GET", "/events")))
                return http.get("/events")

        refusal_of(attacked(closed, follow, auth=BOB), 429, "too_many_requests")
        # Those that have ended count no more.
        until(lambda: open_stream(http) == 200, PATIENCE, "a stream that is let in")


def open_stream(http: httpx.Client) -> int:
    with http.stream("GET", "/events") as answer:
        return answer.status_code


def test_after_all_of_that_a_job_runs(service: Service, http: httpx.Client) -> None:
    job = create(http, SHOTS=10, PHASE="RUN")
    assert wait(http, job) == "COMPLETED"
    circuits = json_of(http.get(f"{job}/results/counts"))["circuits"]
    assert sum(circuits[0]["counts"].values()) == 10
