"""``quws result``, ``bundle``, ``provenance`` and ``record``: what jobs gave, as files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import typer

from quws.cli.asking import asking
from quws.cli.options import HOME, Token, Url, stop
from quws.client import Job
from quws.domain.formats import Format

Written = Literal["json", "votable"]
JobId = Annotated[str, typer.Argument(help="The job's id.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Where it is written; else it is printed.")
]


def result(
    job: JobId,
    name: Annotated[str, typer.Argument(help="Which result.")] = "result",
    *,
    format: Annotated[
        Format | None, typer.Option(help="Its format; else the one that is kept.")
    ] = None,
    output: Output = None,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """Download a result of a job, in any format that it can be had in."""
    wanted = None if format is None else str(format)
    fetch(url, token, job, output, lambda found, file: found.save(file, name, wanted))


def bundle(
    job: JobId,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where it is written; else to JOB.zip.")
    ] = None,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """Download all of a job that is over: what it takes to repeat the experiment."""
    fetch(
        url, token, job, output or Path(f"{job}.zip"), lambda found, file: found.save_bundle(file)
    )


def record(job: JobId, *, output: Output = None, url: Url = HOME, token: Token = None) -> None:
    """Download the signed record of a job that is over."""
    fetch(url, token, job, output, lambda found, file: found.save_record(file))


def provenance(
    job: JobId,
    *,
    format: Annotated[Written, typer.Option(help="PROV-JSON, or a VOTable.")] = "json",
    output: Output = None,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """Download where the results of a job come from, by W3C PROV."""
    fetch(url, token, job, output, lambda found, file: found.save_provenance(file, format))


def fetch(
    url: str,
    token: str | None,
    job: str,
    output: Path | None,
    save: Callable[[Job, BinaryIO], None],
) -> None:
    """Write what a service gives of a job into a file, or print it."""
    try:
        with asking(url, token) as client:
            if output is None:
                save(client.job(job), sys.stdout.buffer)
                return
            # What breaks off takes nobody's place.
            part = output.with_name(f"{output.name}.part")
            try:
                with part.open("wb") as file:
                    save(client.job(job), file)
                part.replace(output)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        stop(f"{output or 'standard output'} cannot be written: {error.strerror}")
