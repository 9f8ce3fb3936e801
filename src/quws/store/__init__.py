"""The truth: every job, in SQL. No other room knows a table or a dialect."""

from quws.store.accounts import AccountStore
from quws.store.database import Database, StoreUnavailable
from quws.store.holds import HoldStore
from quws.store.jobs import (
    JobStore,
    ListFilter,
    MadeBefore,
    Once,
    Overdue,
    QueueState,
    SubmissionState,
)
from quws.store.queues import QueueLength, QueueStore
from quws.store.submissions import Submission, SubmissionStore
from quws.store.targets import TargetStore

__all__ = [
    "AccountStore",
    "Database",
    "HoldStore",
    "JobStore",
    "ListFilter",
    "MadeBefore",
    "Once",
    "Overdue",
    "QueueLength",
    "QueueState",
    "QueueStore",
    "StoreUnavailable",
    "Submission",
    "SubmissionState",
    "SubmissionStore",
    "TargetStore",
]
