"""All of a job that is over in one archive: what it takes to repeat the experiment."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from quws.domain.archives import Member, zipped
from quws.domain.circuits import Language
from quws.domain.errors import IllegalMove
from quws.domain.job import Job, Parameter, Result, TimelineEntry
from quws.domain.outcomes import DOCUMENT
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.phases import FINAL, Phase
from quws.domain.targets import Calibration
from quws.domain.times import format_instant
from quws.services.jobs.files import Content, JobFiles
from quws.services.jobs.formats import Made, versions_in
from quws.services.pulled import made_aside, pulled
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore

BUNDLE_TYPE = "application/zip"
_VERSION = 1
"""The layout of a bundle. It counts up when a reader of before would misread one."""

_PRIVATE = frozenset({"WEBHOOK"})
"""Parameters that are nothing to whom a bundle is given."""

_ENDINGS = {
    Language.QPY: "qpy",
    Language.STIM: "stim",
    Language.IQM_JSON: "json",
}
_ENDINGS_OF_TYPES = {
    "application/json": "json",
    "application/x-votable+xml": "vot",
    "text/csv": "csv",
}
_README = """\
A job of quws: what was sent, what was run, what came out.

job.json            what the job was: target, options, parameters, times, and which file is what
circuits/           the circuits as they were sent, byte for byte
parameters/         other parameters that were sent as files
compiled/           the circuits as they ran, where the target compiled them
results/            what came out
timeline.json       what happened to the job
calibration.json    the calibration of the target that it ran with, where there is one
versions.json       the libraries that ran it, as far as they are known
SHA256SUMS          for: sha256sum --check SHA256SUMS

To repeat it, send the circuits again with the parameters of job.json; with SEED a simulator gives
the same results in the same versions.
"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An archive that is made while it is sent, and a mark that is the same for the same one."""

    made: Made
    mark: str


class JobBundles:
    """Packs jobs that are over."""

    def __init__(self, store: JobStore, targets: TargetStore, files: JobFiles) -> None:
        self._store = store
        self._targets = targets
        self._files = files

    async def of(self, job: Job) -> Bundle:
        """Return the bundle of a job.

        Raises
        ------
        IllegalMove
            It is not over yet, or its files are gone.
        NotFound, Unavailable
            A file is gone, or cannot be read now.

        """
        kept = FINAL - {Phase.ARCHIVED}
        if job.phase not in kept:
            raise IllegalMove(
                f"a bundle needs a job that is {' or '.join(sorted(kept))}; job {job.id} is"
                f" {job.phase}",
                parameter="PHASE",
            )
        timeline = await self._timeline(job)
        calibration = await self._calibration(job)
        files = [*_parameters(job), *_results(job)]
        documents = {
            "job.json": _document(_about(job, files)),
            "README.txt": _README.encode(),
            "timeline.json": _document(timeline),
            "versions.json": _document(await self._versions(job)),
        }
        if calibration is not None:
            documents["calibration.json"] = _document(calibration.model_dump(mode="json"))
        contents = [(item.path, await self._content(job, item)) for item in files]

        async def read() -> AsyncIterator[bytes]:
            loop = asyncio.get_running_loop()

            def members() -> Iterator[Member]:
                for name, content in documents.items():
                    yield name, [content]
                for name, found in contents:
                    yield name, pulled(found.read(0, None), loop)

            async for piece in made_aside(zipped(members())):
                if piece:
                    yield piece

        digest = hashlib.sha256()
        for content in documents.values():
            digest.update(hashlib.sha256(content).digest())
        return Bundle(Made(BUNDLE_TYPE, read), digest.hexdigest()[:32])

    async def _content(self, job: Job, item: _File) -> Content:
        if isinstance(item.of, Result):
            return await self._files.result(job, item.of.id)
        return self._files.content(item.of)

    async def _timeline(self, job: Job) -> list[dict[str, Any]]:
        found = await self._store.reading.whole(job.id)
        entries: list[TimelineEntry] = [] if found is None else found[1]
        return [
            {
                "time": format_instant(entry.time),
                "status": entry.status,
                "source": entry.source,
                "message": entry.message,
            }
            for entry in entries
        ]

    async def _calibration(self, job: Job) -> Calibration | None:
        if job.calibration_id is None:
            return None
        return await self._targets.calibration(job.target, job.calibration_id)

    async def _versions(self, job: Job) -> dict[str, str]:
        """Return the versions that stand in the document of what the job gave."""
        name = DOCUMENT[job.spec.kind]
        if not any(item.id == name for item in job.results):
            return {}
        return await versions_in(await self._files.result(job, name))


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a bundle, and what it is of the job."""

    path: str
    of: Parameter | Result


def _parameters(job: Job) -> Iterator[_File]:
    circuits = SPECIFICATIONS["CIRCUIT"].names
    ending = _ENDINGS.get(job.spec.language or Language.OPENQASM_3, "qasm")
    seen = 0
    for place, item in enumerate(job.parameters):
        if item.name in circuits:
            path = "circuits.json" if item.count > 1 else f"circuits/{seen}.{ending}"
            seen += 1
            yield _File(path, item)
        elif item.by_reference and item.name not in _PRIVATE:
            # Names of uploaded parts are the user's.
            name = "".join(letter if letter.isalnum() else "-" for letter in item.name[:40])
            yield _File(f"parameters/{place}-{name}", item)


def _results(job: Job) -> Iterator[_File]:
    for item in job.results:
        kind = item.mime_type.partition(";")[0]
        if item.id.startswith("circuit-"):
            yield _File(f"compiled/{item.id}.qasm", item)
        else:
            yield _File(f"results/{item.id}.{_ENDINGS_OF_TYPES.get(kind, 'txt')}", item)


def _about(job: Job, files: list[_File]) -> dict[str, Any]:
    """Say what a job was. What may change when it is over, as its labels do, is not in it."""
    places = {id(item.of): item.path for item in files}
    instants = {
        name: None if found is None else format_instant(found)
        for name, found in (
            ("creation_time", job.creation_time),
            ("start_time", job.start_time),
            ("end_time", job.end_time),
        )
    }
    return {
        "bundle": _VERSION,
        "job": job.id,
        "phase": job.phase,
        "target": job.target,
        "calibration": job.calibration_id,
        "language": job.spec.language,
        "circuits": job.circuits,
        "circuits_done": job.circuits_done,
        "attempt": job.attempt,
        "execution_duration": job.execution_duration,
        **instants,
        "error": None
        if job.error is None
        else {"code": job.error.code, "type": job.error.type, "message": job.error.message},
        "options": job.spec.options.model_dump(mode="json"),
        "parameters": [
            {"name": item.name, "mime_type": item.mime_type, "file": places[id(item)]}
            if id(item) in places
            else {"name": item.name, "value": item.value}
            for item in job.parameters
            if item.name not in _PRIVATE
        ],
        "results": [
            {"id": item.id, "mime_type": item.mime_type, "file": places[id(item)]}
            for item in job.results
        ],
    }


def _document(content: Any) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"
