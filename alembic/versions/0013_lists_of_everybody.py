"""Lists of everybody's jobs: newest first, of a target, a run id or a tag.

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
# It only adds what older code neither reads nor needs.
compatible_down_to = "0001"

_ALWAYS = "circuits >= 0"


def upgrade() -> None:
    for name, table, columns, condition in (
        ("ix_jobs_creation", "jobs", ["creation_time", "id"], _ALWAYS),
        ("ix_jobs_target_creation", "jobs", ["target", "creation_time", "id"], _ALWAYS),
        (
            "ix_jobs_run_id",
            "jobs",
            ["run_id", "creation_time", "id"],
            f"length(run_id) <= 200 AND {_ALWAYS}",
        ),
        ("ix_job_tags_tag", "job_tags", ["tag", "creation_time", "job_id"], "length(tag) >= 0"),
    ):
        op.create_index(
            name,
            table,
            columns,
            postgresql_where=sa.text(condition),
            sqlite_where=sa.text(condition),
        )


def downgrade() -> None:
    op.drop_index("ix_job_tags_tag", table_name="job_tags")
    for name in ("ix_jobs_run_id", "ix_jobs_target_creation", "ix_jobs_creation"):
        op.drop_index(name, table_name="jobs")
