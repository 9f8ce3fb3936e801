"""Tokens of these clients: they ask for one by their key, and send it with each request.

What they get wraps the key, which is a token of quws, and comes back to be unwrapped. So nothing is
kept here; a token that is revoked or over is refused at the next request, whatever its wrap says,
and a wrong one is refused there too: a client that gets no token at all asks for a minute at each
request. The wrap is as secret as what is in it, and stands where tokens do: in a header.
"""

from __future__ import annotations

import binascii
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any

SECONDS = 3600
"""How long a client keeps what it got; it asks again when four fifths are over."""
MOST_KEY = 4096
_CLAIM = "quws"


def issue(key: str, now: datetime) -> dict[str, Any]:
    """Return the answer to who asks for a token by a key, right or wrong."""
    issued = int(now.timestamp())
    expires = issued + SECONDS
    claims = {"iss": "quws", "iat": issued, "exp": expires, _CLAIM: key}
    token = f"{_json({'alg': 'HS256', 'typ': 'JWT'})}.{_json(claims)}"
    # Nobody looks at the signature, which such a token has: what is inside proves who they are.
    signature = hmac.digest(key.encode(), token.encode(), "sha256")
    return {
        "access_token": f"{token}.{_written(signature)}",
        "refresh_token": "not_supported",
        "token_type": "Bearer",
        "expires_in": SECONDS,
        "expiration": expires,
        "scope": "ibm openid",
    }


def authorization(header: str) -> str:
    """Return the ``Authorization`` that is meant: with the key itself in place of its wrap.

    A key alone (``apikey …``) is what the clients send where they got no token.
    """
    scheme, _, rest = header.partition(" ")
    match scheme.lower():
        case "apikey":
            return f"Bearer {rest.strip()}"
        case "bearer":
            return f"Bearer {_unwrapped(rest.strip())}"
    return header


def _json(part: dict[str, Any]) -> str:
    return _written(json.dumps(part).encode())


def _written(part: bytes) -> str:
    return urlsafe_b64encode(part).decode().rstrip("=")


def _unwrapped(token: str) -> str:
    parts = token.split(".")
    if len(parts) != 3:
        return token
    try:
        found = json.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return token
    key = found.get(_CLAIM) if isinstance(found, dict) else None
    # A token of quws is such; others could not even be looked for.
    return key if isinstance(key, str) and key.isascii() else token
