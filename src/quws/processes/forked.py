"""Processes that begin as copies of this one, which has loaded what they need.

A copy shares the memory of what was loaded, and begins at once where a new interpreter loads for
two seconds. It is a process like one that a new interpreter runs: nothing of what this one does
goes on in it. Only on Linux, and only while this process has one thread.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import uuid_utils

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_POLL_SECONDS = 0.02


def can_fork() -> bool:
    """Whether a copy of this process, as it is now, would be sound and could be told apart."""
    return (
        sys.platform == "linux"
        and importlib.util.find_spec("setproctitle") is not None
        and len(list(Path("/proc/self/task").iterdir())) == 1
    )


class Forked:
    """A process that began as a copy of this one, with the methods of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the status with which it has ended, if it has."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Raises
        ------
        subprocess.TimeoutExpired
            It still runs after so many seconds.

        """
        limit = None if timeout is None else time.monotonic() + timeout
        while (status := self.poll()) is None:
            if limit is not None and time.monotonic() > limit:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(_POLL_SECONDS)
        return status

    def send_signal(self, sig: int) -> None:
        """Send a signal, if it still runs: its number cannot be somebody else's before `poll`."""
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def share_memory() -> None:
    """Keep the collector of copies from touching, and so copying, what is loaded now."""
    gc.collect()
    gc.freeze()


def fork(
    main: Callable[[], NoReturn],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    output: int | None = None,
) -> Forked:
    """Start a copy of this process that runs a command line.

    Parameters
    ----------
    main
        Runs the command that `sys.argv` names, and ends the process.
    arguments
        What follows ``python -m quws``.
    environment
        All variables that the copy has.
    output
        A file for what it prints, instead of this process's.

    Raises
    ------
    OSError
        The system has no room for another process.

    """
    sys.stdout.flush()
    sys.stderr.flush()
    # What is sent to the copy before it has let go of this process's handlers waits for that.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            _become(main, arguments, environment, blocked, output)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    # In both processes, since either may be first: a signal for this group is not for the copy.
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    return Forked(pid)


def _become(
    main: Callable[[], NoReturn],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    blocked: set[int | signal.Signals],
    output: int | None,
) -> NoReturn:
    """Take off all that is the original's, and run the command."""
    status = 1
    try:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        for sig in (*_SIGNALS, signal.SIGCHLD):
            signal.signal(sig, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        _let_go_of_files(output)
        # First, since it looks for the place of the command line behind these variables.
        _name(arguments)
        os.environ.clear()
        os.environ.update(environment)
        # Python's own is seeded anew by itself. A number that two processes make is nobody's.
        uuid_utils.reseed_rng()
        sys.argv[1:] = arguments
        main()
    except SystemExit as ended:
        print(ended.code, file=sys.stderr)  # noqa: T201 - as the interpreter does
    except BaseException:  # noqa: BLE001 - whatever it is, it is shown, as the interpreter does
        traceback.print_exc()
    finally:
        # This copy must never go on as the original.
        sys.stderr.flush()
        os._exit(status)


def _let_go_of_files(output: int | None) -> None:
    if output is not None:
        os.dup2(output, 1)
        os.dup2(output, 2)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    # The original's lock among them: held here, it would outlive the original.
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers, not paths
        if int(name) > 2:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _name(arguments: Sequence[str]) -> None:
    """Show in the list of processes what a new interpreter would show."""
    from setproctitle import setproctitle, setthreadtitle  # noqa: PLC0415 - only where it is

    setproctitle(" ".join([sys.executable, "-P", "-m", "quws", *arguments]))
    setthreadtitle(Path(sys.executable).name)
