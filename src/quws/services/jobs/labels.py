"""What jobs are called, and changing it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from quws.bus.announcer import Announcer
from quws.domain.caller import Caller
from quws.domain.clock import Clock, utc_now
from quws.domain.errors import InvalidParameter
from quws.domain.job import JobRef
from quws.domain.labels import Labels, Relabel
from quws.domain.parameters.values import MAX_TAGS
from quws.domain.phases import Phase
from quws.services.jobs.read import JobReader
from quws.services.quotas import Quotas
from quws.store.jobs.labels import TooManyTags
from quws.store.jobs.store import JobStore


class JobLabels:
    """Reads and changes the labels of jobs, in whatever phase they are, but archived."""

    def __init__(
        self,
        *,
        reader: JobReader,
        store: JobStore,
        announcer: Announcer,
        quotas: Quotas,
        clock: Clock = utc_now,
    ) -> None:
        self._reader = reader
        self._store = store
        self._announcer = announcer
        self._quotas = quotas
        self._clock = clock

    async def get(self, caller: Caller, job_id: str) -> Labels:
        """Return what a job is called.

        Raises
        ------
        NotFound, Forbidden

        """
        job = await self._reader.get(caller, job_id)
        return Labels(job.name, job.run_id, job.spec.tags, job.spec.metadata)

    async def change(self, caller: Caller, job_id: str, change: Relabel) -> None:
        """Change what a job is called.

        Raises
        ------
        NotFound, Forbidden
        InvalidParameter
            It would have too many tags.
        QuotaExceeded
            There is no room for its metadata.
        IllegalMove
            It is archived.

        """
        head = await self._reader.authorise(caller, job_id)
        if head.phase is Phase.ARCHIVED:
            await self._reader.refuse(caller, job_id, "labels cannot be changed any more")
        await self.change_all([head], change, self._clock())

    async def change_all(self, refs: Sequence[JobRef], change: Relabel, now: datetime) -> int:
        """Change what jobs are called that the caller may see, and return of how many it changed.

        Raises
        ------
        InvalidParameter
            One of them would have too many tags: nothing was changed.
        QuotaExceeded
            There is no room for their metadata.

        """
        size = len(json.dumps(change.metadata)) if change.metadata else 0
        if size:
            for owner in {ref.owner for ref in refs}:
                await self._quotas.admit(owner, size=size * len(refs))
        try:
            changed = await self._store.labels.change([ref.id for ref in refs], change, now)
        except TooManyTags as error:
            raise InvalidParameter(
                f"a job may have at most {MAX_TAGS} tags, and job {error.job_id} would have more",
                parameter="ADDTAG",
            ) from None
        for ref in changed:
            self._quotas.add(ref.owner, size=size)
            await self._announcer.touched(ref.id, ref.phase)
        return len(changed)
