"""Databases of many tests that share what SQLAlchemy learns about their kind.

Each test opens a database of its own, and would look anew what its server can do and compile
every statement anew: that takes longer than most tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from quws.store import postgres, sqlite

_FIRST: dict[str, Engine] = {}
"""One of each kind that has been connected."""
_COMPILED: dict[Any, Any] = {}


@contextmanager
def compiled_once() -> Iterator[None]:
    """Let the databases that are opened meanwhile share their dialect and their statements."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "create_engine", _sharing(create_engine))
        patch.setattr(postgres, "create_async_engine", _sharing(create_async_engine))
        yield


def _sharing(create: Any) -> Any:
    @wraps(create)
    def created(*given: Any, **options: Any) -> Any:
        made = create(*given, **options)
        _share(getattr(made, "sync_engine", made))
        return made

    return created


def _share(engine: Engine) -> None:
    first = _FIRST.setdefault(engine.dialect.name, engine)
    if first.dialect.default_schema_name is None:  # It was never connected, and knows nothing.
        _FIRST[engine.dialect.name] = engine
        return
    # What its pool does with a new connection, it does; only to ask the server is left out.
    engine.dialect.initialize = lambda connection: None  # type: ignore[method-assign]
    engine.dialect = first.dialect
    engine.update_execution_options(compiled_cache=_COMPILED)
