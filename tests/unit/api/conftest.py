from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from in_process import Api, open_api

from quws.store.schema import upgrade


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database that has its schema, to be copied: making one takes long."""
    path = tmp_path_factory.mktemp("schema") / "made.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
async def api(tmp_path: Path, schema: Path) -> AsyncIterator[Api]:
    async with open_api(tmp_path, schema) as opened:
        yield opened


@pytest.fixture
async def http(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client() as client:
        yield client
