"""How many circuits of a batch have failed, how many were aborted, and which were not handed over.

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
# It only adds what older code neither reads nor needs.
compatible_down_to = "0001"


def upgrade() -> None:
    for name in ("circuits_failed", "circuits_aborted"):
        column = sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
        op.add_column("jobs", column)
    op.add_column("submissions", sa.Column("left_out", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("submissions", "left_out")
    for name in ("circuits_aborted", "circuits_failed"):
        op.drop_column("jobs", name)
