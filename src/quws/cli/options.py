"""What several commands take, and how a command says that it cannot go on."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated, NoReturn

import typer

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)]
Grpc = Annotated[
    int | None,
    typer.Option(
        "--grpc",
        help="Port to serve IQM's gRPC services on as well; else QUWS_GRPC_PORT.",
        min=1,
        max=65535,
    ),
]
Anonymous = Annotated[
    bool,
    typer.Option(
        "--allow-anonymous", help="Allow other machines in although nobody has to sign in."
    ),
]
Data = Annotated[
    Path | None, typer.Option(help="The data folder of 'quws serve'.", file_okay=False)
]

Url = Annotated[str, typer.Option(help="The service.", envvar="QUWS_URL")]
HOME = "http://127.0.0.1:8000"
"""Where a service is that 'quws serve' has started."""
Token = Annotated[
    str | None, typer.Option(help="A bearer token to sign in with.", envvar="QUWS_TOKEN")
]


def use(data: Path | None) -> None:
    """Let the settings of this process, and of those it starts, have this data folder."""
    if data is not None:
        os.environ["QUWS_DATA"] = str(data.absolute())


def use_grpc(port: int | None) -> None:
    """Let this process, and those it starts, serve gRPC on this port."""
    if port is not None:
        os.environ["QUWS_GRPC_PORT"] = str(port)


def data_option(data: Path | None) -> str:
    """Return what a command that is advised needs so that it acts on the same data folder."""
    return "" if data is None else f" --data {shlex.quote(str(data))}"


def stop(sentence: str) -> NoReturn:
    """Print a sentence to standard error and end with status 1."""
    typer.echo(f"quws: {sentence}", err=True)
    raise typer.Exit(1)
