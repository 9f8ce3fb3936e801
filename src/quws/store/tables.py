"""The tables. The migrations in ``alembic/`` make them; a test proves both equal."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

from quws.domain.labels import INDEXED_RUN_ID
from quws.store.instants import Instant


def only(condition: str) -> dict[str, Any]:
    """Return what makes an index one of the rows of which a condition holds."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

_QUEUE = ("target", "priority", "turn", "queued_time", "id")
_OWNERS = ("target", "owner", "turn")
_WAITS = "phase IN ('QUEUED', 'SUSPENDED')"
OF_EVERYBODY = "circuits >= 0"
TAGS_OF_EVERYBODY = "length(tag) >= 0"
"""What is always true, and said where everybody's jobs are listed only: an owner's list must not
be looked for among the newest of all, where one with old jobs alone would wait for the end of it.
"""
_OF_ONE = "session IS NOT NULL"

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    # Empty for the anonymous user. Not NULL: PostgreSQL cannot read a sorted list off an
    # index whose first column is compared by IS NULL.
    Column("owner", Text, nullable=False),
    Column("run_id", Text),
    Column("name", Text),
    Column("phase", String(10), nullable=False),
    Column("target", Text, nullable=False),
    # As with nice(1): the smaller number goes first.
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("creation_time", Instant, nullable=False),
    Column("queued_time", Instant),
    Column("start_time", Instant),
    Column("end_time", Instant),
    Column("destruction_time", Instant),
    Column("execution_duration", Integer, nullable=False),
    # The time of this attempt's claim, and the run time of those that were suspended before it.
    Column("claimed_time", Instant),
    Column("spent_ms", BigInteger, nullable=False, server_default=text("0")),
    Column("deadline", Instant),
    # When it will probably be done, and between what; and its first quote when it waited, by which
    # its target is judged: when that was made, and those three.
    Column("quote", Instant),
    Column("quote_low", Instant),
    Column("quote_high", Instant),
    Column("told", Text),
    # How large the job is, as the quote counts it: a power of two.
    Column("size", Integer, nullable=False, server_default=text("0")),
    # For the fair share of owners: how long it will run by what was known when it was
    # made, and its place among the jobs that wait. Counted in milliseconds of run time.
    Column("cost_ms", BigInteger, nullable=False, server_default=text("1000")),
    Column("turn", BigInteger, nullable=False, server_default=text("0")),
    # Shots of all circuits together; and what was charged for it to whose quotas, as a list of
    # subject, limit, end of the period and amount.
    Column("shots", BigInteger, nullable=False, server_default=text("0")),
    # Whether it runs in the timeslots of its owner only.
    Column("timeslot", Boolean, nullable=False, server_default=false()),
    # With which others it runs back to back. No foreign key: sessions are forgotten earlier.
    Column("session", String(36)),
    Column("charged", JSON(none_as_null=True)),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("lease", String(36)),
    # By the clock of the database, which all processes share.
    Column("lease_until", BigInteger),
    Column("worker", Text),
    Column("circuits", Integer, nullable=False),
    Column("circuits_done", Integer, nullable=False, server_default=text("0")),
    Column("circuits_failed", Integer, nullable=False, server_default=text("0")),
    Column("circuits_aborted", Integer, nullable=False, server_default=text("0")),
    # Of parameters and results, for the limit of the owner.
    Column("stored_bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("message", Text),
    Column("parameters", JSON, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("error", JSON(none_as_null=True)),
    Column("calibration_id", Text),
    # Labels that were changed after submission; those that were sent with the job are in ``spec``.
    Column("tags", JSON(none_as_null=True)),
    Column("metadata", JSON(none_as_null=True)),
    # The caller's own list, newest first, with AFTER and LAST; ids break ties in time.
    Index("ix_jobs_owner_creation", "owner", "creation_time", "id"),
    # The same with PHASE.
    Index("ix_jobs_owner_phase_creation", "owner", "phase", "creation_time", "id"),
    # The same with TARGET, with RUNID, which may be the order too, and by the end.
    Index("ix_jobs_owner_target_creation", "owner", "target", "creation_time", "id"),
    Index(
        "ix_jobs_owner_run_id",
        "owner",
        "run_id",
        "creation_time",
        "id",
        **only(f"length(run_id) <= {INDEXED_RUN_ID}"),
    ),
    Index(
        "ix_jobs_owner_end",
        "owner",
        "end_time",
        "id",
        **only("end_time IS NOT NULL"),
    ),
    # The same of everybody, for operators.
    Index("ix_jobs_creation", "creation_time", "id", **only(OF_EVERYBODY)),
    Index("ix_jobs_target_creation", "target", "creation_time", "id", **only(OF_EVERYBODY)),
    Index(
        "ix_jobs_run_id",
        "run_id",
        "creation_time",
        "id",
        **only(f"length(run_id) <= {INDEXED_RUN_ID} AND {OF_EVERYBODY}"),
    ),
    # The next job of a target.
    Index("ix_jobs_queue", *_QUEUE, **only(_WAITS)),
    # The next short job, which does not wait behind long ones.
    Index("ix_jobs_short", *_QUEUE, **only(f"{_WAITS} AND cost_ms < 1000")),
    # Whose turn is next, and when an owner's next turn is.
    Index("ix_jobs_turn", "target", "turn", **only(_WAITS)),
    Index("ix_jobs_owner_turn", *_OWNERS, **only(_WAITS)),
    # The next job of a session; which jobs of it run; and all of them. Others are in none of these.
    Index("ix_jobs_session_queue", "session", *_QUEUE[1:], **only(f"{_WAITS} AND {_OF_ONE}")),
    Index("ix_jobs_session_phase", "session", "phase", **only(_OF_ONE)),
    Index("ix_jobs_session_creation", "session", "creation_time", "id", **only(_OF_ONE)),
    Index(
        "ix_jobs_destruction",
        "destruction_time",
        **only("phase <> 'ARCHIVED'"),
    ),
    Index(
        "ix_jobs_deadline",
        "deadline",
        **only("phase = 'EXECUTING'"),
    ),
    Index(
        "ix_jobs_lease",
        "lease_until",
        **only("phase = 'EXECUTING'"),
    ),
)

job_tags = Table(
    "job_tags",
    metadata,
    # By which jobs are found. Owner and time stand here too, so that one index gives the list.
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("creation_time", Instant, nullable=False),
    Index("ix_job_tags_owner_tag", "owner", "tag", "creation_time", "job_id"),
    Index("ix_job_tags_tag", "tag", "creation_time", "job_id", **only(TAGS_OF_EVERYBODY)),
)

results = Table(
    "results",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("artifact", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mime_type", Text, nullable=False),
)

circuits = Table(
    "circuits",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("index", Integer, primary_key=True),
    Column("status", String(16), nullable=False),
    Column("message", Text),
    Column("attempt", Integer),
    Column("artifact", Text),
    Column("start_time", Instant),
    Column("end_time", Instant),
)

timeline = Table(
    "timeline",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("time", Instant, nullable=False),
    Column("status", String(40), nullable=False),
    Column("source", Text, nullable=False),
    Column("message", Text),
    # An id is a place in the stream of a job's events: it must not come back after a deletion.
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    # What happened to jobs. No foreign key: a deletion is told of when the job is gone.
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("time", Instant, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("job_id", String(36), nullable=False),
    Column("owner", Text, nullable=False),
    Column("phase", String(10), nullable=False),
    # An id is a place in the stream of events: it must not come back after a deletion.
    sqlite_autoincrement=True,
)

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    # With what messages to an owner's webhooks are signed: the receiver has it too.
    Column("owner", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    # The one of before, which signs too for a while.
    Column("previous", Text),
    Column("previous_until", Instant),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("url", Text, nullable=False),
    # Whether it is told of all jobs of its owner, and of what came behind which row of the outbox.
    Column("standing", Boolean, nullable=False),
    Column("after", BigInteger, nullable=False),
    Column("events", JSON(none_as_null=True)),
    Column("created", Instant, nullable=False),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    # By the clock of the database.
    Column("not_before", BigInteger),
    Column("last_success", Instant),
    Column("last_failure", Instant),
    Column("trouble", Text),
    Index("ix_webhooks_owner_url", "owner", "url", unique=True),
)

job_webhooks = Table(
    "job_webhooks",
    metadata,
    # Which webhook a job names. No foreign key to it: a deletion is told of when it is gone.
    Column("job_id", String(36), primary_key=True),
    Column("webhook", ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False, index=True),
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column(
        "id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    Column("webhook", ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    # Of which row of the outbox it tells.
    Column("outbox", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("job_id", String(36), nullable=False),
    Column("event", String(16), nullable=False),
    Column("body", Text, nullable=False),
    Column("created", Instant, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    # By the clock of the database: since when it is tried, when next, and until when somebody does.
    Column("since", BigInteger, nullable=False),
    Column("next_try", BigInteger, nullable=False),
    Column("lease_until", BigInteger),
    Column("trouble", Text),
    # Each message once.
    Index("ix_webhook_deliveries_once", "webhook", "outbox", unique=True),
    # What one webhook gets next: one that rests is not looked at.
    Index(
        "ix_webhook_deliveries_due",
        "webhook",
        "next_try",
        **only("state = 'pending'"),
    ),
    # Whether an earlier one of the job is on its way.
    Index(
        "ix_webhook_deliveries_order",
        "webhook",
        "job_id",
        "outbox",
        **only("state = 'pending'"),
    ),
)

webhook_place = Table(
    "webhook_place",
    metadata,
    # How far the outbox was read for webhooks: the one row of it.
    Column("id", Integer, primary_key=True),
    Column("cursor", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("horizon", BigInteger, nullable=False),
)

targets = Table(
    "targets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("description", JSON, nullable=False),
    Column("updated", Instant, nullable=False),
    # What the last health check found.
    Column("status", String(16), nullable=False, server_default=text("'online'")),
    Column("message", Text),
    Column("until", Instant),
    Column("checked", Instant),
    # What an operator has said, which goes before that until its time is over.
    Column("hold", String(16)),
    Column("hold_message", Text),
    Column("hold_until", Instant),
    Column("hold_by", Text),
    Column("calibration_id", Text),
    Column("conformance", JSON(none_as_null=True)),
    Column("conformance_time", Instant),
    # How its quotes were kept.
    Column("quote_record", JSON(none_as_null=True)),
)

calibrations = Table(
    "calibrations",
    metadata,
    Column("target", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("time", Instant, nullable=False),
    Column("content", JSON, nullable=False),
    Index("ix_calibrations_target_time", "target", "time"),
)

target_load = Table(
    "target_load",
    metadata,
    # Samples, taken by the periodic task.
    Column("target", Text, primary_key=True),
    Column("time", Instant, primary_key=True),
    Column("waiting", Integer, nullable=False),
    Column("running", Integer, nullable=False),
)

handovers = Table(
    "submissions",
    metadata,
    # What was handed over to a target with a queue of its own. No foreign key: what must be
    # cancelled there outlives the job.
    Column("key", Text, primary_key=True),
    Column("job_id", String(36), nullable=False, index=True),
    Column("target", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("handle", Text),
    Column("created", Instant, nullable=False),
    Column("changed", Instant, nullable=False),
    Column("left_out", JSON(none_as_null=True)),
    Index(
        "ix_submissions_cancel",
        "target",
        "changed",
        **only("state = 'cancel'"),
    ),
)

idempotency_keys = Table(
    "submission_keys",
    metadata,
    # The Idempotency-Key of a request that made a job. No foreign key: a request that comes
    # again late must not bring back a job that was deleted meanwhile.
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("job_id", String(36), nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("created", Instant, nullable=False, index=True),
)

holds = Table(
    "holds",
    metadata,
    # The one worker that may run jobs on a target; ``until`` by the clock of the database.
    Column("target", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)

run_times = Table(
    "run_times",
    metadata,
    # How long jobs of a size took on a target: what quotes are learned from.
    Column("target", Text, primary_key=True),
    Column("size", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    # What became of the last quotes, in as many characters for each.
    Column("judged", Text, nullable=False, server_default=text("''")),
)

garbage = Table(
    "garbage",
    metadata,
    # Artifact prefixes whose rows are gone, written in the transaction that
    # removed them, so that no crash can leave bytes behind.
    Column("prefix", Text, primary_key=True),
    Column("since", Instant, nullable=False),
)
