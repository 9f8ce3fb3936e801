"""The truth: every job, in SQL. No other room knows a table or a dialect."""

from quws.store.accounts import AccountStore
from quws.store.database import Database, StoreUnavailable
from quws.store.holds import HoldStore
from quws.store.jobs import JobStore, ListFilter, Overdue, QueueState
from quws.store.queues import QueueLength, QueueStore
from quws.store.targets import TargetStore

__all__ = [
    "AccountStore",
    "Database",
    "HoldStore",
    "JobStore",
    "ListFilter",
    "Overdue",
    "QueueLength",
    "QueueState",
    "QueueStore",
    "StoreUnavailable",
    "TargetStore",
]
