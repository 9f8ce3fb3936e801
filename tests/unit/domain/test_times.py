"""Instants: every form that clients send, and back again."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quws.domain.times import MAX_SECONDS, format_instant, parse_instant, to_millis

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy with other things."""


def utc(*parts: int, ms: int = 0) -> datetime:
    return datetime(*parts, microsecond=ms * 1000, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2015", utc(2015, 1, 1)),
        ("2015-10", utc(2015, 10, 1)),
        ("201510", utc(2015, 10, 1)),
        ("2015-10-26", utc(2015, 10, 26)),
        ("20151026", utc(2015, 10, 26)),
        ("2015-10-26T08", utc(2015, 10, 26, 8)),
        ("2015-10-26T08:24", utc(2015, 10, 26, 8, 24)),
        ("2015-10-26T08:24Z", utc(2015, 10, 26, 8, 24)),
        ("2015-10-26T08:24:45", utc(2015, 10, 26, 8, 24, 45)),
        ("2015-10-26T08:24:45Z", utc(2015, 10, 26, 8, 24, 45)),
        ("2015-10-26 08:24:45", utc(2015, 10, 26, 8, 24, 45)),
        ("20151026T082445Z", utc(2015, 10, 26, 8, 24, 45)),
        ("20151026T0824", utc(2015, 10, 26, 8, 24)),
        ("2015-10-26t08:24:45z", utc(2015, 10, 26, 8, 24, 45)),
        ("  2015-10-26T08:24:45Z\n", utc(2015, 10, 26, 8, 24, 45)),
        ("2016-02-29T00:00:00Z", utc(2016, 2, 29)),
        ("0001-01-01T00:00:00Z", utc(1, 1, 1)),
        ("9999-12-31T23:59:59.999Z", utc(9999, 12, 31, 23, 59, 59, ms=999)),
    ],
)
def test_forms(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant


@pytest.mark.parametrize(
    ("fraction", "ms"),
    [
        (".1", 100),
        (".12", 120),
        (".123", 123),
        (",123", 123),
        (".1234", 123),
        (".123999", 123),
        (".1239999", 123),
        (".12399999", 123),
        (".123999999", 123),
        (".000999999", 0),
    ],
)
def test_a_fraction_is_cut_to_what_is_stored(fraction: str, ms: int) -> None:
    read = parse_instant(f"2015-10-26T08:24:45{fraction}Z")
    assert read == utc(2015, 10, 26, 8, 24, 45, ms=ms)


@pytest.mark.parametrize(
    ("zone", "instant"),
    [
        ("+00:00", utc(2015, 10, 26, 8, 24, 45)),
        ("-00:00", utc(2015, 10, 26, 8, 24, 45)),
        ("+02:00", utc(2015, 10, 26, 6, 24, 45)),
        ("+0200", utc(2015, 10, 26, 6, 24, 45)),
        ("+02", utc(2015, 10, 26, 6, 24, 45)),
        ("-09:30", utc(2015, 10, 26, 17, 54, 45)),
        ("+23:59", utc(2015, 10, 25, 8, 25, 45)),
        ("-16:00", utc(2015, 10, 27, 0, 24, 45)),
    ],
)
def test_another_zone_is_converted(zone: str, instant: datetime) -> None:
    assert parse_instant(f"2015-10-26T08:24:45{zone}") == instant


@pytest.mark.parametrize("zone", ["", "Z", "+02:00"])
def test_what_is_read_is_utc(zone: str) -> None:
    assert parse_instant(f"2015-10-26T08:24:45{zone}").utcoffset() == timedelta(0)


def test_a_leap_second_is_the_last_one_that_there_is() -> None:
    assert parse_instant("2016-12-31T23:59:60Z") == utc(2016, 12, 31, 23, 59, 59)
    assert parse_instant("2016-12-31T23:59:60.5Z") == utc(2016, 12, 31, 23, 59, 59, ms=500)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "now",
        "0",
        "15",
        "201",
        "20151",
        "2015-1",
        "2015-13",
        "2015-00",
        "2015-02-29",
        "2015-10-32",
        "2015-10-00",
        "0000-01-01",
        "10000-01-01",
        "-2015-10-26",
        "+2015-10-26",
        "2015-10-26T",
        "2015-10-26T24:00:01",
        "2015-10-26T08:60",
        "2015-10-26T08:24:61",
        "2015-10-26T08:24:45.",
        "2015-10-26T08:24:45.0123456789",
        "2015-10-26T08:24.5",
        "2015-10-26X08:24:45",
        "2015-10-26T08:24:45 Z",
        "2015-10-26T08:24:45ZZ",
        "2015-10-26T08:24:45+",
        "2015-10-26T08:24:45+2",
        "2015-10-26T08:24:45+24:00",
        "2015-10-26T08:24:45+02:60",
        "2015-10-26T08:24:45CET",
        "2015-10-26Z",
        "2015-W43-1",
        "2015/10/26",
        "26.10.2015",
        "Mon, 26 Oct 2015 08:24:45 GMT",
        "1445847885",
        "2015-10-26T08:24:45\x00",
        "2015-10-26T08:24:45Z\n2015-10-26T08:24:45Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "\u0662\u0660\u0661\u0665-\u0661\u0660-\u0662\u0666",
        "\uff12\uff10\uff11\uff15",
    ],
)
def test_rubbish_is_refused_and_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="is not an ISO 8601 instant in UTC such as") as caught:
        parse_instant(text)
    assert str(caught.value).startswith(f"'{text[:30]}")


def test_long_rubbish_is_not_repeated_at_length() -> None:
    with pytest.raises(ValueError, match="is not an ISO 8601 instant") as caught:
        parse_instant("2015-" + "x" * 100_000)
    assert len(str(caught.value)) < 200


# A day away from the ends of the calendar, so that any zone can be left.
INSTANTS = st.datetimes(
    min_value=datetime(1, 1, 2),
    max_value=datetime(9999, 12, 30),
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@unhurried
@given(INSTANTS)
def test_what_is_printed_is_read_as_the_same(instant: datetime) -> None:
    printed = format_instant(instant)
    assert format_instant(parse_instant(printed)) == printed
    assert parse_instant(printed) == to_millis(instant)


@unhurried
@given(INSTANTS)
def test_milliseconds_are_cut_not_rounded(instant: datetime) -> None:
    cut = to_millis(instant)
    assert cut.utcoffset() == timedelta(0)
    assert timedelta(0) <= instant - cut < timedelta(milliseconds=1)
    assert to_millis(cut) == cut


@unhurried
@given(INSTANTS, INSTANTS)
def test_print_sorts_like_time(one: datetime, other: datetime) -> None:
    assert (format_instant(one) <= format_instant(other)) == (to_millis(one) <= to_millis(other))


@unhurried
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        instant = parse_instant(text)
    except ValueError:
        return
    assert instant == to_millis(instant)


def test_the_longest_duration_is_the_largest_int_of_a_schema() -> None:
    assert MAX_SECONDS == 2_147_483_647


def test_print() -> None:
    assert format_instant(utc(2026, 11, 21, 10)) == "2026-11-21T10:00:00.000Z"
    east = datetime(2026, 11, 21, 10, 0, 0, 123999, tzinfo=timezone(timedelta(hours=2)))
    assert format_instant(east) == "2026-11-21T08:00:00.123Z"
    assert format_instant(utc(1, 1, 1)) == "0001-01-01T00:00:00.000Z"
