"""Sessions: opened, read, closed and cancelled; what they hold off, and what becomes of them."""

from __future__ import annotations

from quws.bus.announcer import Announcer
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import (
    Forbidden,
    InvalidParameter,
    NotFound,
    QuotaExceeded,
    SessionClosed,
    UnknownTarget,
)
from quws.domain.job import Job, TimelineEntry, is_job_id, new_job_id
from quws.domain.policy import Policy
from quws.domain.quotas import NO_RULES, QuotaRules
from quws.domain.sessions import (
    Session,
    SessionMode,
    SessionRules,
    closed_sentence,
    why_not,
)
from quws.domain.targets import TargetDescription
from quws.domain.words import counted
from quws.store.jobs.control import JobControl
from quws.store.sessions import SessionStore
from quws.store.targets import TargetStore

_CHUNK = 100


class Sessions:
    """What callers may do with sessions, and what the sweeper does with them.

    ``rules`` say who is in which group.
    """

    def __init__(
        self,
        store: SessionStore,
        control: JobControl,
        targets: TargetStore,
        announcer: Announcer,
        policy: Policy,
        rules: QuotaRules = NO_RULES,
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._control = control
        self._targets = targets
        self._announcer = announcer
        self._policy = policy
        self._groups = rules.group
        self._clock = clock

    # -- what callers do --------------------------------------------------------

    async def open(
        self,
        caller: Caller,
        target: str | None = None,
        mode: SessionMode = SessionMode.DEDICATED,
        max_seconds: int | None = None,
        idle_seconds: int | None = None,
    ) -> Session:
        """Open a session of the caller; it begins when the first of its jobs is claimed.

        Parameters
        ----------
        target
            None for the one that is the default of jobs.
        max_seconds, idle_seconds
            Its whole time, and for how long it may have nothing to run; None for what the operator
            has set.

        Raises
        ------
        UnknownTarget
        InvalidParameter
            A limit is out of range, or the target has no sessions of that mode.
        Forbidden
            The caller may not open one of this target.
        QuotaExceeded
            The caller has as many of it as one may have.

        """
        name = target or self._policy.target
        found = await self._targets.get(name)
        if found is None:
            raise UnknownTarget(f"there is no target '{name[:60]}'", parameter="TARGET")
        self._check_who(caller, found)
        rules = self.rules(found)
        if not rules.most:
            raise InvalidParameter(
                f"TARGET must be one that has sessions, and {name} has none", parameter="TARGET"
            )
        whole, idle = rules.check(mode, max_seconds, idle_seconds)
        now = self._clock()
        session = Session(new_job_id(), name, caller.name, mode, now, whole, idle, now)
        hindrance = await self._store.open(session, rules.most)
        if hindrance is not None:
            raise QuotaExceeded(
                f"you have {counted(hindrance, 'session')} of target {name} that are not closed,"
                f" and may have {rules.most}; close one, or wait until one is over",
                limit="sessions",
                most=rules.most,
                used=hindrance,
            )
        return await self.get(caller, session.id)

    def rules(self, target: TargetDescription) -> SessionRules:
        """Return what is allowed of sessions of a target."""
        general = self._policy.sessions
        return general if target.sessions is None else target.sessions.over(general)

    async def get(self, caller: Caller, session_id: str) -> Session:
        """Return a session, one that is over too.

        Raises
        ------
        NotFound
            There is no such session.
        Forbidden
            It is another's, and the caller is no operator.

        """
        found = await self._store.get(session_id) if is_job_id(session_id) else None
        if found is None:
            raise NotFound(f"there is no session {session_id[:60]}")
        if not caller.may_see(found.owner):
            raise Forbidden(f"session {session_id} belongs to somebody else")
        return found

    async def list(self, caller: Caller) -> list[Session]:
        """Return the caller's sessions, the newest first; an operator's are those of all."""
        return await self._store.of_owner(caller.name, everybody=caller.operator)

    async def close(self, caller: Caller, session_id: str) -> Session:
        """Take no new jobs for a session: those that it has go on, and then it is over.

        One that is closed already stays so.

        Raises
        ------
        NotFound, Forbidden

        """
        found = await self.get(caller, session_id)
        if await self._store.close(session_id):
            # Others may run now.
            await self._announcer.work(found.target)
        return await self.get(caller, session_id)

    async def cancel(self, caller: Caller, session_id: str) -> Session:
        """Close a session, and abort the jobs of it that do not run; those that do end by
        themselves.

        Raises
        ------
        NotFound, Forbidden

        """
        found = await self.get(caller, session_id)
        if await self._store.close(session_id, cancel=True):
            await self._abort(session_id)
            await self._announcer.work(found.target)
        return await self.get(caller, session_id)

    # -- what jobs ask ----------------------------------------------------------

    async def of_job(self, caller: Caller, session_id: str) -> Session:
        """Return the session for which a new job is meant.

        Raises
        ------
        InvalidParameter
            There is no such session, or it is another's.
        SessionClosed

        """
        found = await self._store.get(session_id) if is_job_id(session_id) else None
        if found is None or found.owner != caller.name:
            raise InvalidParameter(
                f"SESSION must be the id of one of your sessions, not '{session_id[:60]}'",
                parameter="SESSION",
            )
        if not found.accepting:
            raise SessionClosed(closed_sentence(session_id), parameter="SESSION")
        return found

    async def takes(self, session_id: str) -> bool:
        """Whether a session takes new jobs."""
        found = await self._store.get(session_id)
        return found is not None and found.accepting

    async def why(self, job: Job) -> str | None:
        """Return why a job waits for a session of which it is not; None if it does not."""
        on = await self._store.first(job.target)
        if on is None or on.mode is not SessionMode.DEDICATED or on.id == job.session:
            return None
        return why_not(on, mine=on.owner == job.owner)

    # -- what the sweeper does --------------------------------------------------

    async def sweep(self) -> int:
        """See to sessions whose time is over, that were idle for too long, or are done.

        Returns to how many. Jobs that still wait when the time is over go on as any other job.
        """
        count = 0
        page = await self._store.going()
        while page:
            for found in page:
                if found.cancelled:
                    # Whoever cancelled it may have come to an end in the middle.
                    await self._abort(found.id)
                if found.done:
                    moved = await self._store.end(found, self._clock())
                else:
                    moved = found.active_since is not None and found.idle
                    moved = moved and await self._store.rest(found)
                if moved:
                    count += 1
                    # Others may run now.
                    await self._announcer.work(found.target)
            page = await self._store.going(page[-1])
        return count

    async def _abort(self, session_id: str) -> None:
        while jobs := await self._store.unbegun(session_id, _CHUNK):
            entry = TimelineEntry(self._clock(), "aborted", "quws", "its session was cancelled")
            aborted = await self._control.abort_all(jobs, entry, waiting_only=True)
            for ref in aborted:
                await self._announcer.changed(ref.id, ref.phase)
            if not aborted:
                break  # Workers have them by now.

    def _check_who(self, caller: Caller, target: TargetDescription) -> None:
        if caller.operator or target.sessions is None:
            return
        groups = [name for name, group in self._groups.items() if caller.name in group.members]
        if not target.sessions.allows(caller.name, groups):
            raise Forbidden(
                f"you may not open sessions of target {target.name}; its operator says who may"
            )
