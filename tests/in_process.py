"""The HTTP application in the process of a test: real use cases, database and files.

Made up are only the bus and whoever reads circuits, which would be processes.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
from answers import remember
from fastapi import FastAPI
from house import DESCRIPTION, Hints, LocalHub, ToldFacts
from starlette.types import Receive, Scope, Send

from quws.api.app import build_app
from quws.api.kit.auth import AuthSettings
from quws.api.kit.services import Services
from quws.artifacts import ArtifactStore
from quws.bus.announcer import Announcer
from quws.domain.clock import utc_now
from quws.domain.doors import DoorName
from quws.domain.parameters.shipped import SPECIFICATIONS
from quws.domain.parameters.specification import Specifications
from quws.domain.policy import Policy
from quws.domain.quotas import NO_RULES, QuotaRules
from quws.processes.api import make_services
from quws.processes.backends import Backends
from quws.services.room import DiskRoom
from quws.services.signing import Signer
from quws.store.database import Database
from quws.store.jobs.store import JobStore
from quws.store.targets import TargetStore

HOST = "quws.test"
URL = f"http://{HOST}"


async def _remember(answer: httpx.Response) -> None:
    remember(answer)


@dataclass
class Api:
    """The application, and what it works on."""

    app: FastAPI
    services: Services
    backends: Backends
    hub: LocalHub

    def client(
        self, client: tuple[str, int] | None = ("127.0.0.1", 40_000), **options: Any
    ) -> httpx.AsyncClient:
        """Make a client of it that connects from an address."""
        transport = httpx.ASGITransport(self._served, client=cast("tuple[str, int]", client))
        hooks = {"response": [_remember]}
        return httpx.AsyncClient(transport=transport, base_url=URL, event_hooks=hooks, **options)

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
    allowed_hosts: Sequence[str] = (HOST,),
    room: DiskRoom | None = None,
    doors: Sequence[DoorName] = tuple(DoorName),
    rules: QuotaRules = NO_RULES,
) -> AsyncIterator[Api]:
    """Open the application on a copy of an empty SQLite database that has its schema."""
    path = folder / "quws.db"
    shutil.copy(schema, path)
    database = Database(f"sqlite:///{path}")
    hub, hints = LocalHub(), Hints()
    backends = Backends(
        database=database,
        jobs=JobStore(database),
        targets=TargetStore(database),
        artifacts=ArtifactStore((folder / "artifacts").as_uri()),
        dispatcher=hints,
        events=hub,
        announcer=Announcer(hints, hub),
    )
    services = make_services(
        backends,
        ToldFacts(),
        policy=policy or Policy(),
        expected=frozenset({DESCRIPTION.name}),
        known=[],
        specifications=specifications,
        room=room,
        rules=rules,
        signer=Signer(folder / "signing.key"),
    )
    await backends.targets.register([DESCRIPTION], utc_now(), replace=True)

    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        yield services

    app = build_app(
        opened,
        auth=auth or AuthSettings(),
        public_url=public_url,
        max_body=1_000_000,
        allowed_hosts=allowed_hosts,
        specifications=specifications,
        doors=doors,
    )
    try:
        yield Api(app, services, backends, hub)
    finally:
        await database.close()
