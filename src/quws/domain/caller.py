"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who sends a request. ``name`` is None for the anonymous user."""

    name: str | None = None
    operator: bool = False

    def may_see(self, owner: str | None) -> bool:
        """Tell whether a job of this owner is theirs to see and to change."""
        return self.operator or self.name == owner


ANONYMOUS = Caller()
