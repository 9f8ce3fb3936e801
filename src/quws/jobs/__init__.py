"""The use cases: what people, clients and the clock may do to jobs."""

from quws.jobs.checking import Checker
from quws.jobs.service import JobDetails, JobService, Payload
from quws.jobs.sweeps import Sweeps

__all__ = ["Checker", "JobDetails", "JobService", "Payload", "Sweeps"]
