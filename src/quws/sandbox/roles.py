"""What a child does with its requests, and how it talks while it does."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from time import monotonic

from quws.sandbox import confine, lines
from quws.sandbox.control import RoleConfig
from quws.sandbox.leftovers import Leftovers, reseed
from quws.sandbox.messages import FromChild, MessageFault, Ready, ToChild

_MOST_WAITING = 200
"""Messages that wait for the next one: they are held in memory."""


class ParentGone(BaseException):
    """The worker has gone, and so must its child. No fault that anything could handle."""


class Connection:
    """The line to the worker, as a child sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self._line = connection
        self._file = connection.makefile("rb")
        self._waiting: list[FromChild] = []
        self._since = 0.0
        """From when on the first message waits."""

    def send(self, message: FromChild) -> None:
        """Send one message.

        Raises
        ------
        ParentGone

        """
        self.send_soon(message)
        self.tell()

    def send_soon(self, message: FromChild) -> None:
        """Send one message with the next: each that comes alone wakes the worker.

        Raises
        ------
        ParentGone

        """
        if not self._waiting:
            self._since = monotonic()
        self._waiting.append(message)
        if len(self._waiting) > _MOST_WAITING:
            self.tell()

    def tell(self) -> None:
        """Send all that waits.

        Raises
        ------
        ParentGone

        """
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        try:
            self._line.sendall(lines.encode_all(waiting))
        except (BrokenPipeError, ConnectionResetError):
            raise ParentGone from None

    def send_within(self, seconds: float, message: FromChild) -> None:
        """Send one message, and all that wait, once the first of them waits for some seconds.

        For who is sure to say more by then.

        Raises
        ------
        ParentGone

        """
        self.send_soon(message)
        if self._waiting and monotonic() - self._since >= seconds:
            self.tell()

    def receive(self) -> ToChild | None:
        """Wait for one message; None when the worker has gone.

        Raises
        ------
        MessageFault
            It is none that anybody knows.

        """
        try:
            line = self._file.readline()
        except ConnectionResetError:
            return None
        return lines.decode_to_child(line) if line.endswith(b"\n") else None


class Role(ABC):
    """What the children of one zygote are for."""

    network = False
    """Whether they may open connections."""
    processes = False
    """Whether they may start programs."""
    apart = False
    """Whether they never see the texts of circuits: others read these, and give them on as data."""
    files: Sequence[Path] = ()
    """What they may read besides the libraries."""
    reusable = False
    """Whether one may serve several requests, all of one owner."""
    most = confine.Most()
    """What any request may have at most."""

    @abstractmethod
    def load(self) -> None:
        """Import what the children need, in the zygote. Must not start a thread."""

    @abstractmethod
    def warm(self) -> None:
        """Prepare in the child, once, before there is a request."""

    @abstractmethod
    def handle(self, request: ToChild, connection: Connection) -> bool:
        """Do what the request says and answer it.

        Returns
        -------
        bool
            Whether all went as it should, so that the process may take another request: not
            where memory was short, a limit was met or a library has failed.

        Raises
        ------
        MessageFault
            The request is not one for this role.

        """

    def serve(self, connection: socket.socket) -> None:
        """Live a child's life: get ready, take requests, answer each.

        It is over after the first one where the role is not ``reusable``, and after one that has
        left something behind.
        """
        line = Connection(connection)
        self.warm()
        reseed()
        confine.cap(self.most)
        leftovers = None
        if self.reusable:
            if self.processes:
                # What outlives its parent is found.
                confine.adopt_orphans()
            leftovers = Leftovers()
        while True:
            line.send(Ready())
            request = line.receive()
            if request is None or not self.handle(request, line):
                return
            if leftovers is None:
                return
            confine.relax()
            if not leftovers.clear():
                return


def make_role(config: RoleConfig) -> Role:
    """Make the role that a zygote's parent asks for, and import no other.

    So this room need not know who runs in it.
    """
    module, _, name = config.role.partition(":")
    role: Role = getattr(import_module(module), name)(**config.options)
    return role


def unexpected(message: ToChild | FromChild) -> MessageFault:
    """Return the fault of a message that comes where it has no meaning."""
    return MessageFault(f"a message at the wrong time: {message.kind}")
