"""From where a request comes: for the log, and for what is counted by that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from starlette.requests import Request

_ONE_CUSTOMER = 64
"""Who has an IPv6 address has a network of as many bits, and all addresses in it."""


def read_address(client: Any) -> IPv4Address | IPv6Address | None:
    """Return the address of a connection, as ASGI tells it; None if it has none."""
    try:
        return _read(client[0])
    except (TypeError, ValueError):
        return None


@lru_cache(maxsize=1024)
def _read(text: str) -> IPv4Address | IPv6Address:
    return ip_address(text)


def comes_from(request: Request, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Return whether the connection of a request comes from one of some networks."""
    return _is_of(read_address(request.scope.get("client")), networks)


def asker_of(
    request: Request, proxies: Sequence[IPv4Network | IPv6Network]
) -> IPv4Address | IPv6Address | None:
    """Return the address from which a request comes; None where it is not known.

    A proxy's word is taken for whom it speaks for; of anybody else ``X-Forwarded-For`` is not
    believed.
    """
    address = read_address(request.scope.get("client"))
    if _is_of(address, proxies):
        # The last one is what the proxy itself has seen.
        told = ",".join(request.headers.getlist("x-forwarded-for")).rpartition(",")[2].strip()
        address = read_address((told,)) or address
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _is_of(
    address: IPv4Address | IPv6Address | None, networks: Sequence[IPv4Network | IPv6Network]
) -> bool:
    return address is not None and any(address in network for network in networks)


def place_of(address: IPv4Address | IPv6Address | None) -> str:
    """Return what requests from one place have in common: an address, or an IPv6 network.

    Empty where the place is not known.
    """
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _ONE_CUSTOMER), strict=False))
    return "" if address is None else str(address)
