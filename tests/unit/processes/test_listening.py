"""Whether a process can listen where it is to."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import run
from harness import base_environment

from quws.processes.listening import CannotListen, ensure_listenable


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::"])
def taken(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of another program, which listens on this address, or on all."""
    host: str = request.param
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::") as other:
        yield other.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_port_in_use_is_said(taken: int, host: str) -> None:
    with pytest.raises(CannotListen) as caught:
        ensure_listenable(host, taken)
    assert str(caught.value) == (
        f"port {taken} of {host} is in use by another program; end that one, or give --port"
        " another number"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"])
def test_a_port_that_was_in_use_can_be_used(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = other.accept()
            # Who closes first is left with the remains of the connection.
            accepted.close()
            client.recv(1)
    ensure_listenable(host, port)
    ensure_listenable(host, port)


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_an_address_that_is_not_here_is_said(host: str) -> None:
    with pytest.raises(CannotListen, match=f"{host}.*; give --host"):
        ensure_listenable(host, 8000)


@pytest.mark.parametrize("command", ["serve", "api"])
def test_nothing_starts_where_another_listens(command: str, tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]
        environment = base_environment({"QUWS_DATA": str(tmp_path)})
        done = run(environment, command, "--port", str(port))
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"quws: port {port} of 127.0.0.1 is in use")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] in ([], ["serve.lock"])
