"""Make a job anew: the same parameters, as they were posted, on the same target."""

from __future__ import annotations

from collections.abc import Sequence

from quws.domain.caller import Caller
from quws.domain.errors import InvalidParameter
from quws.domain.job import Job
from quws.domain.parameters.posted import Posted
from quws.domain.parameters.reading import read_control
from quws.domain.parameters.specification import Specifications
from quws.services.jobs.files import JobFiles
from quws.services.jobs.submit import JobSubmission
from quws.services.sessions import Sessions


class JobRerun:
    """Makes jobs of others."""

    def __init__(
        self,
        files: JobFiles,
        submission: JobSubmission,
        sessions: Sessions,
        specifications: Specifications,
    ) -> None:
        self._files = files
        self._submission = submission
        self._sessions = sessions
        self._specifications = specifications

    async def rerun(
        self, caller: Caller, job: Job, posted: Sequence[Posted] = (), key: str | None = None
    ) -> Job:
        """Make a job with the parameters of another, byte for byte, and with its seed.

        It is the caller's, and starts where PHASE=RUN is posted. It is of the same session while
        that takes jobs.

        Parameters
        ----------
        posted
            Control parameters of the new job. What they do not say is as it was: run id, name
            and execution duration.
        key
            Under it there is one new job, however often it is asked for.

        Raises
        ------
        InvalidParameter
            Something else is posted, or the target takes this no more.
        NotFound
            The files of the job are gone.
        InvalidCircuit, UnknownTarget, Unavailable, QuotaExceeded, StorageFull, KeyUsed
            As for any new job.

        """
        _, others = read_control(posted, self._specifications)
        if others:
            name = others[0].name[:60]
            raise InvalidParameter(
                f"a job is run again as it was: only {', '.join(self._specifications.control)} may"
                f" be sent, not '{name}'",
                parameter=name,
            )
        same = [value for item in job.parameters for value in await self._files.posted(item)]
        if job.session is not None and not await self._sessions.takes(job.session):
            # It runs as any other job then.
            same = [item for item in same if item.name.upper() != "SESSION"]
        named = {self._specifications.canonical(item.name) for item in same}
        if "TARGET" not in named:
            # What is the default may have changed.
            same.append(Posted("TARGET", job.target.encode()))
        told = {self._specifications.canonical(item.name) for item in posted}
        before = {
            "RUNID": job.run_id,
            "NAME": job.name,
            "EXECUTIONDURATION": str(job.execution_duration),
        }
        control = [
            Posted(name, value.encode())
            for name, value in before.items()
            if value is not None and name not in told
        ]
        return await self._submission.submit(
            caller, [*same, *control, *posted], key, note=f"as job {job.id}"
        )
