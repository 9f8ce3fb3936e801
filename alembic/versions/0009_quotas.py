"""Quotas: what owners and groups have used, and what was charged for each job. Timeslots.

What is queued or running at the upgrade is charged to nobody.

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
# It only adds what older code neither reads nor needs.
compatible_down_to = "0001"


def upgrade() -> None:
    for column in (
        sa.Column("shots", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("charged", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("timeslot", sa.Boolean(), server_default=sa.false(), nullable=False),
    ):
        op.add_column("jobs", column)
    op.create_table(
        "quota_use",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "kind", "ends", name="pk_quota_use"),
    )
    op.create_table(
        "timeslots",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("begins", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_timeslots"),
    )
    op.create_index("ix_timeslots_target_ends", "timeslots", ["target", "ends"])
    op.create_index("ix_timeslots_owner_ends", "timeslots", ["owner", "ends"])


def downgrade() -> None:
    op.drop_table("timeslots")
    op.drop_table("quota_use")
    for column in ("timeslot", "charged", "shots"):
        op.drop_column("jobs", column)
