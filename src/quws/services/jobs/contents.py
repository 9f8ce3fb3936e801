"""The files of a job that is over, as others get them: their names, and what tells of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from quws.domain.circuits import Language, ending
from quws.domain.job import Job, Parameter, Result, TimelineEntry
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.times import format_instant

_VERSION = 1
"""The layout of a bundle. It counts up when a reader of before would misread one."""

_PRIVATE = frozenset({"WEBHOOK"})
"""Parameters that are nothing to whom a bundle is given."""

_ENDINGS_OF_TYPES = {
    "application/json": "json",
    "application/x-votable+xml": "vot",
    "text/csv": "csv",
}
README = """\
A job of quws: what was sent, what was run, what came out.

job.json            what the job was: target, options, parameters, times, and which file is what
circuits/           the circuits as they were sent, byte for byte
parameters/         other parameters that were sent as files
compiled/           the circuits as they ran, where the target compiled them
results/            what came out
timeline.json       what happened to the job
calibration.json    the calibration of the target that it ran with, where there is one
versions.json       the libraries that ran it, as far as they are known
record.json         the hashes of the above, signed by the service: quws verify FILE.zip
SHA256SUMS          for: sha256sum --check SHA256SUMS

To repeat it, send the circuits again with the parameters of job.json; with SEED a simulator gives
the same results in the same versions.
"""


@dataclass(frozen=True, slots=True)
class JobFile:
    """A file of a bundle, and what it is of the job."""

    path: str
    of: Parameter | Result


def files_of(job: Job) -> list[JobFile]:
    """List the files of a job: parameters, then results."""
    return [*_parameters(job), *_results(job)]


def _parameters(job: Job) -> Iterator[JobFile]:
    circuits = SPECIFICATIONS["CIRCUIT"].names
    language = job.spec.language or Language.OPENQASM_3
    seen = 0
    for place, item in enumerate(job.parameters):
        if item.name in circuits:
            name = f"circuits/{seen}.{ending(language, item.mime_type)}"
            path = "circuits.json" if item.count > 1 else name
            seen += 1
            yield JobFile(path, item)
        elif item.by_reference and item.name not in _PRIVATE:
            # Names of uploaded parts are the user's.
            name = "".join(
                letter if letter.isascii() and letter.isalnum() else "-"
                for letter in item.name[:40]
            )
            yield JobFile(f"parameters/{place}-{name}", item)


def _results(job: Job) -> Iterator[JobFile]:
    for item in job.results:
        kind = item.mime_type.partition(";")[0]
        if item.id.startswith("circuit-"):
            yield JobFile(f"compiled/{item.id}.qasm", item)
        else:
            yield JobFile(f"results/{item.id}.{_ENDINGS_OF_TYPES.get(kind, 'txt')}", item)


def about(job: Job, files: list[JobFile]) -> dict[str, Any]:
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


def document(content: Any) -> bytes:
    """Write a document of a bundle."""
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def timeline_of(entries: list[TimelineEntry]) -> list[dict[str, Any]]:
    """Write what happened to a job."""
    return [
        {
            "time": format_instant(entry.time),
            "status": entry.status,
            "source": entry.source,
            "message": entry.message,
        }
        for entry in entries
    ]
