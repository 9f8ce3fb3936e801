"""The query parameters of reading requests."""

from datetime import UTC, datetime

import pytest
from starlette.requests import Request

from quws.api.kit.filters import query_of, read_filter, read_last, read_phases, read_wait
from quws.domain.errors import InvalidFilter
from quws.domain.phases import Phase


def query(text: str) -> dict[str, list[str]]:
    scope = {"type": "http", "method": "GET", "path": "/jobs", "headers": []}
    return query_of(Request(scope | {"query_string": text.encode("latin-1")}))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("&&", {}),
        ("PHASE=RUN", {"PHASE": ["RUN"]}),
        ("phase=a&Phase=b&PHASE=", {"PHASE": ["a", "b", ""]}),
        ("last", {"LAST": [""]}),
        ("wait=-1&x=1%2B1&y=a+b", {"WAIT": ["-1"], "X": ["1+1"], "Y": ["a b"]}),
        ("runid=%E9%87%8F%E5%AD%90", {"RUNID": ["量子"]}),
        ("bytes=%FF", {"BYTES": ["\ufffd"]}),
        ("%70hase=a%3Db", {"PHASE": ["a=b"]}),
    ],
)
def test_a_query(text: str, values: dict[str, list[str]]) -> None:
    assert query(text) == values


# -- PHASE ----------------------------------------------------------------------


@pytest.mark.parametrize("phase", Phase)
def test_each_phase(phase: Phase) -> None:
    assert read_phases(query(f"phase={phase}")) == {phase}


def test_several_phases_are_their_union() -> None:
    found = read_phases(query("PHASE=ERROR&phase=HELD&Phase=ERROR"))
    assert found == {Phase.ERROR, Phase.HELD}
    assert read_phases(query("LAST=1")) == frozenset()


@pytest.mark.parametrize("text", ["", "DONE", "RUN", "error", "ERROR,HELD", "ERROR%20", "x" * 5000])
def test_what_is_no_phase(text: str) -> None:
    with pytest.raises(InvalidFilter, match=r"^PHASE must be one of PENDING, .*ARCHIVED") as caught:
        read_phases(query(f"PHASE=HELD&PHASE={text}"))
    assert caught.value.parameter == "PHASE"
    assert len(caught.value.sentence) < 200


# -- AFTER ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("LAST=1", None),
        ("AFTER=2015-10-26T08:24:45.123Z", datetime(2015, 10, 26, 8, 24, 45, 123000, tzinfo=UTC)),
        ("after=2015-10-26T08%3A24%3A45", datetime(2015, 10, 26, 8, 24, 45, tzinfo=UTC)),
        ("after=2015-10-26T08:24:45%2B02:00", datetime(2015, 10, 26, 6, 24, 45, tzinfo=UTC)),
        ("after=2016&AFTER=2015&After=2014", datetime(2016, 1, 1, tzinfo=UTC)),
    ],
)
def test_after(text: str, instant: datetime | None) -> None:
    assert read_filter(query(text)).after == instant


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2015-13-01", "2015-10-26T08:24:45+02:00", "1 2"]
)
def test_what_is_no_instant(text: str) -> None:
    # A plus sign that was not escaped is a space.
    with pytest.raises(InvalidFilter, match=r"^AFTER: '.*' is not an ISO 8601 instant") as caught:
        read_filter(query(f"AFTER=2015&AFTER={text}"))
    assert caught.value.parameter == "AFTER"


def test_a_long_instant_is_not_repeated_at_length() -> None:
    with pytest.raises(InvalidFilter) as caught:
        read_filter(query("AFTER=" + "x" * 50_000))
    assert len(caught.value.sentence) < 200


# -- LAST -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("PHASE=ERROR", None),
        ("LAST=1", 1),
        ("last=007", 7),
        ("LAST=999999999999999999", 999_999_999_999_999_999),
        ("LAST=3&last=2&Last=5", 2),
    ],
)
def test_last(text: str, last: int | None) -> None:
    assert read_last(query(text)) == last


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "1.5",
        "1e3",
        "all",
        "%201",
        "1_000",
        "%2B1",
        "9" * 19,
        "9" * 5000,
        "%D9%A1",
    ],
)
def test_what_is_no_last(text: str) -> None:
    with pytest.raises(InvalidFilter, match=r"^LAST must be a whole number above 0") as caught:
        read_last(query(f"LAST=5&LAST={text}"))
    assert caught.value.parameter == "LAST"
    assert len(caught.value.sentence) < 200


# -- WAIT -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PHASE=ERROR", None),
        ("WAIT=0", 0),
        ("wait=10", 10),
        ("Wait=-1", -1),
        ("WAIT=999999999999999999", 999_999_999_999_999_999),
        ("WAIT=10&wait=20", 20),
    ],
)
def test_wait(text: str, seconds: int | None) -> None:
    assert read_wait(query(text)) == seconds


@pytest.mark.parametrize(
    "text", ["", "-2", "1.5", "forever", "10s", "%2010", "--1", "9" * 5000, "%D9%A1"]
)
def test_what_is_no_wait(text: str) -> None:
    with pytest.raises(InvalidFilter, match=r"^WAIT must be a whole number of seconds") as caught:
        read_wait(query(f"WAIT={text}"))
    assert caught.value.parameter == "WAIT"
    assert len(caught.value.sentence) < 200
