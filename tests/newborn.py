"""Zygotes of services that the starter has started: copies of what it has loaded, too.

A zygote loads for a second and a half of a core, and most services of the tests have two. Each
process that will want one forks it as soon as it is born, before it has read anything or has a
thread. The copy waits; when the process wants its zygote it becomes that, with arguments,
environment and standard input of one that an interpreter runs. Another, after that one is lost,
is run by an interpreter, as all are of services that the starter has not started.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, NoReturn

_WANTS = ("api", "worker")
"""The commands that have a zygote."""
_MOST = 1 << 16


def load() -> None:
    """Import what zygotes load, and use it once. Starts no thread."""
    import quws.runner.read
    import quws.runner.run  # noqa: F401
    from quws.runner.check import CheckRole
    from quws.targets.simulator.engines import load_installed

    CheckRole(memory_bytes=0, cpu_seconds=0).load()
    load_installed()


def main(given: str = "", folder: str = "") -> NoReturn:
    """Run the command that `sys.argv` names, as ``quws.cli.command`` does.

    Parameters
    ----------
    given
        What its standard input has; nothing if it is empty.
    folder
        Where it runs; where this process is if it is empty.

    """
    from quws.cli.command import main as run
    from quws.sandbox import zygote_line

    if folder:
        os.chdir(folder)
    if given:
        _read(given)
    sys.argv[0] = "quws"
    # What an interpreter reads when it begins, and what a library may have asked for already.
    tempfile.tempdir = None
    sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    if sys.argv[1] in _WANTS:
        zygote_line.launch = _Copy(zygote_line.launch)
    run()


def _read(given: str) -> None:
    """Make a text what standard input has."""
    file = os.memfd_create("stdin")
    os.write(file, given.encode())
    os.lseek(file, 0, os.SEEK_SET)
    os.dup2(file, 0)
    os.close(file)


class _Copy:
    """Starts one zygote as a copy of this process as it is now, and others as before."""

    def __init__(self, launch: Any) -> None:
        self._launch = launch
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._line.close()
            _wait(theirs, parent)
        theirs.close()
        self._pid: int | None = pid

    def __call__(self, interpreter: str, config: Any, name: str | None) -> Any:
        if interpreter != sys.executable or self._pid is None:
            return self._launch(interpreter, config, name)
        from quws import __version__
        from quws.processes.forked import Forked
        from quws.sandbox import control
        from quws.sandbox.environment import environment

        process, self._pid = Forked(self._pid), None
        arguments = [str(os.getpid()), __version__, config.role, *filter(None, [name])]
        request = json.dumps([arguments, environment(interpreter)]).encode()
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._line:
                socket.send_fds(self._line, [request], [theirs.fileno()])
            ours.sendall(control.encode(config))
        except OSError:
            pass  # Gone already, as others may be: its end is heard on the line.
        ours.setblocking(False)
        return process, ours


def _wait(line: socket.socket, parent: int) -> NoReturn:
    """Be nobody until the parent wants a zygote; then be that."""
    from setproctitle import setproctitle

    from quws.sandbox import confine, zygote

    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        confine.die_with_parent(parent)
        request, files, _, _ = socket.recv_fds(line, _MOST, 1)
        if not request:
            os._exit(0)
        line.close()
        os.dup2(files[0], 0)
        os.close(files[0])
        arguments, environment = json.loads(request)
        setproctitle(" ".join([sys.executable, "-P", "-m", "quws.sandbox.zygote", *arguments]))
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [str(Path(zygote.__file__)), *arguments]
        zygote.main()
    except SystemExit as ended:
        os._exit(int(ended.code or 0))
    except BaseException:  # noqa: BLE001 - whatever it is, it is shown, as an interpreter does
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)
