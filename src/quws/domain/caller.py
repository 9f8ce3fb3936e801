"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class AuthMethod(StrEnum):
    """How callers are told apart."""

    NONE = "none"
    """Everybody is the one anonymous user."""
    USERS = "users"
    """Accounts in the database: Basic, or a bearer token."""
    PROXY = "proxy"
    """A proxy in front has found out, and says it in a header."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who sends a request. ``name`` is None for the anonymous user."""

    name: str | None = None
    operator: bool = False
    address: str | None = field(default=None, compare=False)
    """From where this request came, as far as it is known: that of a proxy, behind one."""

    def may_see(self, owner: str | None) -> bool:
        """Return whether a job of this owner is theirs to see and to change."""
        return self.operator or self.name == owner


ANONYMOUS = Caller()
