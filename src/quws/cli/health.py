"""``quws health``: what a container's probe calls, and therefore light."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Annotated

import typer

from quws.cli.options import stop


def health(
    ready: Annotated[
        bool, typer.Option("--ready", help="Ask whether it can work, not only whether it lives.")
    ] = False,
    host: Annotated[
        str, typer.Option(help="Where the process is.", envvar="QUWS_MONITOR_HOST")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Its port for monitoring.", envvar="QUWS_MONITOR_PORT")
    ] = 0,
) -> None:
    """Ask a running process on this machine how it is; the exit status says it."""
    if not port:
        stop("QUWS_MONITOR_PORT is not set, so processes do not answer; set it, or give --port")
    local = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - it is compared
    url = f"http://{f'[{local}]' if ':' in local else local}:{port}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/health/{'ready' if ready else 'live'}", timeout=4) as answer:
            typer.echo(answer.read().decode().strip())
    except urllib.error.HTTPError as error:
        stop(error.read().decode().strip())
    except OSError as error:
        stop(f"nobody answers at {url}: {error}")
