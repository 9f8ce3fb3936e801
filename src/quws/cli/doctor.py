"""``quws doctor``."""

from __future__ import annotations

import asyncio

import typer

from quws.cli.configuration import read_settings
from quws.cli.options import Data, use
from quws.operations.doctor import Doctor, Level


def doctor(data: Data = None) -> None:
    """Look at everything that quws needs, with the settings of this shell, and say what to do."""
    use(data)

    async def examine() -> bool:
        sound = True
        async for finding in Doctor(read_settings()).examine():
            sound = sound and finding.level is not Level.FAULT
            typer.echo(f"{finding.level:9}{finding.part:11}{finding.text}")
            if finding.advice:
                typer.echo(f"{'':20}-> {finding.advice}")
        return sound

    if not asyncio.run(examine()):
        raise typer.Exit(1)
