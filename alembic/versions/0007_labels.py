"""Labels that can be changed, and by which jobs are found: names, tags, run ids, targets, ends.

The tags that jobs have are copied; those of jobs that code of before makes beside are shown, and
not found by a filter.

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
# It only adds what older code neither reads nor needs.
compatible_down_to = "0001"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("name", sa.Text(), nullable=True))
    op.add_column("jobs", sa.Column("tags", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("jobs", sa.Column("metadata", sa.JSON(none_as_null=True), nullable=True))
    op.create_index(
        "ix_jobs_owner_target_creation", "jobs", ["owner", "target", "creation_time", "id"]
    )
    for name, columns, condition in (
        # PostgreSQL's indexes take no long rows.
        ("ix_jobs_owner_run_id", ["run_id", "creation_time"], "length(run_id) <= 200"),
        ("ix_jobs_owner_end", ["end_time"], "end_time IS NOT NULL"),
    ):
        op.create_index(
            name,
            "jobs",
            ["owner", *columns, "id"],
            postgresql_where=sa.text(condition),
            sqlite_where=sa.text(condition),
        )
    op.create_table(
        "job_tags",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("creation_time", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_job_tags_job_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "tag", name="pk_job_tags"),
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "INSERT INTO job_tags (job_id, tag, owner, creation_time)"
            " SELECT DISTINCT jobs.id, tags.value, jobs.owner, jobs.creation_time"
            " FROM jobs, json_each(CASE WHEN json_valid(jobs.spec) THEN jobs.spec END, '$.tags')"
            " AS tags WHERE tags.type = 'text'"
        )
    else:
        # As text first: PostgreSQL reads no JSON with a NUL in it.
        op.execute(
            "INSERT INTO job_tags (job_id, tag, owner, creation_time)"
            " SELECT DISTINCT jobs.id, tags.value, jobs.owner, jobs.creation_time"
            " FROM jobs, json_array_elements_text(CASE"
            " WHEN position('\\u0000' IN jobs.spec::text) > 0 THEN '[]'::json"
            " WHEN json_typeof(jobs.spec -> 'tags') = 'array' THEN jobs.spec -> 'tags'"
            " ELSE '[]'::json END) AS tags(value)"
        )
    op.create_index(
        "ix_job_tags_owner_tag", "job_tags", ["owner", "tag", "creation_time", "job_id"]
    )


def downgrade() -> None:
    op.drop_table("job_tags")
    for name in ("ix_jobs_owner_end", "ix_jobs_owner_run_id", "ix_jobs_owner_target_creation"):
        op.drop_index(name, table_name="jobs")
    for column in ("metadata", "tags", "name"):
        op.drop_column("jobs", column)
