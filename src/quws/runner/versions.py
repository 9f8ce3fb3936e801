"""In a child: which libraries are loaded, and their versions."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

_KNOWN: dict[str, str | None] = {}
"""What was found of each module that was looked up."""
_LONGEST = 100


def versions() -> dict[str, str]:
    """Return the version of each library that is loaded, by the name of its package, and Python's.

    What a process has loaded is all that can have touched the jobs it runs. Each module is looked
    up once.
    """
    for name in {name.partition(".")[0] for name in tuple(sys.modules)} - _KNOWN.keys():
        _KNOWN[name] = _version(name)
    found = sorted((name, item) for name, item in _KNOWN.items() if item is not None)
    return {"python": platform.python_version(), **dict(found)}


def _version(module: str) -> str | None:
    if module in sys.stdlib_module_names or module.startswith("_"):
        return None
    try:
        # Packages are found with - and _ alike.
        return metadata.version(module)
    except (ImportError, OSError, ValueError):
        found = getattr(sys.modules.get(module), "__version__", None)
        return found if isinstance(found, str) and len(found) <= _LONGEST else None
