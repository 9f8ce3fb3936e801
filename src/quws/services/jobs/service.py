"""The use cases of jobs, put together."""

from __future__ import annotations

from quws.artifacts import ArtifactStore
from quws.bus.announcer import Announcer
from quws.bus.events import EventHub
from quws.domain.clock import Clock, utc_now
from quws.domain.policy import Policy
from quws.services.checker import CircuitChecker
from quws.services.jobs.change import JobChange
from quws.services.jobs.control import JobControl
from quws.services.jobs.files import JobFiles
from quws.services.jobs.follow import JobFollower
from quws.services.jobs.plan import Planner
from quws.services.jobs.read import JobReader
from quws.services.jobs.submit import JobSubmission
from quws.services.quotes import Quotes
from quws.services.suitability import Suitability
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore


class JobService:
    """What a caller may do to jobs. Every use case checks that the job is theirs."""

    def __init__(
        self,
        *,
        store: JobStore,
        targets: TargetStore,
        artifacts: ArtifactStore,
        events: EventHub,
        announcer: Announcer,
        checker: CircuitChecker,
        quotes: Quotes,
        policy: Policy,
        suitability: Suitability,
        expected: frozenset[str] = frozenset(),
        clock: Clock = utc_now,
    ) -> None:
        reader = JobReader(store, quotes)
        planner = Planner(
            targets=targets,
            checker=checker,
            quotes=quotes,
            policy=policy,
            expected=expected,
            suitability=suitability,
            clock=clock,
        )
        files = JobFiles(store, artifacts)
        control = JobControl(
            reader=reader,
            planner=planner,
            files=files,
            store=store,
            announcer=announcer,
            policy=policy,
            clock=clock,
        )
        submission = JobSubmission(
            planner=planner,
            control=control,
            files=files,
            store=store,
            artifacts=artifacts,
            announcer=announcer,
            policy=policy,
            clock=clock,
        )
        change = JobChange(
            reader=reader,
            planner=planner,
            files=files,
            store=store,
            artifacts=artifacts,
            announcer=announcer,
            policy=policy,
        )
        follower = JobFollower(reader, store, events, policy.max_wait)
        self.policy = policy
        self.get = reader.get
        self.authorise = reader.authorise
        self.snapshot = reader.snapshot
        self.refs = reader.refs
        self.rows = reader.rows
        self.running = reader.running
        self.quote = reader.quote
        self.preview = planner.preview
        self.circuits = files.circuits
        self.result = files.result
        self.parameter = files.parameter
        self.wait = follower.wait
        self.follow = follower.follow
        self.feed = follower.feed
        self.stop_waiting = follower.stop_waiting
        self.create = submission.submit
        self.run = control.run
        self.abort = control.abort
        self.delete = control.delete
        self.control = control.control
        self.set_parameters = change.set_parameters
