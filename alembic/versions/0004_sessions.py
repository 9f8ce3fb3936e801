"""Sessions of the pages, and ids of timeline entries that are never used twice.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
# It only adds what older code neither reads nor needs.
compatible_down_to = "0001"


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user"], ["users.name"], name="fk_sessions_user", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user"], unique=False)
    _copy_timeline(never_twice=True)


def downgrade() -> None:
    _copy_timeline(never_twice=False)
    op.drop_index("ix_sessions_user", table_name="sessions")
    op.drop_table("sessions")


def _copy_timeline(*, never_twice: bool) -> None:
    # SQLite gives the ids of deleted rows to new ones, unless the table is made otherwise.
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table(
            "timeline", recreate="always", table_kwargs={"sqlite_autoincrement": never_twice}
        ):
            pass
