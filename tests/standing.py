"""Services for special needs: one that tests may end, and one in which no job runs."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

from harness import (
    Process,
    Service,
    base_environment,
    free_port,
    kill_tree,
    sqlite_with_schema,
    start_embedded,
    stop,
    wait_ready,
)

from quws.bus.server import ValkeyServer


class Standing:
    """``quws serve`` for tests that end it: where it was ended it is started again."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment
        self._service: Service | None = None

    def service(self) -> Service:
        """Return the service, which runs: on the same data and port as before."""
        if self._service is None:
            self._service = start_embedded(self._folder, self._environment)
        elif self._service.processes[0].popen.poll() is not None:
            port = int(self._service.url.rsplit(":", 1)[1])
            self._service = start_embedded(self._folder, self._environment, port)
        return self._service

    def without_jobs(self) -> Service:
        """Return the service, which runs and has no job."""
        service = self.service()
        with service.client(headers={"Accept": "application/json"}) as http:
            for job in http.get("/jobs").json():
                http.delete(job["url"])
        return service

    def close(self) -> None:
        if self._service is not None:
            stop(self._service)


@contextlib.contextmanager
def api_alone(folder: Path, environment: dict[str, str] | None = None) -> Iterator[Service]:
    """Run an API process and its bus, for tests in which no job runs."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(sqlite_with_schema(), folder / "quws.db")
    valkey = ValkeyServer(folder / "valkey")
    valkey.start()
    port = free_port()
    more = {"QUWS_DATA": str(folder), "QUWS_REDIS_URL": valkey.url}
    env = base_environment(more | (environment or {}))
    process = Process(["api", "--port", str(port)], env, folder / "api.log")
    service = Service(f"http://127.0.0.1:{port}", folder, env, [process], bus=valkey)
    try:
        wait_ready(service.url, process)
        yield service
        # uvicorn ends by the signal that it was sent, once all is in order.
        service.processes[0].end(statuses=(0, -signal.SIGTERM))
    finally:
        kill_tree(service.processes[0])
        valkey.stop()
