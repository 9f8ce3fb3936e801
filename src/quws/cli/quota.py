"""``quws quota``: what one may have of a service, and has."""

from __future__ import annotations

from typing import Annotated

import typer

from quws.cli.asking import asking
from quws.cli.options import HOME, Token, Url
from quws.domain.times import format_instant


def quota(
    owner: Annotated[
        str | None, typer.Option(help="Those of another owner, for operators.")
    ] = None,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """Show what you may have of a service, and have."""
    with asking(url, token) as client:
        found = client.quota(owner)
    if not found.limits:
        typer.echo("nothing is limited")
    for item in found.limits:
        use = f"{item.most}" if item.used is None else f"{item.used} of {item.most}"
        whose = "" if item.group is None else f" (group {item.group})"
        frees = "" if item.frees is None else f"; all free again at {format_instant(item.frees)}"
        typer.echo(f"{item.limit.value:<14} {use}{whose}: {item.meaning}{frees}")
