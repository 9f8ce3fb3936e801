"""Sessions: jobs that belong together and run back to back.

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
# It only adds what older code neither reads nor needs.
compatible_down_to = "0001"

_OF_ONE = "session IS NOT NULL"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("session", sa.String(length=36), nullable=True))
    for name, columns, condition in (
        (
            "ix_jobs_session_queue",
            ["session", "priority", "turn", "queued_time", "id"],
            f"phase IN ('QUEUED', 'SUSPENDED') AND {_OF_ONE}",
        ),
        ("ix_jobs_session_phase", ["session", "phase"], _OF_ONE),
        ("ix_jobs_session_creation", ["session", "creation_time", "id"], _OF_ONE),
    ):
        op.create_index(
            name,
            "jobs",
            columns,
            postgresql_where=sa.text(condition),
            sqlite_where=sa.text(condition),
        )
    op.create_table(
        "job_sessions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("mode", sa.String(length=9), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("max_ms", sa.BigInteger(), nullable=False),
        sa.Column("idle_ms", sa.BigInteger(), nullable=False),
        sa.Column("began", sa.BigInteger(), nullable=True),
        sa.Column("ends", sa.BigInteger(), nullable=True),
        sa.Column("active_since", sa.BigInteger(), nullable=True),
        sa.Column("idle_at", sa.BigInteger(), nullable=True),
        sa.Column("idle_from", sa.BigInteger(), nullable=True),
        sa.Column("idled_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("closed", sa.BigInteger(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("over", sa.BigInteger(), nullable=True),
        sa.Column("last_started", sa.BigInteger(), nullable=True),
        sa.Column("last_ended", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_job_sessions"),
    )
    op.create_index("ix_job_sessions_owner_created", "job_sessions", ["owner", "created", "id"])
    for name, columns, condition in (
        ("ix_job_sessions_active", ["target", "active_since", "id"], "active_since IS NOT NULL"),
        ("ix_job_sessions_going", ["owner", "target"], "over IS NULL"),
    ):
        op.create_index(
            name,
            "job_sessions",
            columns,
            postgresql_where=sa.text(condition),
            sqlite_where=sa.text(condition),
        )


def downgrade() -> None:
    op.drop_table("job_sessions")
    for name in ("ix_jobs_session_creation", "ix_jobs_session_phase", "ix_jobs_session_queue"):
        op.drop_index(name, table_name="jobs")
    op.drop_column("jobs", "session")
