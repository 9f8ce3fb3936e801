"""The truth: every job, in SQL. No other room knows a table or a dialect."""

from quws.store.database import Database, StoreUnavailable
from quws.store.jobs import JobStore, ListFilter
from quws.store.targets import TargetStore

__all__ = ["Database", "JobStore", "ListFilter", "StoreUnavailable", "TargetStore"]
