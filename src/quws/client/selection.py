"""All jobs that a filter leaves: listed, counted, and run, aborted, deleted or labelled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import TypeAdapter

from quws.client.job import Job
from quws.client.transport import Transport
from quws.domain.times import format_instant
from quws.schemas.job import RefJson
from quws.schemas.labels import DoneJson, SelectionJson

_REFS = TypeAdapter(list[RefJson])
_PAGE = 500
_NAMES = {
    "phase": "PHASE",
    "tag": "TAG",
    "run_id": "RUNID",
    "target": "TARGET",
    "text": "TEXT",
    "session": "SESSION",
    "after": "AFTER",
    "before": "BEFORE",
}


class Selection:
    """The jobs that a filter leaves; what a filter does not name is not asked for.

    Every method raises ``ClientError`` where the service does not answer, or refuses.

    Parameters
    ----------
    wanted
        ``phase`` and ``tag`` (one, or a list), ``run_id``, ``target``, ``session`` (an id),
        ``text``, ``after`` and ``before`` (datetimes); what is None is left out.

    """

    def __init__(self, transport: Transport, wanted: Mapping[str, Any]) -> None:
        self._transport = transport
        self._query = list(_query(wanted))

    def __iter__(self) -> Iterator[Job]:
        """Go through the jobs, newest first."""
        return self.ordered()

    def ordered(self, sort: str = "-creation_time") -> Iterator[Job]:
        """Go through the jobs in an order: by ``creation_time``, ``run_id`` or ``end_time``."""
        query = [*self._query, ("SORT", sort), ("LIMIT", str(_PAGE))]
        while True:
            answer = self._transport.send("GET", "jobs", query=query)
            for ref in _REFS.validate_json(answer.content):
                yield Job(self._transport, ref.url)
            following = answer.links.get("next")
            if following is None:
                return
            query = parse_qsl(urlsplit(following["url"]).query, keep_blank_values=True)

    def count(self) -> SelectionJson:
        """Return how many jobs there are, and with how many of them each action can be done."""
        return SelectionJson.model_validate_json(
            self._transport.send("GET", "selection", query=self._query).content
        )

    def run(self) -> DoneJson:
        """Run all that are PENDING or HELD."""
        return self._act("RUN")

    def abort(self) -> DoneJson:
        """Abort all that are not over."""
        return self._act("ABORT")

    def delete(self) -> DoneJson:
        """Delete all, with all their files."""
        return self._act("DELETE")

    def label(self, **labels: Any) -> DoneJson:
        """Change labels of all, as ``Job.label`` does of one."""
        return self._act("LABEL", labels)

    def _act(self, action: str, labels: Mapping[str, Any] | None = None) -> DoneJson:
        """Do something with all that there are now, however many requests that takes."""
        query = self._query
        if not any(name == "BEFORE" for name, _ in query):
            query = [*query, ("BEFORE", format_instant(self.count().before))]
        found: DoneJson | None = None
        while found is None or not found.complete:
            # What is done is not done again: it may be sent again.
            answer = self._transport.send(
                "POST",
                "selection",
                query=query,
                json={"action": action, **(labels or {})},
                harmless=True,
            )
            done = DoneJson.model_validate_json(answer.content)
            if found is not None:
                done = done.model_copy(update={"done": found.done + done.done})
                done.why = done.why or found.why
            found = done
        return found


def _query(wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for keyword, value in wanted.items():
        if keyword not in _NAMES:
            raise TypeError(f"there is no filter '{keyword}'; there are {', '.join(_NAMES)}")
        for item in value if isinstance(value, (list, tuple, set, frozenset)) else [value]:
            if item is not None:
                text = format_instant(item) if isinstance(item, datetime) else str(item)
                yield _NAMES[keyword], text
