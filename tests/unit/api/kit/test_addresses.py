"""From where a request comes, and who is believed about it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from starlette.requests import Request

from quws.api.kit.addresses import asker_of, place_of

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def asker(client: Any, *forwarded: str) -> IPv4Address | IPv6Address | None:
    headers = [(b"x-forwarded-for", item.encode()) for item in forwarded]
    return asker_of(Request({"type": "http", "client": client, "headers": headers}), PROXIES)


def place(client: Any, *forwarded: str) -> str:
    return place_of(asker(client, *forwarded))


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (("192.0.2.1", 40_000), "192.0.2.1"),
        (("::ffff:192.0.2.1", 40_000), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 40_000), "2001:db8:1:2::/64"),
        (("::1", 40_000), "::/64"),
        (("fe80::1%eth0", 40_000), "fe80::/64"),
        (None, ""),
        (("", 0), ""),
        (("/run/quws.sock", 0), ""),
    ],
)
def test_a_place_is_an_address_or_a_customers_network(client: Any, expected: str) -> None:
    assert place(client) == expected
    assert place(client, "198.51.100.7") == expected, "anybody can say that"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["192.0.2.1, 198.51.100.7"], "198.51.100.7"),
        (["192.0.2.1", "203.0.113.5 , 198.51.100.7 "], "198.51.100.7"),
        (["2001:db8::1"], "2001:db8::/64"),
        (["unknown"], "10.1.2.3"),
        (["198.51.100.7, "], "10.1.2.3"),
        ([], "10.1.2.3"),
    ],
)
def test_a_proxy_tells_for_whom_it_speaks(forwarded: list[str], expected: str) -> None:
    assert place(("10.1.2.3", 40_000), *forwarded) == expected


def test_who_asks_has_the_whole_address() -> None:
    address = ip_address("2001:db8:1:2:3:4:5:6")
    assert asker((str(address), 40_000)) == address
    assert asker(("10.1.2.3", 40_000), str(address)) == address
    assert asker(("::ffff:192.0.2.1", 40_000)) == ip_address("192.0.2.1")
    assert asker(None) is None
