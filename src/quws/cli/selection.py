"""``quws jobs``: all jobs that fit a filter."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Annotated, Any

import typer

from quws.cli.asking import asking
from quws.cli.options import HOME, Token, Url, stop
from quws.client.selection import Selection
from quws.domain.phases import Phase
from quws.domain.words import counted
from quws.schemas.labels import DoneJson

jobs = typer.Typer(
    help="List, run, abort, delete and label all jobs that fit a filter.", no_args_is_help=True
)

_FILTER: dict[str, Any] = {
    "phase": Annotated[list[Phase] | None, typer.Option(help="In one of these phases.")],
    "tag": Annotated[list[str] | None, typer.Option(help="With all of these tags.")],
    "run_id": Annotated[str | None, typer.Option(help="Of this run id.")],
    "target": Annotated[str | None, typer.Option(help="For this target.")],
    "text": Annotated[str | None, typer.Option(help="With this in the name, the run id or a tag.")],
    "after": Annotated[str | None, typer.Option(help="Created later than this instant.")],
    "before": Annotated[str | None, typer.Option(help="Created earlier than this.")],
}
"""The options of every command, which all go to the filter."""
_Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]


def _command(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command, with the options of the filter, which it gets as ``wanted``."""

    def made(command: Callable[..., None]) -> Callable[..., None]:
        def run(**given: Any) -> None:
            wanted = {option: given.pop(option) for option in _FILTER}
            command(wanted, **given)

        # Typer reads what a command takes off its signature.
        own = inspect.signature(command, eval_str=True)
        _, *others = own.parameters.values()
        taken = [
            inspect.Parameter(
                option, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
            )
            for option, annotation in _FILTER.items()
        ] + others
        run.__doc__ = command.__doc__
        run.__signature__ = own.replace(parameters=taken)  # type: ignore[attr-defined]
        run.__annotations__ = {item.name: item.annotation for item in taken}
        return jobs.command(name)(run)

    return made


@_command("list")
def jobs_list(
    wanted: dict[str, Any],
    *,
    most: Annotated[int, typer.Option(help="How many at most.", min=1)] = 50,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """List the newest of them: id, phase, when it was created, and what it is called."""
    with _selected(url, token, wanted) as found:
        for job in islice(found, most):
            known = job.read()
            named = known.name or known.run_id or ""
            words = [known.id, f"{known.phase:<10}", f"{known.creation_time:%Y-%m-%d %H:%M:%S}"]
            typer.echo("  ".join([*words, named, *known.tags]).rstrip())


@_command("run")
def jobs_run(
    wanted: dict[str, Any], *, yes: _Yes = False, url: Url = HOME, token: Token = None
) -> None:
    """Run those that are PENDING or HELD."""
    _act("RUN", "Run", url, token, wanted, lambda found: found.run(), yes=yes)


@_command("abort")
def jobs_abort(
    wanted: dict[str, Any], *, yes: _Yes = False, url: Url = HOME, token: Token = None
) -> None:
    """Abort those that are not over."""
    _act("ABORT", "Abort", url, token, wanted, lambda found: found.abort(), yes=yes)


@_command("delete")
def jobs_delete(
    wanted: dict[str, Any], *, yes: _Yes = False, url: Url = HOME, token: Token = None
) -> None:
    """Delete them, with all their files."""
    _act("DELETE", "Delete", url, token, wanted, lambda found: found.delete(), yes=yes)


@_command("label")
def jobs_label(
    wanted: dict[str, Any],
    *,
    add_tag: Annotated[list[str] | None, typer.Option(help="A tag to add.")] = None,
    remove_tag: Annotated[list[str] | None, typer.Option(help="A tag to take away.")] = None,
    new_run_id: Annotated[
        str | None, typer.Option(help="The run id that they get; empty for none.")
    ] = None,
    yes: _Yes = False,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """Change their labels."""
    given = {"add_tags": add_tag, "remove_tags": remove_tag, "run_id": new_run_id}
    labels = {name: value for name, value in given.items() if value is not None}
    if not labels:
        stop("say what shall change: --add-tag, --remove-tag or --new-run-id")
    _act("LABEL", "Label", url, token, wanted, lambda found: found.label(**labels), yes=yes)


@contextmanager
def _selected(url: str, token: str | None, wanted: dict[str, Any]) -> Iterator[Selection]:
    with asking(url, token) as client:
        yield client.jobs(**wanted)


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
