"""Which rendering a client gets by its Accept header."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from quws.api.kit.negotiation import Rendering, rendering_of, wants_json

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy with other things."""


XML, JSON, HTML = Rendering.XML, Rendering.JSON, Rendering.HTML

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
CHROME = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,"
    "*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)
SAFARI = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"


def request(*accept: str) -> Request:
    headers = [(b"accept", value.encode("latin-1")) for value in accept]
    return Request({"type": "http", "method": "GET", "path": "/jobs", "headers": headers})


@pytest.mark.parametrize(
    ("accept", "rendering"),
    [
        # Nothing by name: the standard's own.
        ("", XML),
        ("*/*", XML),
        ("*/*;q=0.1", XML),
        ("application/*", XML),
        ("text/*", XML),
        ("image/png", XML),
        ("application/x-votable+xml", XML),
        # By name.
        ("application/xml", XML),
        ("text/xml", XML),
        ("application/json", JSON),
        ("application/problem+json", JSON),
        ("text/html", HTML),
        ("application/xhtml+xml", HTML),
        ("Application/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        (" application/json ", JSON),
        # Browsers.
        (FIREFOX, HTML),
        (CHROME, HTML),
        (SAFARI, HTML),
        # Clients as they are.
        (JAVA, XML),
        ("text/html, */*;q=0.1", XML),
        ("text/html, application/xhtml+xml;q=0.5, */*;q=0.1", HTML),
        ("text/html;q=0.5, application/json, */*;q=0.1", JSON),
        ("application/json, text/plain, */*", JSON),
        ("application/xml, text/xml, */*;q=0.1", XML),
        # By weight.
        ("application/json;q=0.5, application/xml;q=0.9", XML),
        ("application/json;q=0.9, application/xml;q=0.5", JSON),
        ("application/xml;q=0.2, text/html;q=0.3, application/json;q=0.4", JSON),
        ("application/json;q=0.5", JSON),
        ("application/json;Q=0.5;level=1, text/html;level=2;q=0.4", JSON),
        ("application/json;q=1.000", JSON),
        # A tie is XML's if it is in it, else the first one's.
        ("application/json, application/xml", XML),
        ("application/xml, application/json", XML),
        ("text/html;q=0.5, text/xml;q=0.5", XML),
        ("application/json, text/html", JSON),
        ("text/html, application/json", HTML),
        # A wildcard that is wanted more than the name is XML.
        ("application/json;q=0.5, */*", XML),
        ("text/html;q=0.8, */*;q=0.9", XML),
        ("text/html;q=0.8, text/*;q=0.9", XML),
        ("application/json, */*", JSON),
        ("application/json, */*;q=0.9", JSON),
        # What is not wanted at all.
        ("application/json;q=0", XML),
        ("application/json;q=0.0, */*", XML),
        ("text/html;q=0, application/json;q=0.001", JSON),
        ("application/xml;q=0, application/json", JSON),
        # Rubbish.
        (",", XML),
        (";;;", XML),
        (";q=1", XML),
        ("json", XML),
        ("application/json;q=", XML),
        ("application/json;q=high", XML),
        ("application/json;q=nan", XML),
        ("application/json;q=-1", XML),
        ("application/json;q=7", JSON),
        ("application/json;q=inf, application/xml;q=0.9", JSON),
        (",,application/json,,", JSON),
    ],
)
def test_rendering(accept: str, rendering: Rendering) -> None:
    assert rendering_of(request(accept)) is rendering
    assert wants_json(request(accept)) is (rendering is JSON)


def test_no_header_at_all() -> None:
    assert rendering_of(request()) is XML


def test_several_headers_are_one_list() -> None:
    assert rendering_of(request("text/html;q=0.5", "application/json")) is JSON
    assert rendering_of(request("application/json", "application/xml")) is XML


@unhurried
@given(st.text(st.characters(max_codepoint=255)))
def test_any_header_gets_some_rendering(accept: str) -> None:
    assert rendering_of(request(accept)) in Rendering


@unhurried
@given(st.lists(st.sampled_from(["*/*", "text/*", "application/*", "image/png"])), st.floats(0, 1))
def test_wildcards_never_mean_html_or_json(names: list[str], quality: float) -> None:
    assert rendering_of(request(", ".join(f"{name};q={quality}" for name in names))) is XML
