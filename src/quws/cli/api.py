"""``quws api``."""

from __future__ import annotations

from quws.cli.options import Anonymous, Grpc, Host, Port, stop, use_grpc
from quws.processes.listening import CannotListen, ensure_listenable


def api(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    grpc: Grpc = None,
    allow_anonymous: Anonymous = False,
) -> None:
    """Run the HTTP service alone. Any number of these may share a database and a Redis."""
    use_grpc(grpc)
    try:
        ensure_listenable(host, port)
    except CannotListen as error:
        stop(str(error))
    # What takes seconds to load comes after what takes none to say.
    from quws.cli.serving import serve_api  # noqa: PLC0415

    serve_api(host, port, allow_anonymous=allow_anonymous)
