"""How a command ends that cannot do what it was asked."""

from __future__ import annotations

from typing import NoReturn

import typer


def stop(sentence: str) -> NoReturn:
    """End with a sentence on standard error and status 1."""
    typer.echo(f"quws: {sentence}", err=True)
    raise typer.Exit(1)
