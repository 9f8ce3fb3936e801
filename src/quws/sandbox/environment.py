"""What a zygote finds in its environment: nothing of the service's."""

from __future__ import annotations

import os
import pwd
import sys

_ENVIRONMENT = {
    # One thread each at import: a zygote with threads cannot be forked.
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "QISKIT_PARALLEL": "FALSE",
    "PYTHONUNBUFFERED": "1",
}
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
_OWN = ("PYTHONPATH", "VIRTUAL_ENV")
"""What belongs to this environment, and would mislead the interpreter of another."""


def environment(interpreter: str) -> dict[str, str]:
    """Return the variables for a zygote that an interpreter runs."""
    names = _INHERITED + (_OWN if interpreter == sys.executable else ())
    inherited = {name: os.environ[name] for name in names if name in os.environ}
    return inherited | _home() | _ENVIRONMENT


def _home() -> dict[str, str]:
    """Return where a user is at home whom the system does not know.

    Containers run under any number. Libraries look for settings there, and fail where there is
    no such place.
    """
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return {"HOME": os.environ.get("HOME") or "/"}
    return {}
