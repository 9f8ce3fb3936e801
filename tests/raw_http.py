"""HTTP with next to no work for the client, for loads: what asks shall not be what is measured."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: *([^\r]+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass
class Answer:
    status: int
    location: str
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def form(**fields: Any) -> bytes:
    """Write a form; made once, it can be sent many times."""
    return urlencode(fields, doseq=True).encode()


class Connection:
    """One connection to a service, which is kept; opened anew where it was closed."""

    def __init__(self, url: str, authorization: str = "", seconds: float = 70) -> None:
        parts = urlsplit(url)
        self._peer = (parts.hostname or "", parts.port or 80)
        self._seconds = seconds
        self._head = f"Host: {parts.netloc}\r\nAccept: application/json\r\n"
        if authorization:
            self._head += f"Authorization: {authorization}\r\n"
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def get(self, url: str, accept: str = "") -> Answer:
        return self._ask("GET", url, f"Accept: {accept}\r\n" if accept else "", b"")

    def post(self, url: str, body: bytes) -> Answer:
        kind = "Content-Type: application/x-www-form-urlencoded\r\n"
        return self._ask("POST", url, f"{kind}Content-Length: {len(body)}\r\n", body)

    def _ask(self, method: str, url: str, more: str, body: bytes) -> Answer:
        """Ask, and return the answer.

        Raises
        ------
        OSError
            There was none, or it broke off.

        """
        if url.startswith("http"):
            parts = urlsplit(url)
            url = f"{parts.path}?{parts.query}" if parts.query else parts.path
        head = self._head
        if more.startswith("Accept:"):
            head = head.replace("Accept: application/json\r\n", "")
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._peer, self._seconds)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(f"{method} {url} HTTP/1.1\r\n{head}{more}\r\n".encode() + body)
            return self._answer(self._socket)
        except OSError:
            self.close()
            raise

    def _answer(self, connection: socket.socket) -> Answer:
        data = b""
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += _more(connection)
        head, body = data[: end + 2], data[end + 4 :]
        if _CHUNKED.search(head):
            body = _unchunked(connection, body)
        else:
            length = _LENGTH.search(head)
            parts, missing = [body], (int(length[1]) if length else 0) - len(body)
            while missing > 0:
                parts.append(_more(connection))
                missing -= len(parts[-1])
            body = b"".join(parts)
        if _CLOSE.search(head):
            self.close()
        location = _LOCATION.search(head)
        return Answer(int(head[9:12]), location[1].decode() if location else "", body)


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 20)
    if not data:
        raise ConnectionError("the answer broke off")
    return data


def _unchunked(connection: socket.socket, data: bytes) -> bytes:
    parts: list[bytes] = []
    while True:
        while (end := data.find(b"\r\n")) < 0:
            data += _more(connection)
        size = int(data[:end], 16)
        missing = end + 2 + size + 2 - len(data)
        more = [data]
        while missing > 0:
            more.append(_more(connection))
            missing -= len(more[-1])
        data = b"".join(more)
        if size == 0:
            return b"".join(parts)
        parts.append(data[end + 2 : end + 2 + size])
        data = data[end + 2 + size + 2 :]
