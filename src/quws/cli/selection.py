"""``quws jobs``: all jobs that fit a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Annotated, Any

import typer

from quws.cli.options import stop
from quws.client import Client, ClientError
from quws.client.selection import Selection
from quws.domain.phases import Phase
from quws.domain.words import counted
from quws.schemas.labels import DoneJson

jobs = typer.Typer(
    help="List, run, abort, delete and label all jobs that fit a filter.", no_args_is_help=True
)

_Phase = Annotated[list[Phase] | None, typer.Option("--phase", help="In one of these phases.")]
_Tag = Annotated[list[str] | None, typer.Option("--tag", help="With all of these tags.")]
_RunId = Annotated[str | None, typer.Option("--run-id", help="Of this run id.")]
_Target = Annotated[str | None, typer.Option("--target", help="For this target.")]
_Text = Annotated[
    str | None, typer.Option("--text", help="With this in the name, the run id or a tag.")
]
_After = Annotated[str | None, typer.Option("--after", help="Created later than this instant.")]
_Before = Annotated[str | None, typer.Option("--before", help="Created earlier than this.")]
_Url = Annotated[str, typer.Option(help="The service.", envvar="QUWS_URL")]
_Token = Annotated[
    str | None, typer.Option(help="A bearer token to sign in with.", envvar="QUWS_TOKEN")
]
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]
_HOME = "http://127.0.0.1:8000"


@jobs.command("list")
def jobs_list(
    phase: _Phase = None,
    tag: _Tag = None,
    run_id: _RunId = None,
    target: _Target = None,
    text: _Text = None,
    after: _After = None,
    before: _Before = None,
    most: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    url: _Url = _HOME,
    token: _Token = None,
) -> None:
    """List the newest of them: id, phase, when it was created, and what it is called."""
    wanted = _wanted(phase, tag, run_id, target, text, after, before)
    with _selected(url, token, wanted) as found:
        for job in islice(found, most):
            known = job.read()
            named = known.name or known.run_id or ""
            words = [known.id, f"{known.phase:<10}", f"{known.creation_time:%Y-%m-%d %H:%M:%S}"]
            typer.echo("  ".join([*words, named, *known.tags]).rstrip())


@jobs.command("run")
def jobs_run(
    phase: _Phase = None,
    tag: _Tag = None,
    run_id: _RunId = None,
    target: _Target = None,
    text: _Text = None,
    after: _After = None,
    before: _Before = None,
    yes: _Yes = False,
    url: _Url = _HOME,
    token: _Token = None,
) -> None:
    """Run those that are PENDING or HELD."""
    wanted = _wanted(phase, tag, run_id, target, text, after, before)
    _act("RUN", "Run", url, token, wanted, lambda found: found.run(), yes=yes)


@jobs.command("abort")
def jobs_abort(
    phase: _Phase = None,
    tag: _Tag = None,
    run_id: _RunId = None,
    target: _Target = None,
    text: _Text = None,
    after: _After = None,
    before: _Before = None,
    yes: _Yes = False,
    url: _Url = _HOME,
    token: _Token = None,
) -> None:
    """Abort those that are not over."""
    wanted = _wanted(phase, tag, run_id, target, text, after, before)
    _act("ABORT", "Abort", url, token, wanted, lambda found: found.abort(), yes=yes)


@jobs.command("delete")
def jobs_delete(
    phase: _Phase = None,
    tag: _Tag = None,
    run_id: _RunId = None,
    target: _Target = None,
    text: _Text = None,
    after: _After = None,
    before: _Before = None,
    yes: _Yes = False,
    url: _Url = _HOME,
    token: _Token = None,
) -> None:
    """Delete them, with all their files."""
    wanted = _wanted(phase, tag, run_id, target, text, after, before)
    _act("DELETE", "Delete", url, token, wanted, lambda found: found.delete(), yes=yes)


@jobs.command("label")
def jobs_label(
    phase: _Phase = None,
    tag: _Tag = None,
    run_id: _RunId = None,
    target: _Target = None,
    text: _Text = None,
    after: _After = None,
    before: _Before = None,
    add_tag: Annotated[list[str] | None, typer.Option(help="A tag to add.")] = None,
    remove_tag: Annotated[list[str] | None, typer.Option(help="A tag to take away.")] = None,
    new_run_id: Annotated[
        str | None, typer.Option(help="The run id that they get; empty for none.")
    ] = None,
    yes: _Yes = False,
    url: _Url = _HOME,
    token: _Token = None,
) -> None:
    """Change their labels."""
    wanted = _wanted(phase, tag, run_id, target, text, after, before)
    given = {"add_tags": add_tag, "remove_tags": remove_tag, "run_id": new_run_id}
    labels = {name: value for name, value in given.items() if value is not None}
    if not labels:
        stop("say what shall change: --add-tag, --remove-tag or --new-run-id")
    _act("LABEL", "Label", url, token, wanted, lambda found: found.label(**labels), yes=yes)


def _wanted(
    phase: list[Phase] | None,
    tag: list[str] | None,
    run_id: str | None,
    target: str | None,
    text: str | None,
    after: str | None,
    before: str | None,
) -> dict[str, Any]:
    return {
        "phase": phase,
        "tag": tag,
        "run_id": run_id,
        "target": target,
        "text": text,
        "after": after,
        "before": before,
    }


@contextmanager
def _selected(url: str, token: str | None, wanted: dict[str, Any]) -> Iterator[Selection]:
    try:
        with Client(url, token=token) as client:
            yield client.jobs(**wanted)
    except ClientError as error:
        stop(str(error))


def _act(
    action: str,
    verb: str,
    url: str,
    token: str | None,
    wanted: dict[str, Any],
    do: Callable[[Selection], DoneJson],
    *,
    yes: bool,
) -> None:
    """Say how many there are, ask, do it, and say what was done."""
    with _selected(url, token, wanted) as found:
        count = found.count()
        number = count.actions[action]  # type: ignore[index]
        if not number:
            typer.echo("no job fits")
            return
        if not yes and not typer.confirm(f"{verb} {counted(number, 'job')}?"):
            raise typer.Exit(1)
        with_before = {**wanted, "before": wanted["before"] or count.before}
    with _selected(url, token, with_before) as found:
        done = do(found)
    typer.echo(f"{counted(done.done, 'job')} done")
    if done.held or done.left:
        typer.echo(f"{done.held} held, {done.left} left: {done.why or 'changed meanwhile'}")
