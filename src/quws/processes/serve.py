"""``quws serve``: the supervisor of everything that one machine needs.

It starts and restarts processes and does nothing else, so that nothing can
crash it. Its children die with it, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn, TextIO

from quws import __version__
from quws.bus.server import NoServer, ValkeyServer
from quws.processes.forked import Forked, can_fork, fork, share_memory
from quws.processes.grpc_place import grpc_place
from quws.processes.listening import CannotListen, ensure_listenable
from quws.processes.private import keep_private
from quws.processes.stopping import StopSignal
from quws.processes.watchdog import Watchdog
from quws.sandbox.confine import die_with_parent
from quws.settings import Settings
from quws.store.revision import REVISION

_POLL_SECONDS = 1.0
"""How long nothing is looked after where no part has ended."""
_STARTING_POLL_SECONDS = 0.02
_START_SECONDS = 60
_BACKOFF_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
_LONGER_BACKOFF_SECONDS = (*_BACKOFF_SECONDS, 15.0, 60.0)
"""Of a process that gave up by itself, and said why: it will mostly say that again."""
_STEADY_SECONDS = 60
_KILL_SECONDS = 10

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks this machine, whatever proxies the environment names."""

EXAMPLE = (
    "curl -sL -d SHOTS=1000 -d RESPONSEFORMAT=json --data-urlencode"
    ' \'CIRCUIT=OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2];'
    " h q[0]; cx q[0],q[1]; measure q -> c;'"
)
"""Ends with counts, when the URL of ``/sync`` follows."""


class _CannotServe(Exception):
    """With a sentence that says why."""


@dataclass
class _Part:
    """One process that must always run."""

    name: str
    arguments: list[str]
    process: subprocess.Popen[bytes] | Forked | None = None
    started: float = 0.0
    failures: int = 0
    next_start: float = field(default=0.0)


@dataclass(frozen=True)
class Original:
    """How this process becomes one whose copies are the parts of the service."""

    load: Callable[[], None]
    """Imports what the parts need. Must not start a thread."""
    main: Callable[[], NoReturn]
    """Runs the command that `sys.argv` names, and ends the process."""


