"""The HTTP service as a process of its own, which loads all of it."""

from __future__ import annotations

import asyncio

from quws.cli.configuration import read_settings, refuse_public
from quws.cli.options import stop
from quws.cli.running import die_with_supervisor
from quws.main import create_app
from quws.processes.allocator import give_back_large_blocks
from quws.processes.api import run_server
from quws.processes.backends import check_database
from quws.processes.grpc_place import grpc_place
from quws.processes.listening import CannotListen, ensure_listenable
from quws.processes.runtime import configure_telemetry
from quws.store.database import StoreUnavailable


def serve_api(host: str, port: int, *, allow_anonymous: bool) -> None:
    """Serve until told to stop; a fault of settings or database is one sentence."""
    refuse_public(host, allow_anonymous=allow_anonymous)
    give_back_large_blocks()
    configure_telemetry("api")
    die_with_supervisor()
    try:
        settings = read_settings()
        place = grpc_place(settings, host)
        if place is not None:
            ensure_listenable(host, place.port, "--grpc")
        # Here, since the server would wrap the sentence into a traceback.
        asyncio.run(check_database(settings))
        known = {"allowed_hosts": [*settings.allowed_hosts, host]}
        service = create_app(settings.model_copy(update=known), grpc=place)
    except (StoreUnavailable, CannotListen, ValueError) as error:
        stop(str(error))
    run_server(service, host, port, settings.max_connections)
