"""``quws submit``: a job from the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from quws.cli.options import stop
from quws.client import Client, ClientError


def submit(
    file: Annotated[Path, typer.Argument(help="OpenQASM 2 or 3 text; - for standard input.")],
    shots: Annotated[int, typer.Option(help="Runs of the circuit.")] = 1000,
    target: Annotated[str | None, typer.Option(help="What shall run it.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the random numbers.")] = None,
    url: Annotated[
        str, typer.Option(help="The service.", envvar="QUWS_URL")
    ] = "http://127.0.0.1:8000",
    token: Annotated[
        str | None, typer.Option(help="A bearer token to sign in with.", envvar="QUWS_TOKEN")
    ] = None,
) -> None:
    """Run a circuit and print how often each outcome was measured."""
    try:
        circuit = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        stop(f"{file} cannot be read: {error.strerror}")
    try:
        with Client(url, token=token) as client:
            job = client.submit(circuit, shots=shots, target=target, seed=seed)
            typer.echo(job.url, err=True)
            for outcome, count in job.wait().counts().items():
                typer.echo(f"{outcome} {count}")
    except ClientError as error:
        stop(str(error))