class Supervisor:
    """Runs the embedded form until SIGTERM or SIGINT.

    Its parts begin as copies of this process. One that has ended is started by a new interpreter:
    by then this process has threads.

    Raises
    ------
    ConfigError
        The list of targets cannot be used.

    """

    def __init__(self, settings: Settings, host: str, port: int, original: Original) -> None:
        self._settings = settings
        self._original = original
        self._forks = False
        self._host = host
        self._port = port
        self._url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        self._environment = dict(os.environ) | {"QUWS_SUPERVISOR": str(os.getpid())}
        self._environment["QUWS_DATA"] = str(settings.data.absolute())
        self._valkey: ValkeyServer | None = None
        self._migration: subprocess.Popen[bytes] | None = None
        self._watchdog = Watchdog(self._answers)
        self._parts = [
            _Part(
                "api",
                # Whether the address is public was decided before.
                ["api", "--host", host, "--port", str(port), "--allow-anonymous"],
            ),
            _Part("sweeper", ["sweeper"]),
            *(
                _Part(f"worker {config.name}", ["worker", "--target", config.name, "--sole"])
                for config in settings.target_configs()
            ),
        ]

    def run(self) -> int:
        """Serve. Gives the exit status."""
        self._stop = StopSignal((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
        try:
            private = keep_private(self._settings)
            with self._lock():
                for sentence in private:
                    self._say(sentence)
                # Before anything starts: what answers there would be taken for the service.
                ensure_listenable(self._host, self._port)
                self._ensure_grpc()
                try:
                    self._prepare()
                    self._supervise()
                finally:
                    self._stop_all()
        except (_CannotServe, CannotListen, NoServer) as error:
            print(f"quws: {error}", file=sys.stderr)  # noqa: T201
            return 1
        return 0

    def _ensure_grpc(self) -> None:
        try:
            place = grpc_place(self._settings, self._host)
        except ValueError as error:
            raise _CannotServe(str(error)) from None
        if place is not None:
            ensure_listenable(place.host, place.port, "--grpc")

    @contextlib.contextmanager
    def _lock(self):  # type: ignore[no-untyped-def]
        data = self._settings.data
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (data / "serve.lock").open("w") as file:
                self._take(file)
                yield
        except OSError as error:
            raise _CannotServe(f"the data folder {data} cannot be used: {error}") from error

    def _take(self, file: TextIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _CannotServe(
                f"another 'quws serve' uses {self._settings.data}; give --data another folder"
            ) from None

    def _prepare(self) -> None:
        if self._settings.redis_url is None:
            self._valkey = ValkeyServer(
                self._settings.data / "valkey", partial(die_with_parent, os.getpid())
            )
            self._valkey.start()
            self._environment["QUWS_REDIS_URL"] = self._valkey.url
        if not self._schema_is_current():
            # The API loads meanwhile, and waits for the schema.
            self._environment.setdefault("QUWS_WAIT_FOR_SCHEMA", str(_START_SECONDS))
            self._say("preparing the database")
            self._migration = self._python(["db", "upgrade"], self._environment)

    def _schema_is_current(self) -> bool:
        # A look with the standard library: alembic takes longer to load than all the rest.
        url = self._settings.resolved_database_url()
        if not url.startswith("sqlite:///"):
            return False
        path = Path(url.removeprefix("sqlite:///"))
        if not path.exists():
            return False
        try:
            with contextlib.closing(sqlite3.connect(path)) as connection:
                found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.Error:
            return False
        return bool(found == (REVISION,))

    def _supervise(self) -> None:
        # The API alone first: on few cores the others would only slow its start.
        self._say("starting the service")
        self._load()
        self._start(self._parts[0])
        limit = time.monotonic() + _START_SECONDS
        ready = False
        while not self._stop.wait(self._pause() if ready else _STARTING_POLL_SECONDS):
            self._look_after_valkey()
            if self._migration is not None and self._migration.poll():
                raise _CannotServe("the database could not be prepared; see above")
            for part in self._parts if ready else self._parts[:1]:
                self._look_after(part, ready=ready)
            self._look_after_answers()
            if not ready:
                ready = self._answers()
                if ready:
                    self._start_others()
                    self._greet()
                    self._watchdog.start()
                elif time.monotonic() > limit:
                    raise _CannotServe(f"the service does not answer at {self._url}")

    def _pause(self) -> float:
        """Return how long nothing is due, unless a part ends."""
        starts = [part.next_start for part in self._parts if part.process is None]
        return min(max(0.0, min(starts, default=math.inf) - time.monotonic()), _POLL_SECONDS)

    def _load(self) -> None:
        if can_fork():
            self._original.load()
            share_memory()
            self._forks = can_fork()

    def _start_others(self) -> None:
        for part in self._parts[1:]:
            self._start(part)
        # From here on this process has a thread.
        self._forks = False

    def _look_after(self, part: _Part, *, ready: bool) -> None:
        now = time.monotonic()
        if part.process is None:
            if now >= part.next_start:
                self._start(part)
            return
        status = part.process.poll()
        if status is None:
            return
        if not ready:
            raise _CannotServe(f"the {part.name} process does not start; see above")
        part.failures = 0 if now - part.started > _STEADY_SECONDS else part.failures + 1
        pauses = _LONGER_BACKOFF_SECONDS if status > 0 else _BACKOFF_SECONDS
        pause = pauses[min(max(part.failures, 1), len(pauses)) - 1]
        when = f" in {pause:.0f} seconds" if pause > 1 else ""
        self._say(f"the {part.name} process ended with status {status}; it is started again{when}")
        part.process = None
        part.next_start = now + pause

    def _look_after_answers(self) -> None:
        api = self._parts[0].process
        if api is not None and self._watchdog.silent:
            self._say("the api process does not answer; it is killed")
            api.kill()
            self._watchdog.forget()

    def _look_after_valkey(self) -> None:
        if self._valkey is not None and self._valkey.process.poll() is not None:
            self._say("the private Valkey ended; it is started again")
            try:
                self._valkey.start()
            except NoServer as error:
                self._say(str(error))  # Jobs run without it, only less promptly.

    def _start(self, part: _Part) -> None:
        part.started = time.monotonic()
        environment = self._environment | {"QUWS_MONITOR_PORT": str(self._monitor_port(part))}
        part.process = (
            fork(self._original.main, part.arguments, environment)
            if self._forks
            else self._python(part.arguments, environment)
        )

    def _monitor_port(self, part: _Part) -> int:
        # One process a port: they cannot share one.
        first = self._settings.monitor_port
        return first and first + self._parts.index(part)

    def _python(self, arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "quws", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            # Ctrl-C on a terminal is for the supervisor, which stops all in order.
            process_group=0,
        )

    def _answers(self) -> bool:
        try:
            with _OPENER.open(f"{self._url}/health/live", timeout=5):
                return True
        except OSError:
            return False

    def _greet(self) -> None:
        self._say(
            f"quws {__version__} listens on {self._url} (Ctrl-C ends it)\n"
            f"data lies in {self._settings.data.absolute()}\n"
            f"run a first circuit with\n\n  {EXAMPLE} {self._url}/sync\n\n"
            f"or open {self._url} in a browser"
        )

    def _stop_all(self) -> None:
        running = [part.process for part in self._parts if part.process is not None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        limit = time.monotonic() + self._settings.grace + _KILL_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, limit - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._valkey is not None:
            self._valkey.stop()

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201
