"""What owners call their jobs: name, run id, tags and metadata; and by what they find them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import AwareDatetime, TypeAdapter

from quws.domain.job import JobRow, is_job_id
from quws.domain.phases import Phase


@dataclass(frozen=True, slots=True)
class Labels:
    """What a job is called."""

    name: str | None = None
    run_id: str | None = None
    tags: list[str] = field(default_factory=list)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Relabel:
    """What is to change of the labels of jobs; None is left as it is.

    An empty ``name`` or ``run_id`` takes it away. ``tags`` are all that there shall be; ``add`` and
    ``remove`` change some.
    """

    name: str | None = None
    run_id: str | None = None
    tags: tuple[str, ...] | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    metadata: Mapping[str, Any] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return self == Relabel()


class Order(StrEnum):
    """In which order jobs are listed; with a minus sign the largest first.

    Those without a run id, or that have not ended, come last: the newest of them first.
    """

    NEWEST = "-creation_time"
    OLDEST = "creation_time"
    RUN_ID = "run_id"
    RUN_ID_BACK = "-run_id"
    ENDED = "end_time"
    ENDED_LAST = "-end_time"


INDEXED_RUN_ID = 200
"""Of how many characters a run id may be to be in its index: PostgreSQL's take no long rows."""
_PLACE = TypeAdapter(tuple[str, AwareDatetime, str | None, AwareDatetime | None])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of a list ended: by the job that was its last, which may be gone by now."""

    id: str
    creation_time: datetime
    run_id: str | None = None
    """None for one that is too long for the order."""
    end_time: datetime | None = None

    @classmethod
    def of(cls, row: JobRow) -> Self:
        """Return the place of a job in every order."""
        run_id = row.ref.run_id
        if run_id is not None and len(run_id) > INDEXED_RUN_ID:
            run_id = None
        return cls(row.ref.id, row.ref.creation_time, run_id, row.end_time)

    def written(self) -> str:
        """Return it as one word."""
        parts = (self.id, self.creation_time, self.run_id, self.end_time)
        return base64.urlsafe_b64encode(_PLACE.dump_json(parts)).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `written` has written.

        Raises
        ------
        ValueError
            It has not.

        """
        padded = text + "=" * (-len(text) % 4)
        place = cls(*_PLACE.validate_json(base64.urlsafe_b64decode(padded)))
        if not is_job_id(place.id) or "\0" in (place.run_id or ""):
            raise ValueError(text)
        return place


@dataclass(frozen=True, slots=True)
class ListFilter:
    """Which jobs to list, and in which order. ``owner`` counts only when ``everybody`` is False."""

    owner: str | None = None
    everybody: bool = False
    phases: frozenset[Phase] = field(default_factory=frozenset)
    after: datetime | None = None
    last: int | None = None
    key: str | None = None
    """Only the job that ``owner`` made under this idempotency key."""
    before: datetime | None = None
    tags: frozenset[str] = frozenset()
    """Only jobs that have all of them."""
    run_id: str | None = None
    target: str | None = None
    said: tuple[str, str, str] | None = None
    """Only jobs sent with this in their metadata: a member, a member of that, its text."""
    text: str | None = None
    """Only jobs with this in their name, their run id or a tag, in whatever case."""
    session: str | None = None
    order: Order = Order.NEWEST
