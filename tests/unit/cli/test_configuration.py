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


@pytest.mark.parametrize("method", ["none", "users"])
def test_where_no_proxy_names_users_there_need_be_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setenv("QUWS_AUTH", method)
    assert Settings(data=tmp_path).resolved_proxy_secret() == ""
