"""Starts zygotes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess

from quws import __version__
from quws.sandbox import control
from quws.sandbox.control import RoleConfig
from quws.sandbox.environment import environment


def launch(
    interpreter: str, config: RoleConfig, name: str | None
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a zygote, from the main thread, to which the kernel ties its life.

    Returns
    -------
    tuple
        Its process, and the line to it, which does not block.

    Raises
    ------
    OSError
        The interpreter cannot be started.

    """
    ours, theirs = socket.socketpair()
    with theirs, contextlib.ExitStack() as stack:
        stack.callback(ours.close)
        process = subprocess.Popen(
            [
                interpreter,
                "-P",  # The folder in which somebody stands is no place for our modules.
                "-m",
                "quws.sandbox.zygote",
                str(os.getpid()),
                __version__,
                config.role,
                *filter(None, [name]),
            ],
            stdin=theirs.fileno(),
            env=environment(interpreter),
        )
        stack.pop_all()
    with contextlib.suppress(OSError):  # Gone already: its end is heard on the line.
        ours.sendall(control.encode(config))
    ours.setblocking(False)
    return process, ours
