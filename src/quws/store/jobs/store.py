"""The jobs of one database, by what is done with them."""

from __future__ import annotations

from quws.domain.shares import EQUAL, Fairness
from quws.store.database import Database
from quws.store.jobs.circuits import JobCircuits
from quws.store.jobs.claims import JobClaims
from quws.store.jobs.control import JobControl
from quws.store.jobs.creation import JobCreation
from quws.store.jobs.garbage import Garbage
from quws.store.jobs.keys import IdempotencyKeys
from quws.store.jobs.labels import JobLabels
from quws.store.jobs.listing import JobListing
from quws.store.jobs.outbox import Outbox
from quws.store.jobs.publishing import JobPublishing
from quws.store.jobs.quotes import JobQuotes
from quws.store.jobs.reading import JobReading
from quws.store.jobs.sweeps import JobSweeps
from quws.store.jobs.target_use import TargetUse
from quws.store.jobs.usage import JobUsage
from quws.store.quotas import QuotaUse
from quws.store.sessions import SessionStore
from quws.store.timeslots import TimeslotStore
from quws.store.webhooks import WebhookStore


class JobStore:
    """One of each of the classes that read and write jobs, for those who need several.

    Every change is one guarded statement, never read, change, write back. A
    guard is a WHERE clause on the phase, and for a worker also on the attempt
    and the lease that it holds. No row changed means that the move is illegal
    now, or that the job belongs to somebody else by now: the methods then
    return None or False and nothing was written.

    Parameters
    ----------
    lanes
        Whether workers keep slots for short jobs, where a target is of that kind.

    """

    def __init__(
        self, database: Database, fairness: Fairness = EQUAL, *, lanes: bool = True
    ) -> None:
        self.reading = JobReading(database, lanes=lanes)
        self.listing = JobListing(database)
        self.circuits = JobCircuits(database)
        self.outbox = Outbox(database)
        self.keys = IdempotencyKeys(database)
        self.creation = JobCreation(database, fairness)
        self.control = JobControl(database, fairness)
        self.labels = JobLabels(database)
        self.claims = JobClaims(database)
        self.publishing = JobPublishing(database)
        self.quotes = JobQuotes(database, lanes=lanes)
        self.sweeps = JobSweeps(database)
        self.garbage = Garbage(database)
        self.usage = JobUsage(database)
        self.target_use = TargetUse(database, fairness.hours)
        self.quota_use = QuotaUse(database)
        self.timeslots = TimeslotStore(database)
        self.sessions = SessionStore(database)
        self.webhooks = WebhookStore(database)
