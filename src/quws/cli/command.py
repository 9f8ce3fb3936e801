"""Running one command as a process: what ``quws`` and ``python -m quws`` do."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn

from quws.cli.app import app


def main() -> NoReturn:
    """Run the command, and end its process as soon as it has ended.

    Python would take all modules apart first, which takes half as long as loading them.
    """
    try:
        app()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            raise  # It is shown by whoever ends the process.
        status = ended.code or 0
    else:
        status = 0
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
