"""The ``quws`` command: which commands there are, and where each is found."""

from __future__ import annotations

import typer

from quws.cli.lazy import LazyCommand, LazyGroup


class _Commands(LazyGroup):
    lazy = (
        LazyCommand(
            "serve",
            "quws.cli.serve:serve",
            "Run everything on this machine: API, workers, periodic task and a private Valkey.",
        ),
        LazyCommand(
            "api",
            "quws.cli.api:api",
            "Run the HTTP service alone. Any number of these may share a database and a Redis.",
        ),
        LazyCommand(
            "worker",
            "quws.cli.worker:worker",
            "Run the jobs of one target. Any number of these may share a database and a Redis.",
        ),
        LazyCommand(
            "sweeper",
            "quws.cli.sweeper:sweeper",
            "Run the periodic task: destruction, execution duration, lost workers.",
        ),
        LazyCommand(
            "health",
            "quws.cli.health:health",
            "Ask a running process on this machine how it is; the exit status says it.",
        ),
        LazyCommand(
            "doctor",
            "quws.cli.doctor:doctor",
            "Look at everything that quws needs, with the settings of this shell, and say what to"
            " do.",
        ),
        LazyCommand(
            "backup",
            "quws.cli.backup:backup",
            "Copy SQLite and artifacts, while the service runs or not.",
        ),
        LazyCommand(
            "restore",
            "quws.cli.backup:restore",
            "Make a data folder from a backup; jobs that ran then will run again.",
        ),
        LazyCommand(
            "submit",
            "quws.cli.jobs:submit",
            "Run a circuit and print what came out.",
        ),
        LazyCommand(
            "rerun",
            "quws.cli.jobs:rerun",
            "Run a job anew, as it was sent, and print what came out.",
        ),
        LazyCommand(
            "result",
            "quws.cli.results:result",
            "Download a result of a job, in any format that it can be had in.",
        ),
        LazyCommand(
            "bundle",
            "quws.cli.results:bundle",
            "Download all of a job that is over: what it takes to repeat the experiment.",
        ),
        LazyCommand(
            "provenance",
            "quws.cli.results:provenance",
            "Download where the results of a job come from, by W3C PROV.",
        ),
        LazyCommand(
            "record",
            "quws.cli.results:record",
            "Download the signed record of a job that is over.",
        ),
        LazyCommand(
            "verify",
            "quws.cli.verify:verify",
            "Check a signed record, or a bundle with its record, without the service.",
        ),
        LazyCommand(
            "jobs",
            "quws.cli.selection:jobs",
            "List, run, abort, delete and label all jobs that fit a filter.",
        ),
        LazyCommand("webhooks", "quws.cli.webhooks:webhooks", "Have URLs told of one's jobs."),
        LazyCommand(
            "circuits",
            "quws.cli.circuits:circuits",
            "List the circuits of a job, or abort some of them.",
        ),
        LazyCommand(
            "quota", "quws.cli.quota:quota", "Show what you may have of a service, and have."
        ),
        LazyCommand(
            "timeslots",
            "quws.cli.timeslots:timeslots",
            "List, book and cancel the times for which targets are booked.",
        ),
        LazyCommand(
            "sessions",
            "quws.cli.sessions:sessions",
            "List, open, close and cancel sessions: jobs that run back to back.",
        ),
        LazyCommand("db", "quws.cli.db:db", "The database schema."),
        LazyCommand("user", "quws.cli.accounts:user", "Accounts (QUWS_AUTH=users)."),
        LazyCommand("token", "quws.cli.accounts:token", "Bearer tokens of accounts."),
        LazyCommand("targets", "quws.cli.targets:targets", "The targets that run circuits."),
        LazyCommand("admin", "quws.cli.admin:admin", "What an operator may want to know."),
    )


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(help="quws: a UWS 1.1 job service for quantum circuits.")
def _quws() -> None:
    pass
