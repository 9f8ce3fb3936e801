"""The gRPC services in the process of the API, beside HTTP and over the same use cases."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import structlog
from grpc_health.v1 import health
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from quws.api.doors.iqm_grpc.health import Health
from quws.api.doors.iqm_grpc.services import NAMES, handlers
from quws.api.kit.auth import AuthSettings
from quws.api.kit.services import Services
from quws.processes.grpc_certificates import credentials_of
from quws.processes.grpc_place import GrpcPlace

_ENVELOPE = 64 * 1024
"""What a message has besides what is in it."""
_MOST_CALLS, _MOST_OF_CONNECTION = 1000, 250
"""How many calls are served at once, and how many of one connection; streams among them."""
_STOP_SECONDS = 8.0
"""How long calls may go on when the process is about to end: less than HTTP has."""
_OPTIONS = {
    # Clients look every five seconds whether they are still connected, though nothing happens. A
    # server that counts that as too much ends the connection, and the subscription in it.
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.min_recv_ping_interval_without_data_ms": 4000,
    "grpc.http2.max_ping_strikes": 0,
    # And who has gone away without a word is found.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.max_concurrent_streams": _MOST_OF_CONNECTION,
    # Two processes on one port would be two services by turns.
    "grpc.so_reuseport": 0,
}
_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def grpc_served(
    services: Services, place: GrpcPlace, auth: AuthSettings, max_body: int
) -> AsyncIterator[int]:
    """Serve the gRPC services while the block lasts, or until the process is about to end.

    Parameters
    ----------
    max_body
        The largest payload in bytes.

    Yields
    ------
    int
        The port, which the system chooses where it is to be 0.

    Raises
    ------
    RuntimeError
        The address cannot be listened on.

    """
    options = _OPTIONS | {"grpc.max_receive_message_length": max_body + _ENVELOPE}
    server = grpc.aio.server(options=[*options.items()], maximum_concurrent_rpcs=_MOST_CALLS)
    for handler in handlers(services, auth):
        server.add_generic_rpc_handlers((handler,))
    closing = services.jobs.follower.closing
    add_HealthServicer_to_server(Health(services.health, closing), server)
    reflection.enable_server_reflection(
        (*NAMES, health.SERVICE_NAME, reflection.SERVICE_NAME), server
    )
    if place.certificate is None:
        port = server.add_insecure_port(place.address)
    else:
        port = server.add_secure_port(place.address, credentials_of(place))
    await server.start()
    _log.info("gRPC is served", port=port, tls=place.certificate is not None)

    async def stop() -> None:
        # As soon as the process is about to end, while HTTP does the same.
        await closing.wait()
        await server.stop(_STOP_SECONDS)

    stopping = asyncio.create_task(stop())
    try:
        yield port
    finally:
        services.jobs.follower.stop_waiting()
        await stopping
