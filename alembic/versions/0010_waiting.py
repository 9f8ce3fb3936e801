"""Quotes with a low and a high, and how targets have kept theirs; the queue of short jobs.

Revision: 0010, after 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
# It only adds what older code neither reads nor needs.
compatible_down_to = "0001"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("quote_low", sa.BigInteger(), nullable=True))
    op.add_column("jobs", sa.Column("quote_high", sa.BigInteger(), nullable=True))
    op.add_column("jobs", sa.Column("told", sa.Text(), nullable=True))
    op.add_column("targets", sa.Column("quote_record", sa.JSON(none_as_null=True), nullable=True))
    op.add_column(
        "run_times",
        sa.Column("judged", sa.Text(), server_default=sa.text("''"), nullable=False),
    )
    short = sa.text("phase IN ('QUEUED', 'SUSPENDED') AND cost_ms < 1000")
    op.create_index(
        "ix_jobs_short",
        "jobs",
        ["target", "priority", "turn", "queued_time", "id"],
        postgresql_where=short,
        sqlite_where=short,
    )
    op.create_table(
        "target_use",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("target", "owner", "hour", name="pk_target_use"),
    )


def downgrade() -> None:
    op.drop_table("target_use")
    op.drop_index("ix_jobs_short", "jobs")
    op.drop_column("run_times", "judged")
    op.drop_column("targets", "quote_record")
    op.drop_column("jobs", "told")
    op.drop_column("jobs", "quote_high")
    op.drop_column("jobs", "quote_low")
