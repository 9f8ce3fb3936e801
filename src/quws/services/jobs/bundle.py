"""All of a job that is over in one archive, and the signed record of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass

from quws.domain.archives import Member, zipped
from quws.domain.errors import IllegalMove
from quws.domain.job import Job, Result, TimelineEntry
from quws.domain.outcomes import DOCUMENT
from quws.domain.phases import FINAL, Phase
from quws.domain.targets import Calibration
from quws.domain.times import format_instant
from quws.domain.versions import told_in
from quws.schemas.record import NAME, RecordJson, SignedJson
from quws.services.jobs.contents import (
    README,
    JobFile,
    about,
    document,
    files_of,
    timeline_of,
)
from quws.services.jobs.files import Content, JobFiles
from quws.services.jobs.formats import Made, versions_in
from quws.services.pulled import made_aside, pulled
from quws.services.signing import Signer
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore

_TYPE = "application/zip"
_KEPT = FINAL - {Phase.ARCHIVED}
_UNSIGNED = frozenset({"README.txt", "timeline.json"})
"""What is nothing of the run, and what may grow after it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An archive that is made while it is sent, and a mark that is the same for the same one."""

    made: Made
    mark: str


@dataclass(frozen=True, slots=True)
class _Whole:
    """All of a job: documents that tell of it, and its files."""

    job: Job
    versions: dict[str, str]
    documents: dict[str, bytes]
    files: list[tuple[str, Content]]

    def record(self, sums: Mapping[str, str]) -> RecordJson:
        """Return the record of the run, by the hashes of its files."""
        job = self.job
        started, ended = job.start_time, job.end_time
        seed = job.spec.options.seed
        return RecordJson(
            job=job.id,
            phase=job.phase,
            target=job.target,
            calibration=job.calibration_id,
            seed=None if seed is None else str(seed),
            created=format_instant(job.creation_time),
            started=None if started is None else format_instant(started),
            ended=None if ended is None else format_instant(ended),
            versions=self.versions,
            files={name: digest for name, digest in sums.items() if name not in _UNSIGNED},
        )


class JobBundles:
    """Packs jobs that are over, and signs what they were."""

    def __init__(
        self, store: JobStore, targets: TargetStore, files: JobFiles, signer: Signer
    ) -> None:
        self._store = store
        self._targets = targets
        self._files = files
        self._signer = signer

    async def bundle(self, job: Job) -> Bundle:
        """Return the bundle of a job, with its record where the service can sign.

        Raises
        ------
        IllegalMove
            It is not over yet, or its files are gone.
        NotFound, Unavailable
            A file is gone, or cannot be read now.

        """
        whole = await self._whole(job, "a bundle")
        signs = self._signer.can_sign()

        def last(sums: Mapping[str, str]) -> dict[str, bytes]:
            return {NAME: written(self._signer.sign(whole.record(sums)))} if signs else {}

        async def read() -> AsyncIterator[bytes]:
            loop = asyncio.get_running_loop()

            def members() -> Iterator[Member]:
                for name, content in whole.documents.items():
                    yield name, [content]
                for name, found in whole.files:
                    yield name, pulled(found.read(0, None), loop)

            async for piece in made_aside(zipped(members(), last)):
                if piece:
                    yield piece

        digest = hashlib.sha256()
        for content in whole.documents.values():
            digest.update(hashlib.sha256(content).digest())
        if signs:
            digest.update((await asyncio.to_thread(self._signer.public)).kid.encode())
        return Bundle(Made(_TYPE, read), digest.hexdigest()[:32])

    async def record(self, job: Job) -> SignedJson:
        """Return the signed record of a job, which takes reading all its files.

        Raises
        ------
        IllegalMove
            It is not over yet, or its files are gone.
        NotFound
            The service does not sign, or a file is gone.
        Unavailable
            A file cannot be read now.

        """
        await asyncio.to_thread(self._signer.public)
        whole = await self._whole(job, "a record")
        sums = {
            name: hashlib.sha256(content).hexdigest() for name, content in whole.documents.items()
        }
        for name, found in whole.files:
            digest = hashlib.sha256()
            async for chunk in found.read(0, None):
                digest.update(chunk)
            sums[name] = digest.hexdigest()
        return self._signer.sign(whole.record(sums))

    async def _whole(self, job: Job, what: str) -> _Whole:
        if job.phase not in _KEPT:
            raise IllegalMove(
                f"{what} needs a job that is {' or '.join(sorted(_KEPT))}; job {job.id} is"
                f" {job.phase}",
                parameter="PHASE",
            )
        found = await self._store.reading.whole(job.id)
        calibration = await self._calibration(job)
        files = files_of(job)
        timeline = [] if found is None else found[1]
        versions = await self._versions(job, timeline)
        documents = {
            "job.json": document(about(job, files)),
            "README.txt": README.encode(),
            "timeline.json": document(timeline_of(timeline)),
            "versions.json": document(versions),
        }
        if calibration is not None:
            documents["calibration.json"] = document(calibration.model_dump(mode="json"))
        contents = [(item.path, await self._content(job, item)) for item in files]
        return _Whole(job, versions, documents, contents)

    async def _content(self, job: Job, item: JobFile) -> Content:
        if isinstance(item.of, Result):
            return await self._files.result(job, item.of.id)
        return self._files.content(item.of)

    async def _calibration(self, job: Job) -> Calibration | None:
        if job.calibration_id is None:
            return None
        return await self._targets.calibration(job.target, job.calibration_id)

    async def _versions(self, job: Job, timeline: Sequence[TimelineEntry]) -> dict[str, str]:
        """Return the versions that stand in the document of what the job gave, else those told."""
        name = DOCUMENT[job.spec.kind]
        if not any(item.id == name for item in job.results):
            return told_in(timeline)
        return await versions_in(await self._files.result(job, name))


def written(signed: SignedJson) -> bytes:
    """Write a signed record, as it is served and as it lies in a bundle."""
    return signed.model_dump_json(indent=1).encode() + b"\n"
