"""Users, passwords and tokens: how secrets are made, hashed and compared.

Passwords are hashed with scrypt (RFC 7914). Tokens are long random texts, so a
plain SHA-256 of them is enough and lets them be looked up.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime

from quws.domain.errors import InvalidParameter

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+-]{0,63}")
_COST, _BLOCK, _PARALLEL = 2**14, 8, 1
_TOKEN_PREFIX = "quws_"  # noqa: S105 - tells people and scanners what such a text is
_MIN_PASSWORD = 8
_MAX_PASSWORD = 1024


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may sign in. ``password`` is a hash, None if only tokens are used."""

    name: str
    password: str | None
    operator: bool
    created: datetime


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, known by its hash only."""

    hash: str
    user: str
    name: str
    created: datetime
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that has signed in, known by the hash of its cookie."""

    hash: str
    user: str
    created: datetime
    expires: datetime


def check_name(name: str) -> str:
    """Return a user name, after making sure that it is one.

    Raises
    ------
    InvalidParameter
        It is none.

    """
    if not _NAME.fullmatch(name):
        raise InvalidParameter(
            "a user's name has 1 to 64 letters, digits or one of @ . _ + - and begins with a"
            f" letter or digit; '{name[:70]}' has not",
            parameter="name",
        )
    return name


def hash_password(password: str) -> str:
    """Return the hash of a password, with a salt of its own.

    Raises
    ------
    InvalidParameter
        It is too short or too long.

    """
    if not _MIN_PASSWORD <= len(password) <= _MAX_PASSWORD:
        raise InvalidParameter(
            f"a password has {_MIN_PASSWORD} to {_MAX_PASSWORD} characters", parameter="password"
        )
    salt = secrets.token_bytes(16)
    return f"scrypt${b64encode(salt).decode()}${b64encode(_scrypt(password, salt)).decode()}"


def password_fits(password: str, stored: str) -> bool:
    """Return whether a password is the one that was hashed, in constant time."""
    try:
        scheme, salt, wanted = stored.split("$")
    except ValueError:
        return False
    if scheme != "scrypt" or len(password) > _MAX_PASSWORD:
        return False
    return hmac.compare_digest(_scrypt(password, b64decode(salt)), b64decode(wanted))


def new_token() -> str:
    """Return the secret text of a new token."""
    return _TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(secret: str) -> str:
    """Return the hash of a token or of a session's secret, by which it is stored and found."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=64 * 1024 * 1024
    )
