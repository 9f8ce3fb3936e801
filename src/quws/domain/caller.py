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


class CredentialKind(StrEnum):
    """What an account is known by."""

    PASSWORD = "password"  # noqa: S105 - the kind, not one
    TOKEN = "token"  # noqa: S105 - the kind, not one
    SESSION = "session"


MOST_NAME = 200
"""How long the name of a user may be whom others have signed in: addresses are, and DNs."""


def is_user_name(name: str) -> bool:
    """Return whether a text that others have chosen can name a user.

    Names that look the same on a page must not be two: nothing in them is invisible.
    """
    return 0 < len(name) <= MOST_NAME and name.isprintable() and " ".join(name.split()) == name


@dataclass(frozen=True, slots=True)
class Credential:
    """What somebody has shown. ``key`` is its hash, as it is stored."""

    kind: CredentialKind
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who sends a request. ``name`` is None for the anonymous user.

    ``credential`` is what must hold as long as they are served; None where there are no accounts.
    ``address`` is from where this request comes; empty where that is not known.
    """

    name: str | None = None
    operator: bool = False
    credential: Credential | None = field(default=None, compare=False, repr=False)
    address: str = field(default="", compare=False, repr=False)

    def may_see(self, owner: str | None) -> bool:
        """Return whether a job of this owner is theirs to see and to change."""
        return self.operator or self.name == owner


ANONYMOUS = Caller()
