"""The use cases of jobs, put together."""

from __future__ import annotations

from quws.artifacts import ArtifactStore
from quws.bus.announcer import Announcer
from quws.bus.events import EventHub
from quws.domain.clock import Clock, utc_now
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.domain.policy import Policy
from quws.domain.quotas import NO_RULES, QuotaRules
from quws.services.checker import CircuitChecker
from quws.services.jobs.bulk import JobBulk
from quws.services.jobs.bundle import JobBundles
from quws.services.jobs.change import JobChange
from quws.services.jobs.circuits import JobCircuits
from quws.services.jobs.control import JobControl
from quws.services.jobs.feeds import Feeds
from quws.services.jobs.files import JobFiles
from quws.services.jobs.follow import JobFollower
from quws.services.jobs.formats import JobFormats
from quws.services.jobs.labels import JobLabels
from quws.services.jobs.listeners import Listeners
from quws.services.jobs.plan import Planner
from quws.services.jobs.read import JobReader
from quws.services.jobs.rerun import JobRerun
from quws.services.jobs.submit import JobSubmission
from quws.services.quotas import Quotas
from quws.services.quotes import Quotes
from quws.services.room import DiskRoom
from quws.services.sessions import Sessions
from quws.services.signing import NO_SIGNER, Signer
from quws.services.standing import Standing
from quws.services.suitability import Suitability
from quws.services.timeslots import Timeslots
from quws.services.waiting import Waiting
from quws.services.webhooks.hooks import Webhooks
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore


class JobService:
    """What a caller may do to jobs, a part for each use case; see there.

    Each makes sure that the job is the caller's; ``files`` takes a job that was read already.

    Parameters
    ----------
    room
        Whether the disks have room for new jobs.
    rules
        The quotas of single users and of groups.
    signer
        What signs records of jobs.

    """

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
        standing: Standing,
        specifications: Specifications = SPECIFICATIONS,
        expected: frozenset[str] = frozenset(),
        room: DiskRoom | None = None,
        rules: QuotaRules = NO_RULES,
        signer: Signer = NO_SIGNER,
        clock: Clock = utc_now,
    ) -> None:
        self.policy = policy
        self.standing = standing
        quotas = Quotas(store.usage, policy, rules, use=store.quota_use, clock=clock)
        self.quotas, room = quotas, room or DiskRoom()
        self.webhooks = Webhooks(store.webhooks, policy, clock)
        self.timeslots = Timeslots(store.timeslots, targets, announcer, rules, clock)
        self.sessions = Sessions(
            store.sessions, store.control, targets, announcer, policy, rules, clock
        )
        waiting = Waiting(store.reading, announcer, quotas, self.timeslots, self.sessions)
        self.reader = JobReader(store, quotes, waiting)
        self.files = JobFiles(store, artifacts)
        self.formats = JobFormats(self.files)
        self.bundles = JobBundles(store, targets, self.files, signer)
        self.planner = Planner(
            targets=targets,
            checker=checker,
            quotes=quotes,
            policy=policy,
            specifications=specifications,
            suitability=suitability,
            standing=standing,
            sessions=self.sessions,
            expected=expected,
            clock=clock,
        )
        self.change = JobChange(
            reader=self.reader,
            planner=self.planner,
            files=self.files,
            store=store,
            artifacts=artifacts,
            announcer=announcer,
            quotas=quotas,
            room=room,
            webhooks=self.webhooks,
            policy=policy,
            clock=clock,
        )
        self.control = JobControl(
            reader=self.reader,
            planner=self.planner,
            change=self.change,
            files=self.files,
            store=store,
            announcer=announcer,
            quotas=quotas,
            policy=policy,
            clock=clock,
        )
        self.circuits = JobCircuits(
            reader=self.reader,
            control=self.control,
            planner=self.planner,
            store=store,
            announcer=announcer,
            clock=clock,
        )
        self.labels = JobLabels(
            reader=self.reader, store=store, announcer=announcer, quotas=quotas, clock=clock
        )
        self.bulk = JobBulk(
            planner=self.planner,
            control=self.control,
            labels=self.labels,
            store=store,
            announcer=announcer,
            clock=clock,
        )
        self.submission = JobSubmission(
            planner=self.planner,
            control=self.control,
            files=self.files,
            store=store,
            artifacts=artifacts,
            announcer=announcer,
            quotas=quotas,
            room=room,
            timeslots=self.timeslots,
            webhooks=self.webhooks,
            policy=policy,
            clock=clock,
        )
        self.again = JobRerun(self.files, self.submission, self.sessions, specifications)
        self.follower = JobFollower(
            self.reader,
            Feeds(store.outbox, events),
            events,
            standing,
            Listeners(policy.max_listeners),
            policy.max_wait,
        )
