"""The first tables: jobs and what hangs on them, targets, accounts, garbage.

Revision: 0001, the first
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None
# The oldest revision whose code can work with this schema; see docs/operate/upgrade.md.
compatible_down_to = "0001"


def upgrade() -> None:
    op.create_table(
        "garbage",
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("prefix", name="pk_garbage"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("creation_time", sa.BigInteger(), nullable=False),
        sa.Column("queued_time", sa.BigInteger(), nullable=True),
        sa.Column("start_time", sa.BigInteger(), nullable=True),
        sa.Column("end_time", sa.BigInteger(), nullable=True),
        sa.Column("destruction_time", sa.BigInteger(), nullable=True),
        sa.Column("execution_duration", sa.Integer(), nullable=False),
        sa.Column("claimed_time", sa.BigInteger(), nullable=True),
        sa.Column("spent_ms", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=True),
        sa.Column("quote", sa.BigInteger(), nullable=True),
        sa.Column("size", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease", sa.String(length=36), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("circuits", sa.Integer(), nullable=False),
        sa.Column("circuits_done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("error", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index(
        "ix_jobs_deadline",
        "jobs",
        ["deadline"],
        unique=False,
        postgresql_where=sa.text("phase = 'EXECUTING'"),
        sqlite_where=sa.text("phase = 'EXECUTING'"),
    )
    op.create_index(
        "ix_jobs_destruction",
        "jobs",
        ["destruction_time"],
        unique=False,
        postgresql_where=sa.text("phase <> 'ARCHIVED'"),
        sqlite_where=sa.text("phase <> 'ARCHIVED'"),
    )
    op.create_index(
        "ix_jobs_lease",
        "jobs",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("phase = 'EXECUTING'"),
        sqlite_where=sa.text("phase = 'EXECUTING'"),
    )
    op.create_index(
        "ix_jobs_owner_creation", "jobs", ["owner", "creation_time", "id"], unique=False
    )
    op.create_index(
        "ix_jobs_owner_phase_creation",
        "jobs",
        ["owner", "phase", "creation_time", "id"],
        unique=False,
    )
    op.create_index(
        "ix_jobs_queue",
        "jobs",
        ["target", "priority", "queued_time", "id"],
        unique=False,
        postgresql_where=sa.text("phase IN ('QUEUED', 'SUSPENDED')"),
        sqlite_where=sa.text("phase IN ('QUEUED', 'SUSPENDED')"),
    )
    op.create_table(
        "run_times",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("target", "size", name="pk_run_times"),
    )
    op.create_table(
        "targets",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_targets"),
    )
    op.create_table(
        "users",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password", sa.Text(), nullable=True),
        sa.Column("operator", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )
    op.create_table(
        "circuits",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("artifact", sa.Text(), nullable=True),
        sa.Column("start_time", sa.BigInteger(), nullable=True),
        sa.Column("end_time", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_circuits_job_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "index", name="pk_circuits"),
    )
    op.create_table(
        "results",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("artifact", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_results_job_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "id", name="pk_results"),
    )
    op.create_table(
        "timeline",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_timeline_job_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_timeline"),
    )
    op.create_index("ix_timeline_job_id", "timeline", ["job_id"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user"], ["users.name"], name="fk_tokens_user", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name="pk_tokens"),
    )
    op.create_index("ix_tokens_user", "tokens", ["user"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_tokens_user", table_name="tokens")
    op.drop_table("tokens")
    op.drop_index("ix_timeline_job_id", table_name="timeline")
    op.drop_table("timeline")
    op.drop_table("results")
    op.drop_table("circuits")
    op.drop_table("users")
    op.drop_table("targets")
    op.drop_table("run_times")
    op.drop_index("ix_jobs_queue", table_name="jobs")
    op.drop_index("ix_jobs_owner_phase_creation", table_name="jobs")
    op.drop_index("ix_jobs_owner_creation", table_name="jobs")
    op.drop_index("ix_jobs_lease", table_name="jobs")
    op.drop_index("ix_jobs_destruction", table_name="jobs")
    op.drop_index("ix_jobs_deadline", table_name="jobs")
    op.drop_table("jobs")
    op.drop_table("garbage")
