"""Webhooks: where they may go, how they are signed (Standard Webhooks 1.0), when tried again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from socket import inet_aton, inet_ntoa
from urllib.parse import urlsplit

from quws.domain.errors import InvalidParameter
from quws.domain.phases import Phase

Network = IPv4Network | IPv6Network

MOST_URL = 1000
KEPT_FOR = timedelta(days=1)
"""How long a message is tried to be delivered."""
ANSWER_SECONDS = 10.0
"""How long a receiver may take, from the name's being looked up to its answer."""
_PREFIX = "whsec_"
_SECRET_BYTES = 32
_FIRST_SECONDS = 5.0
_MOST_SECONDS = 3 * 3600.0
_TRANSLATED = ip_network("64:ff9b::/96")
"""Addresses of IPv4 hosts behind a translator (RFC 6052)."""
_SENDABLE = re.compile("[!-~]+")


class NotReached(Exception):
    """No answer came from a receiver, for a reason that is told to the owner."""


class EventType(StrEnum):
    """What a message tells of."""

    PENDING = "job.pending"
    QUEUED = "job.queued"
    EXECUTING = "job.executing"
    COMPLETED = "job.completed"
    ERROR = "job.error"
    ABORTED = "job.aborted"
    HELD = "job.held"
    SUSPENDED = "job.suspended"
    ARCHIVED = "job.archived"
    DELETED = "job.deleted"

    @classmethod
    def of(cls, phase: Phase) -> EventType | None:
        """Return what tells that a job is in a phase; None for one that is unknown."""
        return None if phase is Phase.UNKNOWN else cls[phase.name]


class DeliveryState(StrEnum):
    """How far a message has come."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"
    """It was tried for a day, or the receiver said that it is gone."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where messages of one owner's jobs go. ``events`` are which; None for all.

    One that is not ``standing`` is told of the jobs only that name it.
    """

    id: str
    owner: str
    url: str
    standing: bool
    events: Sequence[EventType] | None
    created: datetime
    failures: int
    """How often it has failed since it took a message."""
    last_success: datetime | None
    last_failure: datetime | None
    trouble: str | None
    """How the last message failed."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to one webhook."""

    id: int
    message: str
    """Its id for the receiver: the same however often it is tried."""
    job_id: str
    event: str
    created: datetime
    state: DeliveryState
    attempts: int
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is to be sent now, in the hands of one sender."""

    id: int
    message: str
    webhook: str
    url: str
    body: str = field(repr=False)
    secrets: Sequence[str] = field(repr=False)
    attempt: int
    age: timedelta
    failures: int


def new_secret() -> str:
    """Make a secret with which messages are signed."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(keys: Iterable[str], message: str, seconds: int, body: bytes) -> str:
    """Sign a message with each of several secrets: the receiver may know any one of them."""
    signed = f"{message}.{seconds}.".encode() + body
    return " ".join(
        f"v1,{base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()}"
        for secret in keys
    )


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX))


def pause(attempts: int, chance: float) -> timedelta:
    """Return how long to wait after so many attempts; ``chance`` (0 to 1) spreads them."""
    seconds = min(_FIRST_SECONDS * 3.0 ** min(attempts - 1, 20), _MOST_SECONDS)
    return timedelta(seconds=seconds * (0.8 + 0.4 * chance))


def read_url(text: str, name: str = "WEBHOOK") -> str:
    """Read the URL of a webhook; ``name`` is the parameter that has it.

    Raises
    ------
    InvalidParameter
        It is no http or https URL, or has a password in it.

    """
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or len(text) > MOST_URL or not _SENDABLE.fullmatch(text):
        raise InvalidParameter(
            f"{name} must be an http or https URL of at most {MOST_URL} ASCII characters",
            parameter=name,
        )
    if parts.username is not None or parts.fragment:
        raise InvalidParameter(
            f"{name} must be a URL without user, password and fragment", parameter=name
        )
    return text


def check_host(url: str, allowed: Iterable[Network], name: str = "WEBHOOK") -> None:
    """Refuse a URL that names an address which is not allowed; names are looked up when it is used.

    ``localhost`` is none to be looked up: it stands for this host, and nothing else (RFC 6761).

    Raises
    ------
    InvalidParameter

    """
    named = _addresses(urlsplit(url).hostname or "")
    if named and not any(may_be_reached(address, allowed) for address in named):
        raise InvalidParameter(
            f"{name} must not name a private, loopback or link-local address", parameter=name
        )


def _addresses(host: str) -> Sequence[str]:
    """Return the addresses for which a host stands by itself; none for a name."""
    name = host.removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return ("127.0.0.1", "::1")
    with suppress(ValueError):
        ip_address(host)
        return (host,)
    # As systems read them: 127.1, 0x7f000001, 2130706433.
    with suppress(OSError):
        return (inet_ntoa(inet_aton(name)),)
    return ()


def may_be_reached(host: str, allowed: Iterable[Network] = ()) -> bool:
    """Whether messages may be sent to an address: a public one, or one that the operator allows."""
    address = ip_address(host.partition("%")[0])
    if any(address in network for network in allowed if network.version == address.version):
        return True
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return may_be_reached(str(inner), allowed)
    return address.is_global and not address.is_multicast


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
