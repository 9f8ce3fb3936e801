"""``quws submit``, whose options are the parameters of a job, and ``quws rerun``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from quws.cli.asking import asking
from quws.cli.options import HOME, Token, Url, stop
from quws.client import Client, Job
from quws.domain.kinds import JobKind
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Kind, Shown, Specification, Specifications

_TYPES: dict[Kind, type] = {Kind.INTEGER: int, Kind.NUMBER: float, Kind.FLAG: bool}


def make_submit(specifications: Specifications = SPECIFICATIONS) -> Callable[..., None]:
    """Make the command, with an option for each parameter."""

    def submit(
        file: Annotated[Path, typer.Argument(help="The circuit; - for standard input.")],
        *,
        url: Url = HOME,
        token: Token = None,
        **parameters: Any,
    ) -> None:
        """Run a circuit and print what came out."""
        with asking(url, token, specifications) as client:
            _submit(client, file, parameters)

    # Typer reads what a command takes off its signature.
    own = inspect.signature(submit, eval_str=True)
    file, *others, _ = own.parameters.values()
    taken = [file, *map(_option, _offered(specifications)), *others]
    submit.__signature__ = own.replace(parameters=taken)  # type: ignore[attr-defined]
    submit.__annotations__ = {item.name: item.annotation for item in taken}
    return submit


def _submit(client: Client, file: Path, parameters: dict[str, Any]) -> None:
    try:
        circuit = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        stop(f"{file} cannot be read: {error.strerror}")
    try:
        job = client.submit(circuit, **parameters)
    except UnicodeDecodeError as error:
        stop(f"{file} is neither UTF-8 text, QPY nor QIR: byte {error.start} is not")
    _show(job)


def rerun(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    *,
    url: Url = HOME,
    token: Token = None,
) -> None:
    """Run a job anew, as it was sent, and print what came out."""
    with asking(url, token) as client:
        _show(client.job(job).rerun())


def _show(job: Job) -> None:
    """Wait for a job, and print what came out."""
    typer.echo(job.url, err=True)
    outcomes = job.wait().outcomes()
    circuits = outcomes.circuits
    for found in circuits:
        if found.missing is not None:
            typer.echo(f"circuit {found.index} {found.missing}", err=True)
            continue
        if len(circuits) > 1:
            typer.echo(f"circuit {found.index}:")
        for outcome, count in found.counts.items():
            typer.echo(f"{outcome} {count}")
        for item in found.expectations or []:
            typer.echo(f"{item.observable}: {item.value} ± {item.error}")
        if outcomes.kind is JobKind.COMPILE:
            typer.echo(job.result(f"circuit-{found.index}").decode())
    if any(found.missing is not None for found in circuits):
        raise typer.Exit(1)


def _offered(specifications: Specifications) -> list[Specification]:
    """Leave out what the command says by itself: the circuit, and that it shall run."""
    return [item for item in specifications if item.shown not in (Shown.CIRCUITS, Shown.NOTHING)]


def _option(item: Specification) -> inspect.Parameter:
    kind: Any = _TYPES.get(item.kind, str)
    option = typer.Option(f"--{item.keyword.replace('_', '-')}", help=item.help)
    # What is None is not sent: then the service decides.
    optional: Any = (list[kind] if item.repeatable else kind) | None
    annotation: Any = Annotated[optional, option]
    return inspect.Parameter(
        item.keyword, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


submit = make_submit()
