"""The ``quws`` command. Each command imports what it needs and nothing else."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup
from typing_extensions import override

from quws.cli.stop import stop


class _Commands(TyperGroup):
    """The commands. ``submit``, whose options are the parameters of jobs, is made when called."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), "submit"]

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name != "submit":
            return super().get_command(ctx, cmd_name)
        from quws.cli.submit import make_submit

        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command("submit")(make_submit())
        return typer.main.get_command(alone)


app = typer.Typer(
    cls=_Commands,
    help="quws: a UWS 1.1 job service for quantum circuits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
db = typer.Typer(help="The database schema.", no_args_is_help=True)
app.add_typer(db, name="db")
user = typer.Typer(help="Accounts (QUWS_AUTH=users).", no_args_is_help=True)
app.add_typer(user, name="user")
token = typer.Typer(help="Bearer tokens of accounts.", no_args_is_help=True)
app.add_typer(token, name="token")
targets = typer.Typer(help="The targets that run circuits.", no_args_is_help=True)
app.add_typer(targets, name="targets")

admin = typer.Typer(help="What an operator may want to know.", no_args_is_help=True)
app.add_typer(admin, name="admin")

T = TypeVar("T")
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)]
Anonymous = Annotated[
    bool,
    typer.Option(help="Allow other machines in although nobody has to sign in."),
]


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    data: Annotated[
        Path | None, typer.Option(help="Folder for everything that is kept.", file_okay=False)
    ] = None,
    allow_anonymous: Anonymous = False,
) -> None:
    """Run everything on this machine: API, workers, periodic task and a private Valkey."""
    from quws.processes.serve import Supervisor
    from quws.targets import ConfigError

    _refuse_public(host, allow_anonymous=allow_anonymous)
    _use(data)
    try:
        supervisor = Supervisor(_settings(), host, port)
    except ConfigError as error:
        stop(str(error))
    raise typer.Exit(supervisor.run())


@app.command()
def api(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    allow_anonymous: Anonymous = False,
) -> None:
    """Run the HTTP service alone. Any number of these may share a database and a Redis."""
    import asyncio

    from quws.main import create_app
    from quws.processes.api import run_server
    from quws.processes.backends import check_database
    from quws.processes.runtime import configure_telemetry
    from quws.store.database import StoreUnavailable

    _refuse_public(host, allow_anonymous=allow_anonymous)
    configure_telemetry("api")
    _die_with_parent()
    try:
        settings = _settings()
        # Here, since the server would wrap the sentence into a traceback.
        asyncio.run(check_database(settings))
        service = create_app(settings)
    except (StoreUnavailable, ValueError) as error:
        stop(str(error))
    run_server(service, host, port)


@app.command()
def worker(
    target: Annotated[str, typer.Option(help="The target whose jobs it runs.")] = "simulator",
    sole: Annotated[
        bool,
        typer.Option(
            help="There is no other worker for this target: jobs that are executing now were lost."
        ),
    ] = False,
) -> None:
    """Run the jobs of one target. Any number of these may share a database and a Redis."""
    from quws.processes.worker import worker as run_worker

    _run(run_worker, target, sole=sole)


@app.command()
def sweeper() -> None:
    """Run the periodic task: destruction, execution duration, lost workers."""
    from quws.processes.sweeper import sweeper as run_sweeper

    _run(run_sweeper)


@app.command()
def health(
    ready: Annotated[
        bool, typer.Option(help="Ask whether it can work, not only whether it lives.")
    ] = False,
    host: Annotated[
        str, typer.Option(help="Where the process is.", envvar="QUWS_MONITOR_HOST")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Its port for monitoring.", envvar="QUWS_MONITOR_PORT")
    ] = 0,
) -> None:
    """Ask a running process on this machine how it is; the exit status says it."""
    import urllib.error
    import urllib.request

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


@db.command()
def upgrade() -> None:
    """Make the schema, or bring it to the one of this version."""
    _migrate(lambda schema, url: schema.upgrade(url))


@db.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision of the earlier release.")],
) -> None:
    """Take the schema back to an earlier revision. Stop all processes and make a backup first."""
    _migrate(lambda schema, url: schema.downgrade(url, revision))


@db.command()
def check() -> None:
    """Tell whether the schema is the one of this version."""
    import asyncio

    from quws.store.database import (
        Database,
        StoreUnavailable,
    )

    async def look() -> None:
        database = Database(_settings().resolved_database_url())
        try:
            await database.check()
        finally:
            await database.close()

    try:
        asyncio.run(look())
    except StoreUnavailable as error:
        stop(str(error))
    typer.echo("the schema is up to date")


def _migrate(work: Callable[[Any, str], None]) -> None:
    from quws.store import schema
    from quws.store.database import StoreUnavailable

    try:
        work(schema, _settings().resolved_database_url())
    except StoreUnavailable as error:
        stop(str(error))


