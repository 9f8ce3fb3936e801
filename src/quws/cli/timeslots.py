"""``quws timeslots``: the times for which targets are booked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from quws.cli.asking import asking
from quws.cli.options import HOME, Token, Url, stop
from quws.domain.times import format_instant, parse_instant
from quws.schemas.timeslot import TimeslotJson

timeslots = typer.Typer(
    help="List, book and cancel the times for which targets are booked.", no_args_is_help=True
)
Target = Annotated[str, typer.Argument(help="The target.")]


@timeslots.command("list")
def timeslots_list(
    target: Annotated[
        str | None, typer.Argument(help="The target; without one your own, of all targets.")
    ] = None,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """List those that are not over, the next one first."""
    with asking(url, token) as client:
        for slot in client.timeslots(target):
            _tell(slot)


@timeslots.command("book")
def timeslots_book(
    target: Target,
    start: Annotated[str, typer.Argument(help="When it begins, in UTC: 2026-11-30T10:00.")],
    minutes: Annotated[int, typer.Option(help="How long it is.", min=1)],
    url: Url = HOME,
    token: Token = None,
) -> None:
    """Book a target for yourself."""
    with asking(url, token) as client:
        _tell(client.book(target, _instant(start), minutes))


@timeslots.command("cancel")
def timeslots_cancel(
    target: Target,
    timeslot: Annotated[str, typer.Argument(help="Its id.")],
    url: Url = HOME,
    token: Token = None,
) -> None:
    """Cancel a timeslot; one that is on is over then."""
    with asking(url, token) as client:
        client.cancel_timeslot(target, timeslot)


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        stop(str(error))


def _tell(slot: TimeslotJson) -> None:
    whose = "yours" if slot.mine else (slot.owner or "another's")
    span = f"{format_instant(slot.start)} to {format_instant(slot.end)}"
    typer.echo(f"{slot.id}  {slot.target}  {span}  {whose}")
