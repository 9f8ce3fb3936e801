"""How much slower a user's jobs are while somebody else attacks the service in six ways at once.

An honest user sends Bell jobs, one at a time, first alone and then beside an attacker who has
an account and one address, and does all of this again and again: heads of thousands of
headers, large forms to sign in, circuits that take long to read, connections that say
nothing, event streams, and guesses of passwords. The attacker is a process of its own that
yields to the others of this machine, as if it were on another one.

    ./quws bench attacked
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import httpx
from harness import NO_TLS, Service, add_users, embedded

BELL = (
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2];'
    " h q[0]; cx q[0],q[1]; measure q -> c;"
)
LONG = 'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit[3] c;\n' + "".join(
    f"rz({number} * pi / 7 + 0.{number}) q[{number % 3}];\n" for number in range(9_000)
)
"""Some 300 kB of text, which takes seconds to read."""
RUNS = 40
WARM_UP = 10
ADDRESS = "127.0.0.2"
PAUSE = 0.05
"""Between two of an attacker's deeds: else it is the attacker's own work that is measured."""


def bells(service: Service, runs: int) -> list[float]:
    """Time jobs of the honest user over HTTP, in milliseconds."""
    times = []
    with service.client(auth=("alice", "alice-password"), timeout=60) as http:
        for _ in range(runs):
            started = time.perf_counter()
            form = {"CIRCUIT": BELL, "SHOTS": "1000", "PHASE": "RUN"}
            made = http.post("/jobs", data=form)
            assert made.status_code == 303, made.text
            phase = ""
            while phase != "COMPLETED":
                answer = http.get(
                    made.headers["Location"],
                    params={"WAIT": "-1"},
                    headers={"Accept": "application/json"},
                )
                phase = answer.json()["phase"]
                assert phase in ("PENDING", "QUEUED", "EXECUTING", "COMPLETED"), answer.text
            times.append(1000 * (time.perf_counter() - started))
    return times


@contextlib.contextmanager
def attacked(service: Service) -> Iterator[None]:
    """Attack a service while the block lasts, and print how often."""
    attacker = subprocess.Popen([sys.executable, __file__, service.url], stdin=subprocess.PIPE)
    try:
        yield
    finally:
        attacker.communicate(timeout=120)  # Its standard input ends, and so does it.


class Attack:
    """Somebody with one address and one account, who does six things at once."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        self._over = threading.Event()
        self.done: Counter[str] = Counter()
        self._threads = [
            threading.Thread(target=self._repeat, args=(deed,), daemon=True)
            for deed in (self.headers, self.form, self.circuit, self.hold, self.stream, self.guess)
        ]

    def __enter__(self) -> Attack:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _repeat(self, deed: Callable[[httpx.Client, contextlib.ExitStack], None]) -> None:
        with contextlib.ExitStack() as held:
            http = held.enter_context(
                httpx.Client(
                    base_url=self._url,
                    transport=httpx.HTTPTransport(local_address=ADDRESS, **NO_TLS),
                    timeout=20,
                )
            )
            while not self._over.is_set():
                with contextlib.suppress(httpx.HTTPError, OSError):
                    deed(http, held)
                self.done[deed.__name__] += 1
                self._over.wait(PAUSE)

    def _connect(self) -> socket.socket:
        peer = (self._url.host, self._url.port or 80)
        return socket.create_connection(peer, 20, (ADDRESS, 0))

    def headers(self, _http: httpx.Client, _held: contextlib.ExitStack) -> None:
        """Send a head of 250 KiB."""
        head = b"".join(b"X-Header-%d: 0123456789\r\n" % number for number in range(10_000))
        with self._connect() as connection:
            connection.sendall(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n" + head)

    def form(self, http: httpx.Client, _held: contextlib.ExitStack) -> None:
        """Sign in with a form of 32 MiB."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        http.post("/account/sign-in", content=b"%41=&" * 6_000_000, headers=kind)

    def circuit(self, http: httpx.Client, _held: contextlib.ExitStack) -> None:
        """Send twenty circuits that take long to read."""
        form = {"CIRCUIT": [LONG] * 20}
        http.post("/jobs", data=form, auth=("bob", "bob-password"))

    def hold(self, _http: httpx.Client, held: contextlib.ExitStack) -> None:
        """Open ten more connections that say nothing."""
        for _ in range(10):
            connection = held.enter_context(self._connect())
            connection.sendall(b"GET /jobs HTTP/1.1\r\nHost: ")

    def stream(self, http: httpx.Client, held: contextlib.ExitStack) -> None:
        """Open one more stream of events."""
        held.enter_context(http.stream("GET", "/events", auth=("bob", "bob-password")))

    def guess(self, http: httpx.Client, _held: contextlib.ExitStack) -> None:
        """Guess a password."""
        http.get("/jobs", auth=("alice", f"guess-{time.time()}"))


def main() -> None:
    settings = {"QUWS_AUTH": "users", "QUWS_POLICY__MAX_QUEUED": "0"}
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded(Path(folder), settings) as service,
    ):
        add_users(service, "alice", "bob", operator="root")
        bells(service, WARM_UP)
        alone = bells(service, RUNS)
        with attacked(service):
            time.sleep(3)
            beside = bells(service, RUNS)
        reference = statistics.median(alone)
        for name, times in (("alone", alone), ("under attack", beside)):
            median = statistics.median(times)
            print(
                f"{name:<14} median {median:7.1f} ms   max {max(times):7.1f} ms"
                f"   {median / reference:5.1f} x alone"
            )


def attack(url: str) -> None:
    os.nice(10)
    with Attack(url) as going:
        sys.stdin.read()
    print("deeds:", ", ".join(f"{name} {count}" for name, count in going.done.items()))


if __name__ == "__main__":
    attack(sys.argv[1]) if len(sys.argv) > 1 else main()