Data = Annotated[
    Path | None, typer.Option(help="The data folder of 'quws serve'.", file_okay=False)
]
Name = Annotated[str, typer.Argument(help="The user's name.")]
PasswordStdin = Annotated[
    bool, typer.Option(help="Read the password from standard input, not from the terminal.")
]


@user.command("add")
def user_add(
    name: Name,
    operator: Annotated[bool, typer.Option(help="May see and change all jobs.")] = False,
    no_password: Annotated[bool, typer.Option(help="Signs in with tokens only.")] = False,
    password_stdin: PasswordStdin = False,
    data: Data = None,
) -> None:
    """Add a user."""
    password = None if no_password else _password(from_stdin=password_stdin)
    _with_accounts(data, lambda accounts: accounts.add(name, password, operator=operator))
    typer.echo(f"user {name} added")


@user.command("password")
def user_password(name: Name, password_stdin: PasswordStdin = False, data: Data = None) -> None:
    """Give a user another password."""
    password = _password(from_stdin=password_stdin)
    _with_accounts(data, lambda accounts: accounts.set_password(name, password))


@user.command("remove")
def user_remove(name: Name, data: Data = None) -> None:
    """Remove a user and the user's tokens; jobs stay until their destruction."""
    _with_accounts(data, lambda accounts: accounts.remove(name))


@user.command("list")
def user_list(data: Data = None) -> None:
    """List the users."""
    for found in _with_accounts(data, lambda accounts: accounts.users()):
        typer.echo(f"{found.name}{' (operator)' if found.operator else ''}")


@token.command("create")
def token_create(
    name: Name,
    label: Annotated[str, typer.Option(help="What the token is for.")] = "token",
    days: Annotated[float | None, typer.Option(help="How long it is valid.")] = None,
    data: Data = None,
) -> None:
    """Make a token and print it; it is not shown again."""
    typer.echo(_with_accounts(data, lambda accounts: accounts.create_token(name, label, days)))


@token.command("list")
def token_list(name: Name, data: Data = None) -> None:
    """List a user's tokens."""
    for found in _with_accounts(data, lambda accounts: accounts.tokens(name)):
        until = "for ever" if found.expires is None else f"until {found.expires:%Y-%m-%d}"
        typer.echo(f"{found.name}, valid {until}")


@token.command("revoke")
def token_revoke(
    name: Name,
    label: Annotated[str, typer.Argument(help="What the token is for.")],
    data: Data = None,
) -> None:
    """Revoke a user's tokens of this label."""
    _with_accounts(data, lambda accounts: accounts.revoke(name, label))


TargetName = Annotated[str, typer.Argument(help="The target's name.")]


@targets.command("list")
def targets_list(data: Data = None) -> None:
    """List the targets: what they are, and how they fare."""
    from quws.operations import target_list as targets_admin

    typer.echo(_administer(data, targets_admin.listing))


