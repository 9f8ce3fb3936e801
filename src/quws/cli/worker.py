"""``quws worker``."""

from __future__ import annotations

from typing import Annotated

import typer

from quws.cli.running import run
from quws.processes.worker import worker as run_worker


def worker(
    target: Annotated[str, typer.Option(help="The target whose jobs it runs.")] = "simulator",
    sole: Annotated[
        bool,
        typer.Option(
            "--sole",
            help="There is no other worker for this target: jobs that are executing now were lost.",
        ),
    ] = False,
) -> None:
    """Run the jobs of one target. Any number of these may share a database and a Redis."""
    run("worker", lambda settings: run_worker(settings, target, sole=sole))
