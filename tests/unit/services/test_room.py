"""Whether there is room for new jobs on the disks."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from time import monotonic

import pytest

from quws.domain.errors import StorageFull
from quws.services import room as module
from quws.services.room import DiskRoom

pytestmark = pytest.mark.anyio
HUGE = 1 << 60
Disk = namedtuple("Disk", ["free"])


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How much is free where, for the test to set; what is not there cannot be looked at."""
    found: dict[str, int] = {}

    def look(folder: Path) -> Disk:
        if folder.name not in found:
            raise FileNotFoundError
        found["looks"] = found.get("looks", 0) + 1
        return Disk(found[folder.name])

    monkeypatch.setattr(module, "disk_usage", look)
    return found


async def test_a_real_disk_has_room_for_little_and_none_for_everything(tmp_path: Path) -> None:
    await DiskRoom([tmp_path], 1).check()
    with pytest.raises(StorageFull):
        await DiskRoom([tmp_path], HUGE).check()


async def test_the_fullest_disk_counts_and_the_sentence_says_how_full_it_is(
    free: dict[str, int],
) -> None:
    free |= {"data": 500, "artifacts": 99}
    room = DiskRoom([Path("data"), Path("artifacts"), Path("gone")], 100)
    with pytest.raises(StorageFull) as caught:
        await room.check()
    assert "99 bytes are free, and new jobs are taken while 100 are" in caught.value.sentence
    assert caught.value.code == "insufficient_storage"
    free["artifacts"] = 100
    await DiskRoom([Path("data"), Path("artifacts")], 100).check()


async def test_disks_are_looked_at_once_in_some_seconds(
    free: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    free["data"] = 500
    room = DiskRoom([Path("data")], 100)
    for _ in range(20):
        await room.check()
    assert free["looks"] == 1
    free["data"] = 5
    await room.check()
    monkeypatch.setattr(module, "monotonic", lambda: monotonic() + 3)
    for _ in range(20):
        with pytest.raises(StorageFull):
            await room.check()
    assert free["looks"] == 2


@pytest.mark.parametrize(
    "room", [DiskRoom(), DiskRoom([], HUGE), DiskRoom([Path("data")]), DiskRoom([Path("/no")], 5)]
)
async def test_where_nothing_is_asked_or_known_there_is_room(
    room: DiskRoom, free: dict[str, int]
) -> None:
    free["data"] = 0
    await room.check()
