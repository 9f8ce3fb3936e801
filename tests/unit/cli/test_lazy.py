"""The list of commands is light, and says of each what the command says of itself."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer.main

from quws.cli.app import app
from quws.cli.lazy import load_all

LISTED = typer.main.get_command(app).commands  # type: ignore[attr-defined]
LOADED = load_all(app).commands
# What a command that only lists, asks or sends must not wait for.
HEAVY = ("astropy", "fastapi", "pydantic_settings", "qiskit", "sqlalchemy", "numpy")


@pytest.mark.parametrize("name", LISTED)
def test_the_list_says_what_the_command_says_of_itself(name: str) -> None:
    assert LOADED[name].name == name
    assert LOADED[name].help.split("\n\n")[0].replace("\n", " ") == LISTED[name].help


@pytest.mark.parametrize("arguments", [["--help"], ["health", "--help"], ["nonsense"]])
def test_nothing_heavy_is_loaded_to_say_what_there_is(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "quws", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = {line.rsplit("|", 1)[-1].strip().partition(".")[0] for line in done.stderr.split("\n")}
    assert "typer" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_a_client_loads_nothing_of_the_server() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "quws", "submit", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "quws.client" in done.stderr
    for room in ("api", "services", "store", "worker", "sandbox", "targets"):
        assert f"quws.{room}" not in done.stderr
