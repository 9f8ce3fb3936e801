"""What a worker has at hand for its jobs."""

from __future__ import annotations

from dataclasses import dataclass

from quws.artifacts import ArtifactStore
from quws.bus.announcer import Announcer
from quws.domain.clock import Clock, utc_now
from quws.sandbox.pool import ChildPool
from quws.services.quotas import Quotas
from quws.store.clock import StoreClock
from quws.store.handovers import HandoverStore
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore
from quws.worker.reading import Readers


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What a worker has at hand for its jobs, which all belong to one target.

    ``lease_seconds`` is how long a job stays this worker's without a heartbeat; one comes every
    third of it. No file of a child may be larger than ``result_bytes``, nor all of one job
    together than ``results_bytes`` (0 for any).
    """

    worker: str
    target: str
    remote: bool
    """Whether the target has a queue of its own."""
    jobs: JobStore
    targets: TargetStore
    handovers: HandoverStore
    artifacts: ArtifactStore
    announcer: Announcer
    children: ChildPool
    readers: Readers
    """Who reads for children that must not read what users have written."""
    store_clock: StoreClock
    lease_seconds: float
    result_bytes: int
    results_bytes: int
    quotas: Quotas
    max_attempts: int
    clock: Clock = utc_now

    @property
    def forwards(self) -> bool:
        """Whether the target is another service that is handed jobs as they are."""
        return self.remote and not self.children.apart
