"""The use cases: what people, clients and the clock may do to jobs."""

from quws.jobs.accounts import AccountService
from quws.jobs.checking import Checker
from quws.jobs.health import Health, HealthReport
from quws.jobs.pictures import Pictures
from quws.jobs.queues import Queues
from quws.jobs.quoting import Quotes
from quws.jobs.service import JobService, News, Payload, Preview
from quws.jobs.snapshots import JobDetails, Snapshot
from quws.jobs.sweeps import Due, Sweeps, due
from quws.jobs.targets import TargetReport, TargetService

__all__ = [
    "AccountService",
    "Checker",
    "Due",
    "Health",
    "HealthReport",
    "JobDetails",
    "JobService",
    "News",
    "Payload",
    "Pictures",
    "Preview",
    "Queues",
    "Quotes",
    "Snapshot",
    "Sweeps",
    "TargetReport",
    "TargetService",
    "due",
]
