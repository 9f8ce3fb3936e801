"""The parameters that set properties of a job as UWS has them, beside what it is to do."""

from __future__ import annotations

from quws.domain.parameters import values
from quws.domain.parameters.specification import Kind, Role, Shown, Specification
from quws.domain.times import MAX_SECONDS

CONTROL = (
    Specification(
        name="RUNID",
        aliases=("JOBNAME",),
        keyword="run_id",
        role=Role.CONTROL,
        kind=Kind.TEXT,
        read=values.read_run_id,
        label="Run id",
        help="A name of your own for the job.",
        more="At most 1000 characters.",
        example="my first",
        prominent=True,
        longest=1000,
    ),
    Specification(
        name="NAME",
        keyword="name",
        role=Role.CONTROL,
        kind=Kind.TEXT,
        read=values.read_name,
        label="Name",
        help="What the job is called, for you alone; a run id may name several.",
        more="At most 200 characters.",
        example="Bell pair, second try",
        longest=200,
    ),
    Specification(
        name="PHASE",
        keyword="phase",
        role=Role.CONTROL,
        kind=Kind.TEXT,
        read=values.one_of("PHASE", "RUN", "ABORT"),
        label="Phase",
        help="RUN starts the job, ABORT stops it.",
        more="At creation: `RUN` only.",
        example="RUN",
        otherwise="the job stays PENDING",
        choices=("RUN", "ABORT"),
        shown=Shown.NOTHING,
    ),
    Specification(
        name="DESTRUCTION",
        keyword="destruction",
        role=Role.CONTROL,
        kind=Kind.INSTANT,
        read=values.read_destruction,
        label="Keep until",
        help="The instant at which the job is destroyed, in UTC.",
        example="2026-11-21T10:00:00.000Z",
        otherwise="a week from creation, or what the operator has set (`QUWS_POLICY__LIFETIME`)",
    ),
    Specification(
        name="EXECUTIONDURATION",
        keyword="execution_duration",
        role=Role.CONTROL,
        kind=Kind.INTEGER,
        read=values.read_duration,
        label="Execution duration",
        help="How many seconds the job may run, 0 for as long as is allowed.",
        example="60",
        otherwise="600, or what the operator has set (`QUWS_POLICY__EXECUTION_DURATION`)",
        setting="execution_duration",
        low=0,
        high=MAX_SECONDS,
        shown=Shown.NUMBER,
    ),
)
"""Anyone may change them while the phase of the job allows it."""
