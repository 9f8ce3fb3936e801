"""Further tables: what owners have used, beside those of ``tables``."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, String, Table, Text

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
