"""Circuits that are no text, and how they travel as text."""

import base64

import pytest

from quws.domain.errors import InvalidParameter
from quws.domain.parameters.posted import Posted, with_parts
from quws.domain.parameters.reading import read_job
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.payloads import NoPayload, as_bytes, as_text, longest_text, read_url
from quws.domain.policy import Policy

BYTES = b"QISKIT\x11\x02\x00\xff\r\n\xc3"


@pytest.mark.parametrize("size", range(4))
def test_bytes_travel_as_text_and_back(size: int) -> None:
    value = b"QISKIT" + bytes(range(size))
    text = as_text(value)
    assert as_bytes(text) == value
    assert len(text) == longest_text(len(value))


def test_text_stands_for_itself() -> None:
    assert as_text("OPENQASM 3.0; // µ".encode()) == "OPENQASM 3.0; // µ"
    assert as_bytes("OPENQASM 3.0;") is None
    with pytest.raises(UnicodeDecodeError):
        as_text(b"\xff")


@pytest.mark.parametrize(
    ("url", "media_type"),
    [
        ("data:application/x-qpy;base64,", "application/x-qpy"),
        ("data:text/plain;charset=utf-8;base64,", "text/plain"),
        ("data:;base64,", "application/octet-stream"),
    ],
)
def test_urls(url: str, media_type: str) -> None:
    assert read_url(url.encode() + base64.b64encode(BYTES)) == (BYTES, media_type)


@pytest.mark.parametrize(
    "url", ["data:", "data:,a", "data:text/plain,a", "data:;base64,a", "data:;base64,QQ==\n"]
)
def test_broken_urls(url: str) -> None:
    with pytest.raises(NoPayload):
        read_url(url.encode())


def _read(*posted: Posted) -> list[str]:
    return read_job(with_parts(posted, SPECIFICATIONS), Policy()).circuits


def test_a_circuit_is_read_the_same_however_it_is_sent() -> None:
    url = as_text(BYTES)
    for posted in (
        [Posted("CIRCUIT", BYTES)],
        [Posted("circuit", BYTES, "application/octet-stream", uploaded=True)],
        [Posted("CIRCUIT", url.encode())],
        [Posted("QUERY", b"param:file"), Posted("file", BYTES, "a/b", uploaded=True)],
        [Posted("CIRCUIT", b"param:file"), Posted("file", url.encode())],
    ):
        assert _read(*posted) == [url]


def test_what_is_kept_are_the_bytes_with_their_type() -> None:
    (plain,) = with_parts([Posted("CIRCUIT", BYTES)], SPECIFICATIONS)
    assert plain == Posted("CIRCUIT", BYTES, "application/octet-stream", uploaded=True)
    url = b"data:image/png;base64," + base64.b64encode(BYTES)
    (unpacked,) = with_parts([Posted("CIRCUIT", url)], SPECIFICATIONS)
    assert unpacked == Posted("CIRCUIT", BYTES, "image/png", uploaded=True)
    # Of other parameters a text is a text.
    (tag,) = with_parts([Posted("TAG", url)], SPECIFICATIONS)
    assert tag.value == url


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"OPENQASM \xff", "QIR's bitcode, which begins with 'BC'; byte 9 is no UTF-8"),
        (b"data:;base64,!", "CIRCUIT is a data: URL whose base64 is broken"),
        (b"data:what", "CIRCUIT begins with 'data:' and must then read"),
        (b"qreg\0", "CIRCUIT must be text without NUL"),
    ],
)
def test_what_is_no_circuit(value: bytes, sentence: str) -> None:
    with pytest.raises(InvalidParameter, match="CIRCUIT") as caught:
        _read(Posted("CIRCUIT", value))
    assert sentence in caught.value.sentence
    assert caught.value.parameter == "CIRCUIT"
