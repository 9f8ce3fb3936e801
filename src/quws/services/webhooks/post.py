"""One message, sent to where it may go: the address that is looked at is the one that is used."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import httpcore
from typing_extensions import override

from quws.domain.webhooks import ANSWER_SECONDS, Network, NotReached, may_be_reached

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


async def resolve(host: str, port: int) -> Sequence[str]:
    """Look a name up, and return its addresses.

    Raises
    ------
    NotReached
        It has none.

    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotReached("its name cannot be looked up") from None
    return list(dict.fromkeys(str(item[4][0]) for item in found))


class _Network(httpcore.AsyncNetworkBackend):
    """Connects to addresses that are allowed, whatever a name stands for when it is looked up."""

    def __init__(self, allowed: Iterable[Network], resolver: Resolver) -> None:
        self._allowed = tuple(allowed)
        self._resolver = resolver
        self._inner = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._resolver(host, port)
        if not addresses or not all(may_be_reached(item, self._allowed) for item in addresses):
            raise NotReached("its address is private, or otherwise not allowed")
        for address in addresses[:-1]:
            try:
                return await self._connect(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._connect(addresses[-1], port, timeout, local_address, socket_options)

    async def _connect(self, address: str, port: int, *more: Any) -> httpcore.AsyncNetworkStream:
        # No name is looked up any more.
        return await self._inner.connect_tcp(address, port, *more)

    @override
    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise NotReached("it is no address")

    @override
    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class Poster:
    """Sends messages. It follows no redirects, reads no answers, and knows no proxy.

    Parameters
    ----------
    allowed
        Networks that are not public, and to which messages may go all the same.

    """

    def __init__(
        self,
        allowed: Iterable[Network] = (),
        resolver: Resolver = resolve,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._seconds = seconds
        self._pool = httpcore.AsyncConnectionPool(
            network_backend=_Network(allowed, resolver),
            max_connections=None,
            max_keepalive_connections=0,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a message and return the status of the answer.

        Raises
        ------
        NotReached
            There is none.

        """
        try:
            async with asyncio.timeout(self._seconds):
                async with self._pool.stream(
                    "POST", url, headers=list(headers.items()), content=body
                ) as answer:
                    return answer.status
        except TimeoutError:
            raise NotReached(f"it did not answer within {self._seconds:g} seconds") from None
        except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as error:
            # Of the error itself nothing is told: it may name what is inside of a network.
            kind = "no sound certificate" if "CERTIFICATE" in str(error) else "no connection"
            raise NotReached(f"there is {kind}") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
            raise NotReached("the connection broke") from None
