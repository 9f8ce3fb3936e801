"""What must hold of the settings before a service listens."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from harness import base_environment, free_port
from typer.testing import CliRunner

from quws.cli.app import app
from quws.main import create_app
from quws.settings import Settings


@pytest.mark.parametrize("command", ["serve", "api"])
@pytest.mark.parametrize(
    "secret", [None, "", "too short", "x" * 201, "sixteen or more with blanks", "é" * 16]
)
def test_a_proxy_that_names_users_has_a_secret(
    tmp_path: Path, command: str, secret: str | None
) -> None:
    env = base_environment({"QUWS_AUTH": "proxy", "QUWS_DATA": str(tmp_path / "data")})
    with socket.create_server(("127.0.0.1", 0)) as other:
        # It would not get far if it began to serve.
        port = other.getsockname()[1] if command == "serve" else free_port()
        found = CliRunner().invoke(
            app, [command, "--port", str(port)], env=env | {"QUWS_PROXY_SECRET": secret}
        )
    assert found.exit_code == 1
    assert found.stderr.startswith("quws: with QUWS_AUTH=proxy, QUWS_PROXY_SECRET must be 16")
    assert found.stderr.count("\n") == 1
    assert not secret or secret not in found.stderr
    assert not (tmp_path / "data").exists(), "nothing was begun"


def test_however_the_application_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUWS_AUTH", "proxy")
    with pytest.raises(ValueError, match="QUWS_PROXY_SECRET must be"):
        create_app(Settings(data=tmp_path))
    monkeypatch.setenv("QUWS_PROXY_SECRET", "x" * 16)
    assert create_app(Settings(data=tmp_path))
    assert "x" * 16 not in repr(Settings(data=tmp_path))


def test_idle_times_of_sessions_that_are_longer_than_the_longest_are_named(tmp_path: Path) -> None:
    env = base_environment({"QUWS_DATA": str(tmp_path)})
    name = "QUWS_POLICY__SESSION_IDLE_SECONDS"
    found = CliRunner().invoke(app, ["serve"], env=env | {name: "999"})
    assert found.exit_code == 1
    assert "SESSION_IDLE_SECONDS must be at most MAX_SESSION_IDLE_SECONDS" in found.stderr
    table = tmp_path / "targets.toml"
    table.write_text("[qpu]\nadapter = 'emulator'\nsessions.idle = 301\n")
    found = CliRunner().invoke(app, ["serve"], env=env)
    assert found.exit_code == 1
    assert found.stderr == (
        f"quws: {table}, table [qpu], key 'sessions': 'idle' must be at most the longest idle time,"
        " which is 300, not 301; 'longest_idle' sets another\n"
    )
    table.write_text("[qpu]\nadapter = 'emulator'\nsessions = { idle = 301, longest_idle = 400 }\n")
    assert Settings(data=tmp_path).target_configs()[0].sessions is not None


@pytest.mark.parametrize("method", ["none", "users"])
def test_where_no_proxy_names_users_there_need_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setenv("QUWS_AUTH", method)
    assert Settings(data=tmp_path).resolved_proxy_secret() == ""
