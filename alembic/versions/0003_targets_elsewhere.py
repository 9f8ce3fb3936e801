"""Life of targets, what was handed over to them, their calibrations, and idempotency keys.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None
# It only adds what older code neither reads nor needs.
compatible_down_to = "0001"

_TARGET_COLUMNS = (
    ("status", sa.String(length=16), False, sa.text("'online'")),
    ("message", sa.Text(), True, None),
    ("until", sa.BigInteger(), True, None),
    ("checked", sa.BigInteger(), True, None),
    ("hold", sa.String(length=16), True, None),
    ("hold_message", sa.Text(), True, None),
    ("hold_until", sa.BigInteger(), True, None),
    ("hold_by", sa.Text(), True, None),
    ("calibration_id", sa.Text(), True, None),
    ("conformance", sa.JSON(), True, None),
    ("conformance_time", sa.BigInteger(), True, None),
)


def upgrade() -> None:
    for name, kind, nullable, default in _TARGET_COLUMNS:
        op.add_column("targets", sa.Column(name, kind, nullable=nullable, server_default=default))
    op.add_column("jobs", sa.Column("calibration_id", sa.Text(), nullable=True))
    op.create_table(
        "calibrations",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("target", "id", name="pk_calibrations"),
    )
    op.create_index("ix_calibrations_target_time", "calibrations", ["target", "time"])
    op.create_table(
        "target_load",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("running", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("target", "time", name="pk_target_load"),
    )
    op.create_table(
        "submissions",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_submissions"),
    )
    op.create_index("ix_submissions_job_id", "submissions", ["job_id"])
    op.create_index(
        "ix_submissions_cancel",
        "submissions",
        ["target", "changed"],
        postgresql_where=sa.text("state = 'cancel'"),
        sqlite_where=sa.text("state = 'cancel'"),
    )
    op.create_table(
        "submission_keys",
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", "key", name="pk_submission_keys"),
    )
    op.create_index("ix_submission_keys_created", "submission_keys", ["created"])


def downgrade() -> None:
    op.drop_index("ix_submission_keys_created", table_name="submission_keys")
    op.drop_table("submission_keys")
    op.drop_index("ix_submissions_cancel", table_name="submissions")
    op.drop_index("ix_submissions_job_id", table_name="submissions")
    op.drop_table("submissions")
    op.drop_table("target_load")
    op.drop_index("ix_calibrations_target_time", table_name="calibrations")
    op.drop_table("calibrations")
    op.drop_column("jobs", "calibration_id")
    for name, *_ in _TARGET_COLUMNS:
        op.drop_column("targets", name)
