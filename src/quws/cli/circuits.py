"""``quws circuits``: where the circuits of a job stand, and those that are not wanted any more."""

from __future__ import annotations

from typing import Annotated

import typer

from quws.cli.asking import asking
from quws.cli.options import HOME, Token, Url, stop
from quws.domain.batch import CircuitStatus, read_indices
from quws.domain.errors import InvalidParameter


def circuits(
    job: Annotated[str, typer.Argument(help="The id of the job.")],
    *,
    status: Annotated[
        list[CircuitStatus] | None, typer.Option(help="Only circuits that stand there.")
    ] = None,
    abort: Annotated[
        str | None, typer.Option(help="Abort these first, as in 3,5-9; the others go on.")
    ] = None,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """List the circuits of a job, or abort some of them."""
    with asking(url, token) as client:
        found = client.job(job)
        if abort is not None:
            try:
                indices = read_indices([abort], found.read().circuits)
            except InvalidParameter as refusal:
                stop(refusal.sentence.replace("INDEX", "--abort"))
            found.abort_circuits(*sorted(indices))
        for item in found.circuits(*(status or ())):
            words = [str(item.index), f"{item.status:<9}", item.message or ""]
            typer.echo("  ".join(words).rstrip())
