"""The HTTP application in the process of a test: real use cases, database and files.

Made up are only what would be processes: Redis, and the children that read circuits.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
from arq.connections import ArqRedis
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from quws.api.app import build_app
from quws.api.kit.auth import AuthSettings
from quws.api.kit.services import Services
from quws.artifacts import ArtifactStore
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language, Register
from quws.domain.clock import utc_now
from quws.domain.drawings import Drawing
from quws.domain.errors import InvalidCircuit, Unavailable
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.domain.policy import Policy
from quws.domain.targets import Feature, TargetDescription, TargetKind
from quws.processes.api import make_services
from quws.processes.backends import Backends, make_backends
from quws.services.checker import CircuitChecker
from quws.store.database import Database

TARGET = TargetDescription(
    name="simulator",
    kind=TargetKind.SIMULATOR,
    title="A simulator",
    qubits=20,
    features=list(Feature),
)
URL = "http://quws.test"


class LoopbackRedis:
    """As much of Redis as the API uses: what is published comes back to who listens."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def publish(self, channel: str, message: str) -> None:
        await self._messages.put({"type": "message", "data": message.encode()})

    async def enqueue_job(self, function: str, *, _queue_name: str) -> None:
        """There is no worker to wake."""

    async def ping(self) -> bool:
        return True

    @asynccontextmanager
    async def pubsub(self, *, ignore_subscribe_messages: bool) -> AsyncIterator[LoopbackRedis]:
        yield self

    async def subscribe(self, channel: str) -> None:
        await self._messages.put({"type": "subscribe"})

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            yield await self._messages.get()


class SimpleChecker(CircuitChecker):
    """Takes whatever begins as OpenQASM does for a circuit on two qubits, and draws nothing."""

    async def check(
        self, circuits: list[str], language: Language | None, limits: CircuitLimits
    ) -> list[CircuitFacts]:
        for index, text in enumerate(circuits):
            if not text.startswith("OPENQASM"):
                raise InvalidCircuit("this is no OpenQASM", line=1, column=1, circuit=index)
        return [
            CircuitFacts(
                language=Language.OPENQASM_2,
                qubits=2,
                clbits=2,
                operations=4,
                depth=3,
                registers=[Register(name="c", size=2, qubits=[0, 1])],
            )
            for _ in circuits
        ]

    async def draw(self, circuit: str, language: Language | None, limits: CircuitLimits) -> Drawing:
        raise Unavailable("nothing is drawn here")


@dataclass
class Api:
    """The application, and what it works on."""

    app: FastAPI
    services: Services
    backends: Backends

    def client(
        self, client: tuple[str, int] | None = ("127.0.0.1", 40_000), **options: Any
    ) -> httpx.AsyncClient:
        """Make a client of it that connects from an address."""
        transport = httpx.ASGITransport(self._served, client=cast("tuple[str, int]", client))
        return httpx.AsyncClient(transport=transport, base_url=URL, **options)

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "state": {"services": self.services}}, receive, send)


@asynccontextmanager
async def open_api(
    folder: Path,
    schema: Path,
    auth: AuthSettings | None = None,
    policy: Policy | None = None,
    public_url: str | None = None,
    specifications: Specifications = SPECIFICATIONS,
) -> AsyncIterator[Api]:
    """Open the application on a copy of an empty SQLite database that has its schema."""
    path = folder / "quws.db"
    shutil.copy(schema, path)
    database = Database(f"sqlite:///{path}")
    artifacts = ArtifactStore((folder / "artifacts").as_uri())
    backends = make_backends(database, cast("ArqRedis", LoopbackRedis()), artifacts)
    services = make_services(
        backends,
        SimpleChecker(),
        policy=policy or Policy(),
        expected=frozenset({TARGET.name}),
        known=[],
        specifications=specifications,
    )
    await backends.targets.register([TARGET], utc_now(), replace=True)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        yield services

    app = build_app(
        opened,
        auth=auth or AuthSettings(),
        public_url=public_url,
        max_body=1_000_000,
        specifications=specifications,
    )
    listening = asyncio.create_task(backends.events.run())
    try:
        yield Api(app, services, backends)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await database.close()
