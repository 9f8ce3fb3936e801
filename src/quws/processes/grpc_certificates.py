"""The certificate of the gRPC services, read again when it is renewed."""

from __future__ import annotations

from typing import Any

import grpc
import structlog

from quws.processes.grpc_place import GrpcPlace, UnusableCertificate, read_certificate

_log = structlog.get_logger(__name__)


def credentials_of(place: GrpcPlace) -> Any:
    """Return what makes TLS of a server; connections that come later have a renewed certificate."""
    assert place.certificate is not None and place.key is not None
    return grpc.dynamic_ssl_server_credentials(_configured(place), Renewal(place))


class Renewal:
    """Tells of a renewed certificate; called for each new connection, by a thread of the library.

    One that cannot be used is told to the log once, and the one of before stays.
    """

    def __init__(self, place: GrpcPlace) -> None:
        self._seen = place
        self._refused: str | None = None

    def __call__(self) -> Any:
        """Return a new configuration; None where nothing has changed."""
        seen = self._seen
        assert seen.certificate_file is not None and seen.key_file is not None
        try:
            found = read_certificate(seen.host, seen.port, seen.certificate_file, seen.key_file)
        except UnusableCertificate as error:
            if str(error) != self._refused:
                self._refused = str(error)
                _log.error("renewed certificate of gRPC cannot be used", error=self._refused)
            return None
        self._refused = None
        if found == seen:
            return None
        self._seen = found
        _log.info("certificate of gRPC is renewed")
        return _configured(found)


def _configured(place: GrpcPlace) -> Any:
    return grpc.ssl_server_certificate_configuration([(place.key, place.certificate)])
