"""Accounts on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quws.domain.accounts import User
from quws.store.accounts import AccountStore
from quws.store.database import Database

pytestmark = pytest.mark.anyio


async def test_a_name_is_given_once(database: Database) -> None:
    accounts = AccountStore(database)
    ann = User("ann", None, False, datetime(2026, 1, 1, tzinfo=UTC))
    assert await accounts.add_user(ann)
    assert not await accounts.add_user(ann)
    assert [user.name for user in await accounts.users()] == ["ann"]
