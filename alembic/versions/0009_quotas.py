"""Quotas: what owners and groups have used of them, and what was charged for each job.

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
    op.add_column(
        "jobs", sa.Column("shots", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("jobs", sa.Column("charged", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "quota_use",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "kind", "ends", name="pk_quota_use"),
    )


def downgrade() -> None:
    op.drop_table("quota_use")
    op.drop_column("jobs", "charged")
    op.drop_column("jobs", "shots")
