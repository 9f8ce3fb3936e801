"""A witness in the database of a service: it notes what nobody could ask for any more.

Triggers write down each claim, each place in a queue that was taken, each timeslot that came and
went, which job names which webhook, and what was charged for jobs that were deleted: in the
transaction in which it happens, whatever becomes of the processes.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

_TABLES = """
CREATE TABLE witness_gone (
    id text, owner text, phase text, charged text, spent_ms bigint, claimed_time bigint
);
CREATE TABLE witness_claims (job text, owner text, required boolean, running int, at bigint);
CREATE TABLE witness_queued (job text, owner text, queued int);
CREATE TABLE witness_booked (slot text, owner text, begins bigint, ends bigint, at bigint);
CREATE TABLE witness_freed (slot text, at bigint);
CREATE TABLE witness_links (job text, url text);
"""
_WAITS = "('QUEUED', 'EXECUTING', 'SUSPENDED')"
_ACTIONS = {
    "gone": (
        "AFTER DELETE ON jobs",
        "",
        "INSERT INTO witness_gone VALUES (old.id, old.owner, old.phase, old.charged,"
        " old.spent_ms, old.claimed_time);",
    ),
    "claims": (
        "AFTER UPDATE OF phase ON jobs",
        "new.phase = 'EXECUTING' AND old.phase <> 'EXECUTING'",
        "INSERT INTO witness_claims VALUES (new.id, new.owner, new.timeslot, (SELECT count(*) FROM"
        " jobs WHERE owner = new.owner AND phase = 'EXECUTING'), {now});",
    ),
    "queued": (
        "AFTER UPDATE OF phase ON jobs",
        "new.phase = 'QUEUED' AND old.phase IN ('PENDING', 'HELD')",
        "INSERT INTO witness_queued VALUES (new.id, new.owner, (SELECT count(*) FROM jobs WHERE"
        f" owner = new.owner AND phase IN {_WAITS}));",
    ),
    "new": (
        "AFTER INSERT ON jobs",
        "new.phase = 'QUEUED'",
        "INSERT INTO witness_queued VALUES (new.id, new.owner, (SELECT count(*) FROM jobs WHERE"
        f" owner = new.owner AND phase IN {_WAITS}));",
    ),
    "booked": (
        "AFTER INSERT ON timeslots",
        "",
        "INSERT INTO witness_booked VALUES (new.id, new.owner, new.begins, new.ends, {now});",
    ),
    "freed": (
        "AFTER DELETE ON timeslots",
        "",
        "INSERT INTO witness_freed VALUES (old.id, {now});",
    ),
    "links": (
        "AFTER INSERT ON job_webhooks",
        "",
        "INSERT INTO witness_links SELECT new.job_id, url FROM webhooks WHERE id = new.webhook;",
    ),
}


@contextlib.contextmanager
def connected(url: str) -> Iterator[sqlite3.Connection | psycopg.Connection[Any]]:
    """Connect to the database of a service; what was written is committed at the end."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), 60)) as connection:
            yield connection
            connection.commit()
    else:
        with psycopg.connect(url) as connection:
            yield connection


def install(url: str) -> None:
    """Have everything noted from now on."""
    with connected(url) as connection:
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        for name, (event, condition, action) in _ACTIONS.items():
            when = f" WHEN ({condition})" if condition else ""
            if isinstance(connection, sqlite3.Connection):
                body = action.format(now="(julianday('now') - 2440587.5) * 86400000")
                connection.execute(
                    f"CREATE TRIGGER witness_{name} {event} FOR EACH ROW{when} BEGIN {body} END"
                )
                continue
            body = action.format(now="(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            connection.execute(
                f"CREATE FUNCTION witness_{name}() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN {body} RETURN NULL; END $$".encode()
            )
            connection.execute(
                f"CREATE TRIGGER witness_{name} {event} FOR EACH ROW{when}"
                f" EXECUTE FUNCTION witness_{name}()".encode()
            )


def ask(url: str, query: str) -> Sequence[Any]:
    """Return the rows of a query."""
    with connected(url) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload, no-any-return]


def charges(text: Any) -> list[tuple[str, str, int, int]]:
    """Return what was charged for a job: to whom, of which limit, until when, how much."""
    found = json.loads(text) if isinstance(text, str) else text
    return [(subject, kind, ends, amount) for subject, kind, ends, amount in found or []]
