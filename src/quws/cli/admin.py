"""``quws admin``: what an operator may want to know."""

from __future__ import annotations

import typer

from quws.artifacts import ArtifactStore, ArtifactStoreUnavailable
from quws.cli.configuration import read_settings
from quws.cli.database import with_database
from quws.cli.options import Data, stop
from quws.services.sweeps import due

admin = typer.Typer(help="What an operator may want to know.", no_args_is_help=True)


@admin.command("due")
def admin_due(data: Data = None) -> None:
    """List what the periodic task would do now, and change nothing."""
    try:
        found = with_database(
            data,
            lambda database, settings: due(
                database,
                ArtifactStore(settings.resolved_artifacts_url()),
                settings.orphan_age,
            ),
        )
    except ArtifactStoreUnavailable as error:
        stop(str(error))
    archive = read_settings().policy.keep_history
    for jobs, what in (
        (found.overrun, "abort: its execution duration is over"),
        (found.lost, "requeue or give up: its worker is gone"),
        (found.destruction, "archive" if archive else "destroy"),
    ):
        for job in jobs:
            typer.echo(f"job {job.id} ({job.phase}, target {job.target}): {what}")
    for prefix in found.garbage:
        typer.echo(f"files of {prefix}: delete, their job or attempt is gone")
    for owner in found.orphans:
        typer.echo(f"files of {owner}: delete, there is no such job")
    if not any((found.overrun, found.lost, found.destruction, found.garbage, found.orphans)):
        typer.echo("nothing is due")
