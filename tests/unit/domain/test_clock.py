"""The clock on the wall."""

from datetime import UTC, datetime, timedelta

from quws.domain.clock import utc_now
from quws.domain.times import to_millis


def test_the_time_is_that_of_now_as_it_is_stored() -> None:
    before = to_millis(datetime.now(UTC))
    found = utc_now()
    assert before <= found <= datetime.now(UTC)
    assert found == to_millis(found)
    assert found.utcoffset() == timedelta(0)
