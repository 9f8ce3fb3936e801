"""Whether a process can listen where it is to: asked before anything that takes time."""

from __future__ import annotations

import errno
import os
import socket


class CannotListen(Exception):
    """With a sentence that says why, and what to do."""


def ensure_listenable(host: str, port: int, option: str = "--port") -> None:
    """Make sure that a process of this user can listen on an address.

    ``option`` is that which gives another port.

    Raises
    ------
    CannotListen
        Another process listens there, or on all addresses of this machine; or nobody can.

    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as trial:
                # As servers do: what is left of closed connections is not in their way.
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                trial.bind(address)
    except socket.gaierror:
        raise CannotListen(
            f"there is no address '{host}'; give --host an address of this machine"
        ) from None
    except OSError as error:
        raise CannotListen(_sentence(error, host, port, option)) from None


def _sentence(error: OSError, host: str, port: int, option: str) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"port {port} of {host} is in use by another program; end that one, or give"
                f" {option} another number"
            )
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine; give --host one that is"
        case errno.EACCES:
            return f"this user may not listen on port {port}; give {option} a number above 1023"
        case number:
            reason = os.strerror(number) if number else str(error)
            return f"port {port} of {host} cannot be listened on: {reason}"
