"""Fair share between owners, and targets that only one worker may hold.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
# Code of 0001 knows nothing of shares and holds, and may go on without them.
compatible_down_to = "0001"

_WAITING = sa.text("phase IN ('QUEUED', 'SUSPENDED')")


def upgrade() -> None:
    op.create_table(
        "holds",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("target", name="pk_holds"),
    )
    op.add_column(
        "jobs",
        sa.Column("cost_ms", sa.BigInteger(), server_default=sa.text("1000"), nullable=False),
    )
    op.add_column(
        "jobs", sa.Column("turn", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.drop_index("ix_jobs_queue", table_name="jobs")
    _index("ix_jobs_queue", "target", "priority", "turn", "queued_time", "id")
    _index("ix_jobs_turn", "target", "turn")
    _index("ix_jobs_owner_turn", "target", "owner", "turn")


def downgrade() -> None:
    op.drop_index("ix_jobs_owner_turn", table_name="jobs")
    op.drop_index("ix_jobs_turn", table_name="jobs")
    op.drop_index("ix_jobs_queue", table_name="jobs")
    _index("ix_jobs_queue", "target", "priority", "queued_time", "id")
    op.drop_column("jobs", "turn")
    op.drop_column("jobs", "cost_ms")
    op.drop_table("holds")


def _index(name: str, *columns: str) -> None:
    op.create_index(name, "jobs", list(columns), postgresql_where=_WAITING, sqlite_where=_WAITING)
