"""Further tables, beside those of ``tables``: users, what they have used, booked and opened."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
    false,
    text,
)

from quws.store.instants import Instant
from quws.store.tables import metadata, only

quota_use = Table(
    "quota_use",
    metadata,
    # How much of a limit a user or a group has used in a period that ends then, and how much they
    # may, as whoever charged last had it.
    Column("subject", Text, primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("ends", Instant, primary_key=True),
    Column("used", BigInteger, nullable=False),
    Column("most", BigInteger, nullable=False),
)

target_use = Table(
    "target_use",
    metadata,
    # How many milliseconds of a target an owner had in an hour, counted from 1970.
    Column("target", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("ms", BigInteger, nullable=False),
)

timeslots = Table(
    "timeslots",
    metadata,
    # For which times a target is booked, and by whom; no two of one target overlap.
    Column("id", String(36), primary_key=True),
    Column("target", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("begins", Instant, nullable=False),
    Column("ends", Instant, nullable=False),
    Column("created", Instant, nullable=False),
    Index("ix_timeslots_target_ends", "target", "ends"),
    Index("ix_timeslots_owner_ends", "owner", "ends"),
)

job_sessions = Table(
    "job_sessions",
    metadata,
    # Jobs that run back to back. Instants are by the clock of the database.
    Column("id", String(36), primary_key=True),
    Column("target", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("mode", String(9), nullable=False),
    Column("created", Instant, nullable=False),
    Column("max_ms", BigInteger, nullable=False),
    Column("idle_ms", BigInteger, nullable=False),
    # When its first job was claimed, and when its whole time is over.
    Column("began", Instant),
    Column("ends", Instant),
    # Since when its jobs go first, and until when, if it has nothing to run till then.
    Column("active_since", Instant),
    Column("idle_at", Instant),
    # Since when it has nothing to run, and for how long it had not before: not charged yet.
    Column("idle_from", Instant),
    Column("idled_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("closed", Instant),
    Column("cancelled", Boolean, nullable=False, server_default=false()),
    Column("over", Instant),
    Column("last_started", Instant),
    Column("last_ended", Instant),
    Index("ix_job_sessions_owner_created", "owner", "created", "id"),
    Index(
        "ix_job_sessions_active",
        "target",
        "active_since",
        "id",
        **only("active_since IS NOT NULL"),
    ),
    Index("ix_job_sessions_going", "owner", "target", **only("over IS NULL")),
)

users = Table(
    "users",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password", Text),
    Column("operator", Boolean, nullable=False),
    Column("created", Instant, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    # Of the secret itself only a hash is kept.
    Column("hash", String(64), primary_key=True),
    Column("user", ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("created", Instant, nullable=False),
    Column("expires", Instant),
)

sessions = Table(
    "sessions",
    metadata,
    # Of browsers that have signed in; of the cookie only a hash is kept.
    Column("hash", String(64), primary_key=True),
    Column("user", ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("created", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
)
