"""What an operator names by its path in Python."""

from __future__ import annotations

import importlib
from typing import Any


def find_attribute(path: str) -> Any:
    """Return what a path such as ``package.module:Class.method`` names.

    Raises
    ------
    ValueError
        With what is missing.

    """
    module, _, attribute = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise ValueError(f"'{path}' cannot be imported: {error}") from error
    except AttributeError:
        raise ValueError(f"the module {module} has no '{attribute}'") from None
    return found
