"""In a child: which libraries are loaded to compile and run circuits, and their versions."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

_KNOWN: dict[str, str | None] = {}
"""What was found of each module that was looked up."""
_TOLD: dict[tuple[int, str], dict[str, str]] = {}
"""What was told last, by how many modules there were, and which came last."""
_BEFORE: set[str] = set()
"""What a process had loaded before its target: a service, most of the time."""
_ALWAYS = frozenset(
    """
    quws numpy scipy qiskit qiskit_aer qiskit_qasm3_import openqasm3 rustworkx stim qulacs qsimcirq
    """.split()  # noqa: SIM905 - as a list, it would be a column
)
"""What circuits are read and run with, whoever has loaded it."""
_LONGEST = 100


def begin() -> None:
    """Take what is loaded by now for what has nothing to do with circuits."""
    _BEFORE.update(_loaded())
    _TOLD.clear()


def versions() -> dict[str, str]:
    """Return the version of each library that a target has loaded, by its module, and Python's.

    That is all that can have touched the jobs which a process runs. Each module is looked up once.
    """
    # To go through all modules takes as long as much else of a small job, and few jobs load any.
    mark = len(sys.modules), next(reversed(sys.modules))
    if mark not in _TOLD:
        _TOLD.clear()
        _TOLD[mark] = _found()
    return _TOLD[mark]


def _found() -> dict[str, str]:
    loaded = _loaded()
    names = sorted((loaded - _BEFORE) | (loaded & _ALWAYS))
    for name in names:
        if name not in _KNOWN:
            _KNOWN[name] = _version(name)
    found = {name: version for name in names if (version := _KNOWN[name]) is not None}
    return {"python": platform.python_version(), **found}


def _loaded() -> set[str]:
    return {name.partition(".")[0] for name in tuple(sys.modules)}


def _version(module: str) -> str | None:
    if module in sys.stdlib_module_names or module.startswith("_"):
        return None
    try:
        # Packages are found with - and _ alike.
        return metadata.version(module)
    except (ImportError, OSError, ValueError):
        found = getattr(sys.modules.get(module), "__version__", None)
        return found if isinstance(found, str) and len(found) <= _LONGEST else None
