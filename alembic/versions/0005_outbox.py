"""What happened to jobs, for those who are to be told of it.

While code of before runs beside, what that does is not written here.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None
# It only adds what older code neither reads nor needs.
compatible_down_to = "0001"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_time", "outbox", ["time"], unique=False)
    _begin_above_the_timeline()


def downgrade() -> None:
    op.drop_index("ix_outbox_time", table_name="outbox")
    op.drop_table("outbox")


def _begin_above_the_timeline() -> None:
    # Clients hold ids of timeline entries as their places in the stream of events. A million of
    # them may be written yet by code of before, until it is gone.
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "INSERT INTO sqlite_sequence (name, seq)"
            " SELECT 'outbox', seq + 1000000 FROM sqlite_sequence WHERE name = 'timeline'"
        )
    else:
        op.execute(
            "SELECT setval(pg_get_serial_sequence('outbox', 'id'), coalesce("
            "pg_sequence_last_value(pg_get_serial_sequence('timeline', 'id')::regclass), 0)"
            " + 1000000)"
        )
