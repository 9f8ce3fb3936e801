"""Log lines: one JSON object each, with what they are about in fields of their own.

Fields are ``job``, ``owner``, ``target``, ``attempt`` and ``request``: whatever a
process does for a request or a job is done inside ``about``, so that no caller
of a logger need name them.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


_ENCODER = json.JSONEncoder(default=str)
"""One for all lines: to make one takes longer than to use it."""


def _json(line: structlog.typing.EventDict, **options: Any) -> str:
    return _ENCODER.encode(line)


def configure(process: str, *, verbose: bool = False) -> None:
    """Log to standard error: JSON, or readable on a terminal. Other libraries' lines as well."""
    level = logging.DEBUG if verbose else logging.INFO

    def named(logger: Any, method: str, event: structlog.typing.EventDict) -> Any:
        event["process"] = process
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        named,
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=True)
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(_json)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # A line and its end in one write.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


@contextmanager
def about(**fields: Any) -> Iterator[None]:
    """Put fields on every line that is logged inside."""
    before = structlog.contextvars.bind_contextvars(**fields)
    try:
        yield
    finally:
        structlog.contextvars.reset_contextvars(**before)


def note(**fields: Any) -> None:
    """Put fields on every further line of the request or job that is being served."""
    structlog.contextvars.bind_contextvars(**fields)


def request_id(proposed: str | None) -> str:
    """Take a client's or a proxy's id of a request, if it is a sane one, else make one."""
    if proposed is not None and _REQUEST_ID.fullmatch(proposed):
        return proposed
    return secrets.token_hex(8)


def origin() -> dict[str, str]:
    """Return the id of this request, to be kept with what it makes."""
    found = structlog.contextvars.get_contextvars().get("request")
    return {} if found is None else {"request": str(found)}
