"""A zygote as its parent sees it: a process, and the line on which it is told and reports."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import structlog

from quws.sandbox import control
from quws.sandbox.control import Command, Report, RoleConfig
from quws.sandbox.launch import launch

_log = structlog.get_logger(__name__)


class ZygoteLine:
    """A zygote that was started, from the main thread.

    Parameters
    ----------
    heard
        Is told each report.
    lost
        Is told that there will be no more: the zygote has ended, or will.

    Raises
    ------
    OSError
        The interpreter cannot be started.

    """

    def __init__(
        self,
        interpreter: str,
        config: RoleConfig,
        name: str | None,
        *,
        heard: Callable[[Report], None],
        lost: Callable[[], None],
    ) -> None:
        self.process, self._socket = launch(interpreter, config, name)
        self._heard = heard
        self._lost = lost
        self._rest = b""
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._hear)

    def tell(self, command: Command, *fds: int) -> None:
        """Send a command, with open files that go along."""
        # Commands are far smaller than the socket's buffer, so this does not block.
        with contextlib.suppress(OSError):
            socket.send_fds(self._socket, [control.encode(command)], fds)

    def close(self) -> None:
        """Hear nothing any more: at the end of its line a zygote kills its children and goes."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def _hear(self) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                report = control.decode_report(line)
            except ValueError as error:
                # Another version's, perhaps. Its end is heard like any other.
                _log.error("zygote speaks nonsense", error=str(error))
                self.process.kill()
                return
            self._heard(report)
