"""``quws api``."""

from __future__ import annotations

import asyncio

from quws.cli.configuration import read_settings, refuse_public
from quws.cli.options import Anonymous, Host, Port, stop
from quws.cli.running import die_with_supervisor
from quws.main import create_app
from quws.processes.api import run_server
from quws.processes.backends import check_database
from quws.processes.runtime import configure_telemetry
from quws.store.database import StoreUnavailable


def api(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    allow_anonymous: Anonymous = False,
) -> None:
    """Run the HTTP service alone. Any number of these may share a database and a Redis."""
    refuse_public(host, allow_anonymous=allow_anonymous)
    configure_telemetry("api")
    die_with_supervisor()
    try:
        settings = read_settings()
        # Here, since the server would wrap the sentence into a traceback.
        asyncio.run(check_database(settings))
        known = {"allowed_hosts": [*settings.allowed_hosts, host]}
        service = create_app(settings.model_copy(update=known))
    except (StoreUnavailable, ValueError) as error:
        stop(str(error))
    run_server(service, host, port)
