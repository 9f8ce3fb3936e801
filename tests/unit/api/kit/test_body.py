"""Parameters arrive byte for byte, whatever form they come in."""

import asyncio
from collections.abc import Iterable
from urllib.parse import quote_plus, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Message

from quws.api.kit.body import (
    SMALL_BODY,
    EncodedBody,
    MalformedBody,
    UnsupportedMediaType,
    parse_form,
    read_body,
    read_posted,
)
from quws.api.kit.services import HttpSettings
from quws.domain.errors import Refusal, TooLarge
from quws.domain.parameters.posted import Posted

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy with other things."""


FORM = "application/x-www-form-urlencoded"
TEXT = "text/plain; charset=utf-8"
BINARY = "application/octet-stream"
ODD = "a\r\nb\n\rc\t é 量子 😀 & = + % %41 ; \" ' \\ <&>]]> \x00\x7f"
MAX_BODY = 1_000_000


class Sent:
    """A request with a body that comes in chunks."""

    def __init__(
        self,
        body: bytes | Iterable[bytes] = b"",
        content_type: str | None = FORM,
        query: bytes = b"",
        **headers: str,
    ) -> None:
        self.chunks = [body] if isinstance(body, bytes) else list(body)
        self.taken = 0
        named = {"content-type": content_type} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        app = Starlette()
        app.state.http = HttpSettings(public_url=None, max_body=MAX_BODY)
        self.request = Request(
            {
                "type": "http",
                "method": "POST",
                "path": "/jobs",
                "query_string": query,
                "headers": [
                    (name.encode(), value.encode("latin-1"))
                    for name, value in named.items()
                    if value is not None
                ],
                "app": app,
            },
            self._receive,
        )

    async def _receive(self) -> Message:
        chunk = self.chunks[self.taken] if self.chunks else b""
        self.taken += 1
        return {
            "type": "http.request",
            "body": chunk,
            "more_body": self.taken < len(self.chunks),
        }

    def posted(self) -> list[Posted]:
        return asyncio.run(read_posted(self.request, circuits=True))

    def body(self) -> bytes:
        return asyncio.run(read_body(self.request, circuits=True))


def form(text: str | bytes) -> list[tuple[str, bytes]]:
    body = text if isinstance(text, bytes) else text.encode("latin-1")
    return [(item.name, item.value) for item in Sent(body).posted()]


# -- urlencoded -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        ("A=1", [("A", b"1")]),
        ("A=1&B=2&A=3", [("A", b"1"), ("B", b"2"), ("A", b"3")]),
        ("A=", [("A", b"")]),
        ("A", [("A", b"")]),
        ("=1", [("", b"1")]),
        ("&&A=1&", [("A", b"1")]),
        ("A=1=2==", [("A", b"1=2==")]),
        ("A=a+b%2Bc%20d", [("A", b"a b+c d")]),
        ("A=%00%ff%FE%0d%0A", [("A", b"\x00\xff\xfe\r\n")]),
        ("A=1;B=2", [("A", b"1;B=2")]),
        ("A=%zz%4%", [("A", b"%zz%4%")]),
        ("a%3Db=1", [("a=b", b"1")]),
        ("+=+", [(" ", b" ")]),
        ("%E9%87%8F=%E5%AD%90", [("量", "子".encode())]),
        ("%FF=1", [("\ufffd", b"1")]),
        # Sent by some without escaping.
        (b"A=\xe9\x87\x8f \xff\r\n\x00", [("A", b"\xe9\x87\x8f \xff\r\n\x00")]),
    ],
)
def test_a_form(body: str | bytes, pairs: list[tuple[str, bytes]]) -> None:
    assert form(body) == pairs


PAIRS = st.lists(st.tuples(st.text(min_size=1), st.binary()))


@unhurried
@given(PAIRS)
@example([("A", ODD.encode())])
@example([("A", bytes(range(256)))])
@example([("A", b""), ("A", b""), ("B", b"")])
def test_any_bytes_in_a_form(pairs: list[tuple[str, bytes]]) -> None:
    sound = [(name.encode(errors="ignore").decode(), value) for name, value in pairs]
    sound = [(name, value) for name, value in sound if name]
    assert form(urlencode(sound)) == sound
    by_hand = b"&".join(
        quote_plus(name).encode() + b"=" + b"".join(b"%%%02x" % byte for byte in value)
        for name, value in sound
    )
    assert form(by_hand) == sound


def test_a_field_of_a_form_is_text_that_was_not_uploaded() -> None:
    assert Sent(b"A=1").posted() == [Posted("A", b"1", TEXT, uploaded=False)]


def test_a_large_field_is_whole() -> None:
    value = b"x" * (MAX_BODY - 2)
    assert Sent(b"A=" + value).posted()[0].value == value


def test_the_query_comes_before_the_body() -> None:
    found = Sent(b"A=2&B=3", query=b"A=1&C").posted()
    assert [(item.name, item.value) for item in found] == [
        ("A", b"1"),
        ("C", b""),
        ("A", b"2"),
        ("B", b"3"),
    ]


def test_the_query_alone() -> None:
    for content_type in (None, FORM, "text/plain"):
        assert Sent(b"", content_type, query=b"A=1").posted() == [Posted("A", b"1")]


@pytest.mark.parametrize("content_type", [None, FORM, FORM.upper(), f"{FORM}; charset=UTF-8"])
def test_types_of_a_form(content_type: str | None) -> None:
    assert Sent(b"A=1", content_type).posted() == [Posted("A", b"1")]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/json", "multipart/mixed; boundary=x", "x", ";", ""]
)
def test_what_has_no_parameters_in_it(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="the body must be application/x-www-form"):
        Sent(b"A=1", content_type).posted()


def test_a_form_has_so_many_fields() -> None:
    assert len(parse_form(b"&".join([b"A="] * 10_100))) == 10_100
    with pytest.raises(MalformedBody, match="more than 10100 fields"):
        parse_form(b"&".join([b"A="] * 10_101))
    with pytest.raises(MalformedBody, match="more than 10100 fields"):
        Sent(b"A=1", query=b"&" * 10_100).posted()


def test_escapes_are_resolved_piece_by_piece() -> None:
    escaped = b"".join(b"%%%02x" % (k % 256) for k in range(100_000))
    for shift in range(4):
        sent = b"A=" + b"x" * shift + escaped + b"+%zz%4"
        expected = b"x" * shift + bytes(k % 256 for k in range(100_000)) + b" %zz%4"
        assert Sent(sent).posted()[0].value == expected


@pytest.mark.parametrize("coding", ["gzip", "br", "x", "gzip, identity"])
def test_a_compressed_body_is_refused_by_its_coding(coding: str) -> None:
    with pytest.raises(EncodedBody, match=f"without Content-Encoding, not as '{coding}'"):
        Sent(b"A=1", content_encoding=coding).posted()


def test_a_body_that_says_that_it_is_not_compressed() -> None:
    assert Sent(b"A=1", content_encoding="Identity").posted() == [Posted("A", b"1")]


def test_little_is_read_where_no_circuits_are_sent() -> None:
    for chunks in ([b"A" * (SMALL_BODY + 1)], [b"A" * SMALL_BODY, b"A", b"A"]):
        sent = Sent(chunks)
        with pytest.raises(TooLarge, match=f"larger than the {SMALL_BODY} bytes"):
            asyncio.run(read_posted(sent.request))
        assert sent.taken == len(chunks[:2])
    assert asyncio.run(read_body(Sent(b"A" * SMALL_BODY).request)) == b"A" * SMALL_BODY


# -- multipart --------------------------------------------------------------------


def part(name: str, value: bytes, *headers: str, filename: str | None = None) -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"'
    if filename is not None:
        disposition += f'; filename="{filename}"'
    lines = [disposition, *headers]
    return b"\r\n".join(line.encode() for line in lines) + b"\r\n\r\n" + value


def multipart(*parts: bytes, end: bytes = b"--xyz--\r\n") -> bytes:
    return b"".join(b"--xyz\r\n" + item + b"\r\n" for item in parts) + end


def of_multipart(body: bytes | Iterable[bytes]) -> list[Posted]:
    return Sent(body, "multipart/form-data; boundary=xyz").posted()


def test_multipart() -> None:
    body = multipart(
        part("A", b"1"),
        part("B", b""),
        part("A", ODD.encode()),
        part("file", b"\x00\xff", "Content-Type: text/x-qasm", filename="a.qasm"),
        part("file", b"", filename=""),
        part("A", b"2", "content-type: text/plain; charset=latin-1"),
    )
    assert of_multipart(body) == [
        Posted("A", b"1", TEXT, uploaded=False),
        Posted("B", b"", TEXT, uploaded=False),
        Posted("A", ODD.encode(), TEXT, uploaded=False),
        Posted("file", b"\x00\xff", "text/x-qasm", uploaded=True),
        Posted("file", b"", BINARY, uploaded=True),
        Posted("A", b"2", "text/plain; charset=latin-1", uploaded=False),
    ]


@unhurried
@given(st.lists(st.binary()), st.integers(1, 50))
@example([ODD.encode(), b"\r\n--xy", b"--xyz", b"\r\n", b"\r", b"-", bytes(range(256))], 1)
def test_any_bytes_in_multipart_in_any_chunks(values: list[bytes], size: int) -> None:
    values = [value for value in values if b"\r\n--xyz" not in b"\r\n" + value]
    body = multipart(*(part(f"N{k}", value) for k, value in enumerate(values)))
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    found = of_multipart(chunks)
    assert [(item.name, item.value) for item in found] == [
        (f"N{k}", value) for k, value in enumerate(values)
    ]


@pytest.mark.parametrize("name", ["A", "a b", "量子", "é", "x;y", "x=y", "'", ""])
def test_names_of_parts(name: str) -> None:
    assert of_multipart(multipart(part(name, b"1"))) == [Posted(name, b"1", TEXT)]


def test_what_httpx_sends_is_read() -> None:
    request = httpx.Request(
        "POST",
        "http://host/",
        data={"SHOTS": "5", "TAG": ["a", "b"]},
        files={"CIRCUIT": ("a.qasm", b"\x00\r\n\xff", "text/x-qasm")},
    )
    found = Sent(request.read(), request.headers["content-type"]).posted()
    assert sorted(found, key=lambda item: (item.name, item.value)) == [
        Posted("CIRCUIT", b"\x00\r\n\xff", "text/x-qasm", uploaded=True),
        Posted("SHOTS", b"5", TEXT),
        Posted("TAG", b"a", TEXT),
        Posted("TAG", b"b", TEXT),
    ]


def test_a_large_part_is_whole() -> None:
    # Starlette would cut it at one megabyte.
    value = bytes(range(256)) * 3900
    assert of_multipart(multipart(part("A", value)))[0].value == value


def test_no_parts_at_all() -> None:
    assert of_multipart(b"--xyz--\r\n") == []


def test_what_is_around_the_parts_is_nothing() -> None:
    assert of_multipart(multipart(part("A", b"1"), end=b"--xyz--")) == [Posted("A", b"1")]
    assert of_multipart(multipart(part("A", b"1"), end=b"--xyz--\r\nbye")) == [Posted("A", b"1")]


@pytest.mark.parametrize(
    "preamble", [b"\r\n", b"for old readers\r\n", b"a\r\n--xy\r\n-", b"\r\n\r\n"]
)
def test_what_stands_before_the_parts_is_nothing(preamble: bytes) -> None:
    before = preamble if preamble.endswith(b"\r\n") else preamble + b"\r\n"
    assert of_multipart(before + multipart(part("A", b"1"))) == [Posted("A", b"1")]


ONE = multipart(part("A", b"1"), part("B", b"2"))


@pytest.mark.parametrize(
    "body",
    [
        b"A=1",
        b"--other\r\n\r\n\r\n--other--\r\n",
        b"--xyz\r\nno colon\r\n\r\n1\r\n--xyz--\r\n",
        b"--xyz\r\nContent Disposition: form-data; name=A\r\n\r\n1\r\n--xyz--\r\n",
        b"--xyzA\r\n\r\n",
        multipart(b"\r\n1"),
        multipart(b"Content-Disposition: form-data\r\n\r\n1"),
        multipart(b'Content-Disposition: form-data; filename="a"\r\n\r\n1'),
        multipart(b"Content-Type: text/plain\r\n\r\n1"),
        multipart(part("A" * 10_000, b"1")),
        multipart(part("A", b"1", *(f"X-{k}: 1" for k in range(100)))),
        # Cut short: what is missing may be anything.
        ONE[:-8],
        ONE[: ONE.index(b"2")],
        ONE[: ONE.index(b"2") + 1],
        ONE[: ONE.index(b'name="B"')],
        ONE.removesuffix(b"--xyz--\r\n"),
        multipart(part("A", b"1"), end=b""),
    ],
)
def test_malformed_multipart_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        of_multipart(body)


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "x" * 10_000,
        "multipart/form-data; charset=xyz",
    ],
)
def test_multipart_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(MalformedBody):
        Sent(ONE, content_type).posted()


def test_multipart_has_so_many_parts() -> None:
    with pytest.raises(MalformedBody, match="more than 10100 parts"):
        of_multipart(multipart(*[part("A", b"")] * 10_101))


@unhurried
@given(st.binary())
@example(ONE[:50])
def test_any_body_is_read_or_refused(body: bytes) -> None:
    for content_type in (FORM, "multipart/form-data; boundary=xyz", "multipart/form-data"):
        try:
            Sent(body, content_type).posted()
        except Refusal as error:
            assert error.sentence


# -- the size ---------------------------------------------------------------------


def test_a_body_of_any_chunks() -> None:
    assert Sent([b"a", b"", b"bc"]).body() == b"abc"
    assert Sent(b"").body() == b""
    assert Sent(b"x" * MAX_BODY).body() == b"x" * MAX_BODY


def test_an_announced_body_is_refused_before_it_is_read() -> None:
    sent = Sent(b"x", content_length=str(MAX_BODY + 1))
    with pytest.raises(TooLarge, match=f"larger than the {MAX_BODY} bytes"):
        sent.body()
    assert sent.taken == 0
    assert Sent(b"x", content_length=str(MAX_BODY)).body() == b"x"


@pytest.mark.parametrize("length", [None, "5", "-1", "many", "", "\xb2"])
def test_what_is_larger_than_announced_is_not_read_to_its_end(length: str | None) -> None:
    chunks = [b"x" * 100_000] * 100
    sent = Sent(chunks) if length is None else Sent(chunks, content_length=length)
    with pytest.raises(TooLarge):
        sent.body()
    assert sent.taken == 11
