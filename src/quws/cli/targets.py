"""``quws targets``: the list of targets, and whether they do what they say."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from quws.cli.configuration import read_settings
from quws.cli.database import trouble
from quws.cli.options import Data, data_option, stop, use
from quws.domain.caller import Caller
from quws.domain.errors import Refusal
from quws.domain.targets import TargetStatus
from quws.domain.times import parse_instant
from quws.operations import target_list
from quws.processes.backends import open_target_service
from quws.processes.runtime import configure_telemetry
from quws.settings import Settings
from quws.store.database import StoreUnavailable
from quws.targets import ConfigError

targets = typer.Typer(help="The targets that run circuits.", no_args_is_help=True)

T = TypeVar("T")
TargetName = Annotated[str, typer.Argument(help="The target's name.")]


@targets.command("list")
def targets_list(data: Data = None) -> None:
    """List the targets: what they are, and how they fare."""
    found = _administer(data, target_list.listing)
    typer.echo(found.text)
    for fault in found.faults:
        typer.echo(f"quws: {fault}", err=True)
    if found.trouble is not None:
        said = trouble(found.trouble, read_settings(), data)
        stop(f"what is known of them cannot be read: {said}")
    if found.faults:
        raise typer.Exit(1)


@targets.command("check")
def targets_check(
    name: TargetName,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer positions and shots.")] = False,
    data: Data = None,
) -> None:
    """Run the conformance circuits on a target, and keep what they find.

    A device that can do one thing at a time must have no worker meanwhile.
    """
    report, lost = _administer(
        data,
        lambda settings: target_list.run_conformance(
            settings, settings.target_config(name), quick=quick
        ),
    )
    typer.echo(target_list.printed(report))
    if lost is not None:
        said = trouble(lost, read_settings(), data)
        typer.echo(f"quws: the result could not be kept: {said}", err=True)
    if not report.passed:
        raise typer.Exit(1)


@targets.command("add")
def targets_add(
    name: TargetName,
    adapter: Annotated[str, typer.Option(help="What connects to it.")],
    option: Annotated[
        list[str] | None,
        typer.Option(help="An option of the adapter, NAME=VALUE; the value as in TOML, or text."),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            help="An option that is kept elsewhere, NAME=file:PATH or NAME=environment:VARIABLE."
        ),
    ] = None,
    interpreter: Annotated[
        Path | None, typer.Option(help="Python of an environment of its own.", dir_okay=False)
    ] = None,
    data: Data = None,
) -> None:
    """Add a target to the list of targets."""

    async def work(settings: Settings) -> Path:
        return target_list.add(
            settings,
            name,
            adapter,
            options=option or [],
            secrets=secret or [],
            interpreter=interpreter,
        )

    typer.echo(f"target {name} added to {_administer(data, work)}")
    typer.echo(
        f"try it with 'quws targets check {shlex.quote(name)}{data_option(data)}';"
        " 'quws serve' offers it from its next start"
    )


@targets.command("set")
def targets_set(
    name: TargetName,
    status: Annotated[str, typer.Argument(help="online, offline, maintenance or retired.")],
    message: Annotated[str | None, typer.Option(help="Why, for users.")] = None,
    until: Annotated[str | None, typer.Option(help="When it is back, in UTC.")] = None,
    data: Data = None,
) -> None:
    """Take a target out of service until an instant or for good, or open it again (online)."""
    if status not in list(TargetStatus):
        stop(f"the status is one of {', '.join(TargetStatus)}, not '{status}'")
    try:
        instant = None if until is None else parse_instant(until)
    except ValueError as error:
        stop(f"--until: {error}")

    async def set_status(settings: Settings) -> None:
        operator = Caller("operator", operator=True)
        # The bus of `quws serve` is its own: where none is named the workers are not woken.
        async with open_target_service(settings) as service:
            await service.set_status(operator, name, TargetStatus(status), message, instant)

    _administer(data, set_status)
    typer.echo(f"target {name} is {status}")


def _administer(data: Path | None, work: Callable[[Settings], Awaitable[T]]) -> T:
    use(data)
    configure_telemetry("admin")

    async def run() -> T:
        return await work(read_settings())

    try:
        return asyncio.run(run())
    except StoreUnavailable as error:
        stop(trouble(error, read_settings(), data))
    except (Refusal, ConfigError) as error:
        stop(str(error))
