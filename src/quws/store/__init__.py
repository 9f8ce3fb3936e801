"""The truth: every job, in SQL. No other room knows a table or a dialect."""

from quws.store.accounts import AccountStore
from quws.store.database import Database, StoreUnavailable
from quws.store.jobs import JobStore, ListFilter, QueueState
from quws.store.targets import TargetStore

__all__ = [
    "AccountStore",
    "Database",
    "JobStore",
    "ListFilter",
    "QueueState",
    "StoreUnavailable",
    "TargetStore",
]
