"""Further tables, beside those of ``tables``: users, what they have used, what they have booked."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, String, Table, Text

from quws.store.instants import Instant
from quws.store.tables import metadata

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
