"""Where the gRPC services are served, and with what: known before anything of gRPC is loaded."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from quws.settings import Settings

_NEEDED = ("grpc", "grpc_health", "grpc_reflection", "google.protobuf")


class UnusableCertificate(ValueError):
    """A certificate and its key are not what they must be; the sentence says why."""


@dataclass(frozen=True, slots=True)
class GrpcPlace:
    """An address for gRPC; with a certificate and its key, PEM both, it is TLS."""

    host: str
    port: int
    certificate: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    certificate_file: Path | None = None
    """Where the certificate was read, and is when it is renewed."""
    key_file: Path | None = None

    @property
    def address(self) -> str:
        """The address as the library takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def grpc_place(settings: Settings, host: str) -> GrpcPlace | None:
    """Return where the gRPC services are to be served; None where they are not.

    Raises
    ------
    ValueError
        They cannot be, with a sentence that says why.

    """
    if not settings.grpc_port:
        return None
    if not _installed():
        raise ValueError(
            "QUWS_GRPC_PORT needs what the extra 'grpc' brings: pip install 'quws[grpc]'"
        )
    certificate, key = settings.grpc_certificate, settings.grpc_key
    if certificate is None and key is None:
        return GrpcPlace(host, settings.grpc_port)
    if certificate is None or key is None:
        raise ValueError(
            "TLS of gRPC needs both QUWS_GRPC_CERTIFICATE and QUWS_GRPC_KEY, and only one is set"
        )
    return read_certificate(host, settings.grpc_port, certificate, key)


def read_certificate(host: str, port: int, certificate: Path, key: Path) -> GrpcPlace:
    """Return an address with a certificate and its key.

    Raises
    ------
    UnusableCertificate

    """
    try:
        # Else a wrong one would be found by the first client.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, _no_password)
        chain, secret = certificate.read_bytes(), key.read_bytes()
    except OSError as error:
        raise UnusableCertificate(
            f"QUWS_GRPC_CERTIFICATE and QUWS_GRPC_KEY, {certificate} and {key}: {_reason(error)}"
        ) from None
    return GrpcPlace(host, port, chain, secret, certificate, key)


def _installed() -> bool:
    try:
        return all(find_spec(name) is not None for name in _NEEDED)
    except ModuleNotFoundError:
        return False


def _no_password() -> str:
    """Answer for a key that is locked, so that nobody is asked at a terminal."""
    return ""


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (
            "they must be PEM, the certificate first and then those that it was signed by, and a"
            " key of it without a password"
        )
    return str(error.strerror or error)
