"""Where a backend comes from: a path in Python, or a name that another package offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from quws.targets.importing import find_attribute

GROUP = "quws.backends"
"""Entry points of packages that offer a backend, or what makes one, under a short name."""


@dataclass(frozen=True, slots=True)
class Source:
    """What an operator says of where a backend comes from.

    Parameters
    ----------
    path
        ``module:NAME`` of a backend, of its class or of a function that makes it, or the name
        of an entry point of the group ``quws.backends``.
    arguments
        What the class or function is called with.
    method, method_arguments
        For a provider: which of its methods gives the backend, and called with what.

    """

    path: str
    arguments: Mapping[str, Any]
    method: str | None
    method_arguments: Mapping[str, Any]

    def find(self) -> Any:
        """Return the backend, its class or the function that makes it.

        Raises
        ------
        ValueError
            With what is missing.

        """
        if ":" in self.path:
            return find_attribute(self.path)
        known = {entry.name: entry.value for entry in entry_points(group=GROUP)}
        if self.path not in known:
            names = ", ".join(sorted(known)) or "none"
            raise ValueError(
                f"backend '{self.path}' is neither MODULE:NAME nor one of the group {GROUP},"
                f" which has: {names}"
            )
        return find_attribute(known[self.path])

    def make(self, found: Any) -> Any:
        """Return the backend that comes of what was found.

        Raises
        ------
        ValueError
            It is no Qiskit backend.

        """
        made = found(**self.arguments) if callable(found) else found
        if self.method is not None:
            made = getattr(made, self.method)(**self.method_arguments)
        if not hasattr(made, "target") or not hasattr(made, "run"):
            raise ValueError(
                f"{self.path} gives a {type(made).__name__}, which is no Qiskit backend"
            )
        return made
