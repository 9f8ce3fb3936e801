"""``quws user`` and ``quws token``: accounts, and the tokens that stand for them."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from quws.cli.database import with_database
from quws.cli.options import Data, stop
from quws.domain.errors import Refusal
from quws.services.accounts import AccountService
from quws.store.accounts import AccountStore

user = typer.Typer(help="Accounts (QUWS_AUTH=users).", no_args_is_help=True)
token = typer.Typer(help="Bearer tokens of accounts.", no_args_is_help=True)

T = TypeVar("T")
Name = Annotated[str, typer.Argument(help="The user's name.")]
PasswordStdin = Annotated[
    bool,
    typer.Option(
        "--password-stdin", help="Read the password from standard input, not from the terminal."
    ),
]


@user.command("add")
def user_add(
    name: Name,
    operator: Annotated[
        bool, typer.Option("--operator", help="May see and change all jobs.")
    ] = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Signs in with tokens only.")
    ] = False,
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="Gets the jobs that an earlier user of this name has left."),
    ] = False,
    password_stdin: PasswordStdin = False,
    data: Data = None,
) -> None:
    """Add a user."""
    password = None if no_password else _password(from_stdin=password_stdin)
    _with_accounts(
        data, lambda accounts: accounts.add(name, password, operator=operator, adopt=adopt)
    )
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


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _with_accounts(data: Path | None, work: Callable[[AccountService], Awaitable[T]]) -> T:
    try:
        return with_database(data, lambda database, _: work(AccountService(AccountStore(database))))
    except Refusal as refusal:
        stop(refusal.sentence)
