"""Where the gRPC services are served, before anything of gRPC is loaded."""

from __future__ import annotations

import ast
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import write_certificate
from commands import run
from harness import base_environment, free_port

import quws
from quws.processes import grpc_place as module
from quws.processes.grpc_place import GrpcPlace, grpc_place
from quws.settings import Settings


def test_without_a_port_there_is_none(tmp_path: Path) -> None:
    assert grpc_place(Settings(data=tmp_path), "127.0.0.1") is None


def test_a_port_is_at_the_address_of_http(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, grpc_port=50051)
    place = grpc_place(settings, "::1")
    assert place == GrpcPlace("::1", 50051)
    assert place is not None and place.address == "[::1]:50051"


def test_with_a_certificate_it_is_tls(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    settings = Settings(data=tmp_path, grpc_port=1, grpc_certificate=certificate, grpc_key=key)
    place = grpc_place(settings, "localhost")
    assert place is not None
    assert (place.certificate, place.key) == (certificate.read_bytes(), key.read_bytes())
    assert "PRIVATE" not in repr(place)


@pytest.mark.parametrize(
    ("certificate", "key", "sentence"),
    [
        ("certificate.pem", None, "needs both QUWS_GRPC_CERTIFICATE and QUWS_GRPC_KEY"),
        (None, "key.pem", "needs both QUWS_GRPC_CERTIFICATE and QUWS_GRPC_KEY"),
        ("nothing.pem", "key.pem", "No such file or directory"),
        ("key.pem", "key.pem", "they must be PEM, the certificate first"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path, certificate: str | None, key: str | None, sentence: str
) -> None:
    write_certificate(tmp_path)
    found = {
        name: None if value is None else tmp_path / value
        for name, value in (("grpc_certificate", certificate), ("grpc_key", key))
    }
    with pytest.raises(ValueError, match=sentence):
        grpc_place(Settings(data=tmp_path, grpc_port=1, **found), "localhost")


def test_who_lacks_the_extra_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_NEEDED", ("grpc", "nothing.of_the_kind"))
    with pytest.raises(ValueError, match=r"pip install 'quws\[grpc\]'"):
        grpc_place(Settings(data=tmp_path, grpc_port=1), "localhost")


@pytest.mark.parametrize("command", ["serve", "api"])
def test_nothing_starts_where_another_listens(command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        environment = base_environment({"QUWS_DATA": str(tmp_path), "QUWS_REDIS_URL": "redis://x"})
        if command == "api":
            run(environment, "db", "upgrade")
        done = run(environment, command, "--port", str(free_port()), "--grpc", str(port))
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"quws: port {port} of 127.0.0.1 is in use by another program; end that one, or give --grpc"
        " another number"
    )


def test_grpc_is_loaded_only_where_it_is_served() -> None:
    """What is imported at the head of a module is loaded with it."""
    source = Path(quws.__file__).parent
    heads = {
        str(path.relative_to(source)): {
            name
            for item in ast.parse(path.read_text()).body
            for name in (
                [alias.name for alias in item.names]
                if isinstance(item, ast.Import)
                else [item.module or ""]
                if isinstance(item, ast.ImportFrom)
                else []
            )
        }
        for path in source.rglob("*.py")
    }
    heavy = (
        *("grpc", "google.protobuf", "quws.api.doors.iqm_grpc"),
        *("quws.processes.grpc_server", "quws.processes.grpc_certificates"),
    )
    loading = {name for name, imported in heads.items() if any(_below(imported, heavy))}
    assert "processes/grpc_server.py" in loading
    others = {name for name in loading if not name.startswith("api/doors/iqm_grpc/")}
    assert others == {"processes/grpc_server.py", "processes/grpc_certificates.py"}


def _below(names: set[str], packages: tuple[str, ...]) -> Iterator[bool]:
    return (f"{name}.".startswith(f"{package}.") for name in names for package in packages)
