"""``quws serve``."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from quws.cli.command import main
from quws.cli.configuration import read_settings, refuse_public
from quws.cli.options import Anonymous, Grpc, Host, Port, stop, use, use_grpc
from quws.processes.serve import Original, Supervisor
from quws.targets import ConfigError


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data: Annotated[
        Path | None, typer.Option(help="Folder for everything that is kept.", file_okay=False)
    ] = None,
    grpc: Grpc = None,
    allow_anonymous: Anonymous = False,
) -> None:
    """Run everything on this machine: API, workers, periodic task and a private Valkey."""
    refuse_public(host, allow_anonymous=allow_anonymous)
    use(data)
    use_grpc(grpc)
    try:
        supervisor = Supervisor(read_settings(), host, port, Original(load_parts, main))
    except ConfigError as error:
        stop(str(error))
    raise typer.Exit(supervisor.run())


def load_parts() -> None:
    """Import what the parts of the service need."""
    for part in ("serving", "sweeper", "worker"):
        import_module(f"quws.cli.{part}")
