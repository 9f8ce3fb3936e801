"""``quws sessions``: jobs that run back to back."""

from __future__ import annotations

from typing import Annotated

import typer

from quws.cli.asking import asking
from quws.cli.options import HOME, Token, Url
from quws.domain.sessions import SessionMode
from quws.domain.times import format_instant
from quws.schemas.session import SessionJson

sessions = typer.Typer(
    help="List, open, close and cancel sessions: jobs that run back to back.", no_args_is_help=True
)
Id = Annotated[str, typer.Argument(help="Its id.")]


@sessions.command("list")
def sessions_list(url: Url = HOME, token: Token = None) -> None:
    """List your own, the newest first; for operators those of all."""
    with asking(url, token) as client:
        for session in client.sessions():
            _tell(session)


@sessions.command("open")
def sessions_open(
    target: Annotated[
        str | None, typer.Argument(help="The target; without one the default of jobs.")
    ] = None,
    mode: Annotated[
        SessionMode,
        typer.Option(help="Whether others wait while it has nothing to run (dedicated), or run."),
    ] = SessionMode.DEDICATED,
    max_seconds: Annotated[
        int | None, typer.Option(help="Its whole time, counted from its first job.", min=1)
    ] = None,
    idle_seconds: Annotated[
        int | None, typer.Option(help="For how long it may have nothing to run.", min=0)
    ] = None,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """Open one; jobs are sent to it with 'quws submit --session ID'."""
    with asking(url, token) as client:
        opened = client.session(
            target=target, mode=mode, max_seconds=max_seconds, idle_seconds=idle_seconds
        )
        _tell(opened.details())


@sessions.command("show")
def sessions_show(session: Id, url: Url = HOME, token: Token = None) -> None:
    """Show what one does."""
    with asking(url, token) as client:
        _tell(client.session_of(session).details())


@sessions.command("close")
def sessions_close(session: Id, url: Url = HOME, token: Token = None) -> None:
    """Take no new jobs: those that it has go on, and then it is over."""
    with asking(url, token) as client:
        _tell(client.session_of(session).close())


@sessions.command("cancel")
def sessions_cancel(session: Id, url: Url = HOME, token: Token = None) -> None:
    """Close it, and abort its jobs that do not run."""
    with asking(url, token) as client:
        _tell(client.session_of(session).cancel())


def _tell(session: SessionJson) -> None:
    jobs = f"{session.jobs_running} running, {session.jobs_waiting} waiting"
    until = session.end_time or session.ends
    time = "" if until is None else f"  until {format_instant(until)}"
    typer.echo(f"{session.id}  {session.target}  {session.mode}  {session.state}  {jobs}{time}")
