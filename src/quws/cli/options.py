"""What several commands take, and how a command says that it cannot go on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)]
Anonymous = Annotated[
    bool,
    typer.Option(help="Allow other machines in although nobody has to sign in."),
]
Data = Annotated[
    Path | None, typer.Option(help="The data folder of 'quws serve'.", file_okay=False)
]


def use(data: Path | None) -> None:
    """Let the settings of this process, and of those it starts, have this data folder."""
    if data is not None:
        os.environ["QUWS_DATA"] = str(data.absolute())


def stop(sentence: str) -> NoReturn:
    """Print a sentence to standard error and end with status 1."""
    typer.echo(f"quws: {sentence}", err=True)
    raise typer.Exit(1)