@targets.command("check")
def targets_check(
    name: TargetName,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer positions and shots.")] = False,
    data: Data = None,
) -> None:
    """Run the conformance circuits on a target, and keep what they find.

    A device that can do one thing at a time must have no worker meanwhile.
    """
    from quws.operations import target_list as targets_admin

    report, trouble = _administer(
        data,
        lambda settings: targets_admin.check(settings, settings.target_config(name), quick=quick),
    )
    typer.echo(targets_admin.printed(report))
    if trouble is not None:
        typer.echo(f"quws: the result could not be kept: {trouble}", err=True)
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
    from quws.operations import target_list as targets_admin

    async def work(settings: Any) -> Path:
        return targets_admin.add(
            settings,
            name,
            adapter,
            options=option or [],
            secrets=secret or [],
            interpreter=interpreter,
        )

    typer.echo(f"target {name} added to {_administer(data, work)}")
    typer.echo(
        f"try it with 'quws targets check {name}'; 'quws serve' offers it from its next start"
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
    from quws.domain.caller import Caller
    from quws.domain.targets import TargetStatus
    from quws.domain.times import parse_instant
    from quws.processes.backends import make_target_service, open_backends

    if status not in list(TargetStatus):
        stop(f"the status is one of {', '.join(TargetStatus)}, not '{status}'")
    try:
        instant = None if until is None else parse_instant(until)
    except ValueError as error:
        stop(f"--until: {error}")

    async def set_status(settings: Any) -> None:
        operator = Caller("operator", operator=True)
        async with open_backends(settings) as backends:
            service = make_target_service(backends)
            await service.set_status(operator, name, TargetStatus(status), message, instant)

    _administer(data, set_status)
    typer.echo(f"target {name} is {status}")


def _administer(data: Path | None, work: Callable[[Any], Awaitable[T]]) -> T:
    import asyncio

    from quws.domain.errors import Refusal
    from quws.processes.runtime import configure_telemetry
    from quws.targets import ConfigError

    _use(data)
    configure_telemetry("admin")

    async def run() -> T:
        return await work(_settings())

    try:
        return asyncio.run(run())
    except (Refusal, ConfigError) as error:
        stop(str(error))


@admin.command("due")
def admin_due(data: Data = None) -> None:
    """List what the periodic task would do now, and change nothing."""
    from quws.artifacts import ArtifactStore, ArtifactStoreUnavailable
    from quws.services.sweeps import due
    from quws.store.jobs import JobStore

    try:
        found = _with_database(
            data,
            lambda database, settings: due(
                JobStore(database),
                ArtifactStore(settings.resolved_artifacts_url()),
                settings.orphan_age,
            ),
        )
    except ArtifactStoreUnavailable as error:
        stop(str(error))
    archive = _settings().policy.keep_history
    for jobs, what in (
        (found.overrun, "abort: its execution duration is over"),
        (found.lost, "requeue or give up: its worker is gone"),
        (found.destruction, "archive" if archive else "destroy"),
    ):
        for job in jobs:
            typer.echo(f"job {job.id} ({job.phase}, target {job.target}): {what}")
    for prefix in found.garbage:
        typer.echo(f"files of {prefix}: delete, their job or attempt is gone")
    for owner in found.orphans:
        typer.echo(f"files of {owner}: delete, there is no such job")
    if not any((found.overrun, found.lost, found.destruction, found.garbage, found.orphans)):
        typer.echo("nothing is due")


@app.command()
def doctor(data: Data = None) -> None:
    """Look at everything that quws needs, with the settings of this shell, and say what to do."""
    import asyncio

    from quws.operations.doctor import Doctor, Level

    _use(data)

    async def examine() -> bool:
        sound = True
        async for finding in Doctor(_settings()).examine():
            sound = sound and finding.level is not Level.FAULT
            typer.echo(f"{finding.level:9}{finding.part:11}{finding.text}")
            if finding.advice:
                typer.echo(f"{'':20}-> {finding.advice}")
        return sound

    if not asyncio.run(examine()):
        raise typer.Exit(1)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder for the copy.")], data: Data = None
) -> None:
    """Copy SQLite and artifacts, while the service runs or not."""
    from quws.operations.backup import CannotBackUp, back_up

    _use(data)
    try:
        count = back_up(_settings(), folder)
    except CannotBackUp as error:
        stop(str(error))
    typer.echo(f"{folder} holds the database and {count} files")


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="What 'quws backup' has made.")],
    data: Data = None,
) -> None:
    """Make a data folder from a backup; jobs that ran then will run again."""
    from quws.operations.backup import CannotBackUp
    from quws.operations.backup import restore as restore_to

    _use(data)
    try:
        note = restore_to(_settings(), folder)
    except CannotBackUp as error:
        stop(str(error))
    typer.echo(f"restored what quws {note['quws']} held at {note['made']}")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _with_accounts(data: Path | None, work: Callable[[Any], Awaitable[T]]) -> T:
    from quws.domain.errors import Refusal
    from quws.services.accounts import AccountService
    from quws.store.accounts import AccountStore

    try:
        return _with_database(
            data, lambda database, _: work(AccountService(AccountStore(database)))
        )
    except Refusal as refusal:
        stop(refusal.sentence)


def _with_database(data: Path | None, work: Callable[[Any, Any], Awaitable[T]]) -> T:
    import asyncio

    from quws.store.database import (
        Database,
        StoreUnavailable,
    )

    _use(data)
    settings = _settings()

    async def run() -> T:
        database = Database(settings.resolved_database_url())
        try:
            await database.check()
            return await work(database, settings)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except StoreUnavailable as error:
        stop(str(error))


def _use(data: Path | None) -> None:
    if data is not None:
        os.environ["QUWS_DATA"] = str(data.absolute())


def _settings() -> Any:
    from pydantic import ValidationError

    from quws.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "QUWS_" + "__".join(str(part) for part in first["loc"]).upper()
        stop(f"{name}: {first['msg']}")


def _run(process: Any, *args: Any, **kwargs: Any) -> None:
    import asyncio

    from quws.processes.runtime import configure_telemetry
    from quws.store.database import StoreUnavailable
    from quws.telemetry import tracing

    configure_telemetry(process.__name__)
    _die_with_parent()
    try:
        asyncio.run(process(_settings(), *args, **kwargs))
    except (StoreUnavailable, ValueError) as error:
        stop(str(error))
    finally:
        tracing.shutdown()


def _die_with_parent() -> None:
    parent = os.environ.pop("QUWS_SUPERVISOR", None)
    if parent is not None:
        from quws.sandbox.confine import die_with_parent

        die_with_parent(int(parent))


def _refuse_public(host: str, *, allow_anonymous: bool) -> None:
    if allow_anonymous or host == "localhost" or _settings().auth != "none":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        stop(
            f"on {host} other machines can reach the service, and nobody has to sign in; set"
            " QUWS_AUTH to users or proxy, or add --allow-anonymous if that is meant"
        )
