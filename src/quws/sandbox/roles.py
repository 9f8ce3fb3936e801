"""What a child does with its one request: check circuits, or run a job."""

from __future__ import annotations

import json
import socket
from abc import ABC, abstractmethod
from importlib import import_module
from typing import Any


class Connection:
    """One JSON object per line, both ways."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rwb")

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self._file.write(json.dumps(message).encode() + b"\n")
        self._file.flush()

    def receive(self) -> dict[str, Any] | None:
        """Wait for one message; None when the other side is gone."""
        line = self._file.readline()
        return json.loads(line) if line else None


class Role(ABC):
    """What the children of one zygote are for."""

    network = False
    """Whether they may open connections."""

    @abstractmethod
    def load(self) -> None:
        """Import what the children need, in the zygote. Must not start a thread."""

    @abstractmethod
    def warm(self) -> None:
        """Prepare in the child, before there is a request."""

    @abstractmethod
    def handle(self, request: dict[str, Any], connection: Connection) -> None:
        """Do what the request says and answer it."""

    def serve(self, connection: socket.socket) -> None:
        """Live a child's life: get ready, take one request, answer it."""
        line = Connection(connection)
        self.warm()
        line.send({"ready": True})
        request = line.receive()
        if request is not None:
            self.handle(request, line)


def make_role(config: dict[str, Any]) -> Role:
    """Make the role that a zygote's parent asks for, and import no other.

    ``config["role"]`` is ``"module:Class"``, and ``config["options"]`` what the class takes by
    keyword: so this room need not know who runs in it.
    """
    module, _, name = config["role"].partition(":")
    role: Role = getattr(import_module(module), name)(**config["options"])
    return role
