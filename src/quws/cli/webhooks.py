"""``quws webhooks``: who is told of one's jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from quws.cli.asking import asking
from quws.cli.options import HOME, Token, Url
from quws.client.webhooks import WebhookClient
from quws.domain.webhooks import DeliveryState, EventType
from quws.domain.words import counted

webhooks = typer.Typer(help="Have URLs told of one's jobs.", no_args_is_help=True)
_Id = Annotated[str, typer.Argument(help="Which one, by its id.", metavar="ID")]


@webhooks.command("list")
def webhooks_list(*, url: Url = HOME, token: Token = None) -> None:
    """List them: id, URL, of what they are told, and how they fare."""
    with _signed_in(url, token) as mine:
        for item in mine.all():
            events = ",".join(item.events or ["all"])
            fares = f"{counted(item.failures, 'failure')}: {item.trouble}" if item.failures else ""
            kind = events if item.standing else "of single jobs"
            typer.echo("  ".join(filter(None, [item.id, item.url, kind, fares])))


@webhooks.command("add")
def webhooks_add(
    address: Annotated[str, typer.Argument(help="Where messages go.", metavar="URL")],
    *,
    event: Annotated[list[EventType] | None, typer.Option(help="Of these only.")] = None,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """Have a URL told of all one's jobs from now on; print the secret if there was none yet."""
    with _signed_in(url, token) as mine:
        made = mine.add(address, event)
    typer.echo(made.id)
    if made.secret is not None:
        typer.echo(f"secret, told only now: {made.secret}")


@webhooks.command("remove")
def webhooks_remove(webhook: _Id, *, url: Url = HOME, token: Token = None) -> None:
    """Remove one, with all messages that are on their way to it."""
    with _signed_in(url, token) as mine:
        mine.remove(webhook)


@webhooks.command("deliveries")
def webhooks_deliveries(
    webhook: _Id,
    *,
    state: Annotated[DeliveryState | None, typer.Option(help="In this state only.")] = None,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """List the newest messages to one."""
    with _signed_in(url, token) as mine:
        for item in mine.deliveries(webhook, state):
            words = [f"{item.created:%Y-%m-%d %H:%M:%S}", item.state, item.type, item.job]
            typer.echo("  ".join([*words, item.trouble or ""]).rstrip())


@webhooks.command("retry")
def webhooks_retry(webhook: _Id, *, url: Url = HOME, token: Token = None) -> None:
    """Try dead messages to one once more."""
    with _signed_in(url, token) as mine:
        typer.echo(f"{counted(mine.retry(webhook), 'message')} tried once more")


@webhooks.command("secret")
def webhooks_secret(*, url: Url = HOME, token: Token = None) -> None:
    """Make and print a new secret for signatures; the one of before holds for a day."""
    with _signed_in(url, token) as mine:
        typer.echo(mine.renew_secret())


@contextmanager
def _signed_in(url: str, token: str | None) -> Iterator[WebhookClient]:
    with asking(url, token) as client:
        yield client.webhooks
