"""``quws verify``: whether a record or a bundle is what a service has signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quws.cli.options import stop
from quws.client.verify import verify as verified
from quws.schemas.record import BadRecord


def verify(
    file: Annotated[Path, typer.Argument(help="A record, or a bundle that has one.")],
    *,
    key: Annotated[
        str | None,
        typer.Option(help="The key that it must be signed with: its kid, or a file of /keys."),
    ] = None,
) -> None:
    """Check a signed record, or a bundle with its record, without the service."""
    try:
        found = verified(file, key)
    except BadRecord as error:
        stop(f"{file}: {error}")
    except OSError as error:
        stop(f"{file} cannot be read: {error.strerror}")
    record = found.record
    typer.echo(f"job {record.job} on {record.target}: {record.phase} at {record.ended}")
    if found.files:
        typer.echo(f"{found.files} files are what they were")
    whose = "the key that you named" if key is not None else "whoever has the key"
    typer.echo(f"signed by {whose}: {found.kid}")
