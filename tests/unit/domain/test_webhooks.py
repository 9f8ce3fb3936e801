"""Where webhooks may go, how messages are signed, and when they are tried again."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

import pytest

from quws.domain.errors import InvalidParameter
from quws.domain.phases import Phase
from quws.domain.webhooks import (
    EventType,
    check_host,
    may_be_reached,
    new_secret,
    pause,
    read_url,
    signature,
)


def test_a_signature_is_that_of_the_standard() -> None:
    # The example that Standard Webhooks publishes.
    found = signature(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_several_secrets_sign_side_by_side() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert first.startswith("whsec_")
    both = signature([first, second], "msg_1", 1, b"x").split()
    assert both == [signature([first], "msg_1", 1, b"x"), signature([second], "msg_1", 1, b"x")]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:db8::1",
    ],
)
def test_no_message_goes_to_what_is_not_public(host: str) -> None:
    assert not may_be_reached(host)
    url = f"http://[{host}]/" if ":" in host else f"http://{host}/"
    with pytest.raises(InvalidParameter, match="private, loopback or link-local"):
        check_host(read_url(url), [])


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "a.localhost", "localhost.", "127.1", "2130706433", "0x7f.0.0.1"],
)
def test_what_stands_for_this_host_is_refused_as_its_address_is(host: str) -> None:
    url = read_url(f"http://{host}:8000/told")
    with pytest.raises(InvalidParameter, match="private, loopback or link-local"):
        check_host(url, [ip_network("10.0.0.0/8")])
    check_host(url, [ip_network("127.0.0.0/8")])


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822"])
def test_what_is_public_may_be_reached(host: str) -> None:
    assert may_be_reached(host)


def test_what_the_operator_allows_may_be_reached() -> None:
    allowed = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    assert may_be_reached("10.1.2.3", allowed)
    assert may_be_reached("fd00::1", allowed)
    assert may_be_reached("::ffff:10.1.2.3", allowed)
    assert not may_be_reached("10.2.0.1", allowed)
    check_host("http://10.1.0.1:8080/x", allowed)
    check_host("https://example.org/x", [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "http://:80/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://[::1/",
        "http://example.org/a b",
        "http://example.org/\r\nX: y",
        "http://exämple.org/",
        "http://user:word@example.org/",
        "http://user@example.org/",
        "http://example.org/#part",
        "http://example.org/" + "x" * 1000,
    ],
)
def test_what_is_no_url_of_a_webhook(text: str) -> None:
    with pytest.raises(InvalidParameter, match="WEBHOOK must be") as caught:
        read_url(text)
    assert "word" not in caught.value.sentence.replace("password", "")


def test_tries_are_further_and_further_apart() -> None:
    pauses = [pause(attempts, 0.5).total_seconds() for attempts in range(1, 12)]
    assert pauses[:4] == [5, 15, 45, 135]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 3 * 3600
    assert pause(1, 0) < pause(1, 1)
    assert pause(10**6, 1) <= timedelta(hours=4)


def test_every_phase_has_an_event() -> None:
    assert {EventType.of(phase) for phase in Phase} == (set(EventType) - {EventType.DELETED}) | {
        None
    }
    assert EventType.of(Phase.COMPLETED) == "job.completed"
