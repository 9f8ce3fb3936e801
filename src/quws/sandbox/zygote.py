"""The process that children are forked from: it has loaded the libraries, once.

A program of its own (``python -m quws.sandbox.zygote``) rather than
``multiprocessing``'s fork server: that one imports the parent's main module
again in every child, hides errors of its preload, reaps its children where the
parent cannot see it, and runs only under the parent's interpreter.

It talks to its parent over a stream socket on standard input, one JSON object per line:
``control.py`` says which. A child's process group is killed through it and by nobody else: only
this process reaps, so the process id cannot be somebody else's by then.

At the end of the stream everybody is killed, and so are the children when the
parent has not been heard of for the length of its leash: a parent that is
frozen cannot stop a job that is somebody else's by now.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import NoReturn

from quws import __version__
from quws.domain.configuring import ConfigError
from quws.domain.extras import MissingExtra
from quws.sandbox import confine, control, landlock, seccomp
from quws.sandbox.control import (
    Command,
    Exited,
    Kill,
    Loaded,
    NotSpawned,
    Report,
    Spawn,
    Spawned,
    Unusable,
)
from quws.sandbox.roles import ParentGone, Role, make_role

_MAX_FDS = 16
_TRIALS = 10
"""How often it is tried to close a child in, if it is killed each time."""
_GONE = (BrokenPipeError, ConnectionResetError)
"""What speaking and listening raise once the parent has gone, also while this was loading."""


class Zygote:
    """Forks, kills and reaps children."""

    def __init__(self, parent: socket.socket, role: Role, leash_seconds: float | None) -> None:
        self._parent = parent
        self._role = role
        self._leash_seconds = leash_seconds
        self._children: set[int] = set()
        self._others: set[int] = set()
        self._fds: list[int] = []
        self._wake: tuple[int, ...] = ()
        self._rest = b""

    def run(self) -> None:
        """Serve the parent until it goes."""
        confine.adopt_orphans()
        # What libraries have started, they look after.
        self._others = confine.children()
        self._wake = wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        parent = self._parent.fileno()
        heard = time.monotonic()
        try:
            self._say(Loaded(apart=self._role.apart))
            while True:
                ready, _, _ = select.select([parent, wake_read], [], [], self._leash_seconds)
                now = time.monotonic()
                if parent in ready:
                    heard = now
                elif self._leash_seconds is not None and now - heard >= self._leash_seconds:
                    self._kill_all()
                if wake_read in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_read, 4096)
                    self._reap()
                if parent in ready and not self._receive():
                    return
        except _GONE:
            return
        finally:
            self._end_all()

    def _kill_all(self) -> None:
        for pid in self._children:
            _kill_group(pid)

    def _end_all(self) -> None:
        self._kill_all()
        self._kill_orphans()
        while confine.children() - self._others:
            pid, _ = os.waitpid(-1, 0)
            self._children.discard(pid)
            self._kill_orphans()

    def _kill_orphans(self) -> None:
        """Kill what children have left behind, but for what is in the group of one that lives."""
        for pid in confine.children() - self._children - self._others:
            with contextlib.suppress(ProcessLookupError):
                if os.getpgid(pid) not in self._children:
                    os.kill(pid, signal.SIGKILL)

    def _receive(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._parent, 65536, _MAX_FDS)
        if not data:
            return False
        self._fds.extend(fds)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._obey(control.decode_command(line))
        return True

    def _obey(self, command: Command) -> None:
        match command:
            case Spawn(number=number, folder=folder):
                self._spawn(number, self._fds.pop(0), folder)
            case Kill(pid=pid) if pid in self._children:
                _kill_group(pid)

    def _spawn(self, number: int, fd: int, folder: Path | None) -> None:
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            # No room for one more; those that are there must go on.
            os.close(fd)
            self._say(NotSpawned(number=number))
            return
        if pid == 0:
            self._become_child(fd, zygote, folder)
        os.close(fd)
        # In both processes, since either may be first: the group must exist
        # before anybody can ask to kill it.
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._children.add(pid)
        self._say(Spawned(number=number, pid=pid))

    def _become_child(self, fd: int, parent: int, folder: Path | None) -> None:
        status = 1
        try:
            with contextlib.suppress(OSError):
                os.setpgid(0, 0)
            # First of all, before it has threads: what holds for one holds for all it starts.
            _close_in(self._role, parent, folder)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._parent.close()
            os.close(0)
            # Connections of children yet to come: held here, they would not end with those.
            # And by who reads here, this process would not hear that a child has ended.
            for other in (*self._fds, *self._wake):
                os.close(other)
            with socket.socket(fileno=fd) as connection:
                self._role.serve(connection)
            status = 0
        except ParentGone:
            pass  # Whoever stops a worker stops its children, and needs no word of it.
        except BaseException:  # noqa: BLE001 - its log is the only place for it
            traceback.print_exc()
        finally:
            # Whatever happens, this copy must not go on as a zygote.
            os._exit(status)

    def _reap(self) -> None:
        while (pid := _ended()) is not None:
            if pid in self._children:
                # Whatever the child started goes with it; before it is reaped, while
                # its process id still cannot belong to anybody else.
                _kill_group(pid)
            _, status = os.waitpid(pid, 0)
            known = pid in self._children
            self._children.discard(pid)
            self._kill_orphans()
            if known:
                self._say(Exited(pid=pid, status=os.waitstatus_to_exitcode(status)))

    def _say(self, report: Report) -> None:
        self._parent.sendall(control.encode(report))


def _close_in(role: Role, parent: int, folder: Path | None) -> None:
    """Take from this process all that a child need not be able to do.

    Raises
    ------
    OSError
        The system could, and did not.

    """
    confine.die_with_parent(parent)
    confine.first_to_go()
    confine.limit_tasks()
    confine.drop_capabilities()
    landlock.close_in(role.files, folder)
    seccomp.allow_computing(network=role.network, processes=role.processes)


def _try_walls(role: Role) -> None:
    """Make sure that children can be closed in, by one that is not needed.

    Raises
    ------
    OSError
        They cannot be, where the system should be able to.

    """
    for _ in range(_TRIALS):
        status = _trial(role)
        # It is the first to go when memory is short: to be killed says nothing about walls.
        if status != -signal.SIGKILL:
            break
    if status != 0:
        raise OSError("processes that read circuits cannot be closed in; the log above says why")


def _trial(role: Role) -> int:
    """Close a child in, and return with what status it ended; negative for a signal."""
    zygote = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _close_in(role, zygote, None)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - its log is the only place for it
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _ended() -> int | None:
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Load what the role needs, then serve.

    Arguments: the parent's pid, its version of quws, and for people who look at the list of
    processes what this one is for.
    """
    parent_pid, version, *_ = sys.argv[1:]
    confine.die_with_parent(int(parent_pid))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent = socket.socket(fileno=os.dup(0))
    if version != __version__:
        _give_up(
            parent,
            f"{sys.executable} has quws {__version__}, and this service is quws {version};"
            " install the same there",
        )
    try:
        config = control.decode_role(_first_line(parent))
    except _GONE:
        sys.exit(1)
    try:
        role = make_role(config)
        if not role.network:
            seccomp.refuse_sockets()
        role.load()
        landlock.library_paths()
        _try_walls(role)
    except (MissingExtra, ConfigError) as error:
        _give_up(parent, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the operator must hear of it
        traceback.print_exc()
        _give_up(parent, f"{type(error).__name__}: {error}")
    gc.collect()
    # Keeps the collector from touching, and so copying, pages shared with the children.
    gc.freeze()
    Zygote(parent, role, config.leash_seconds).run()
    # Python would take all modules apart first, which takes a second.
    os._exit(0)


def _first_line(parent: socket.socket) -> bytes:
    # Not a byte more: what comes behind it is for the loop.
    line = b""
    while not line.endswith(b"\n"):
        seen = parent.recv(65536, socket.MSG_PEEK)
        if not seen:
            sys.exit(1)
        line += parent.recv(seen.find(b"\n") + 1 or len(seen))
    return line


def _give_up(parent: socket.socket, why: str) -> NoReturn:
    with contextlib.suppress(OSError):
        parent.sendall(control.encode(Unusable(why=why[:1000])))
    sys.exit(1)


if __name__ == "__main__":
    main()
