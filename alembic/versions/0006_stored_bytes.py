"""How much is kept of each job, for the limits of its owner.

Of jobs that were there before, and of what code of before makes beside, nothing is counted.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None
# It only adds what older code neither reads nor needs.
compatible_down_to = "0001"


def upgrade() -> None:
    zero = sa.text("0")
    op.add_column(
        "jobs", sa.Column("stored_bytes", sa.BigInteger(), server_default=zero, nullable=False)
    )


def downgrade() -> None:
    op.drop_column("jobs", "stored_bytes")
