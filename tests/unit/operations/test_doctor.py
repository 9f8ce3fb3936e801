"""What the doctor says of a disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from quws.operations import doctor
from quws.operations.doctor import Level


@pytest.mark.parametrize(
    ("free", "level", "advice"),
    [
        (2 << 30, Level.OK, ""),
        (1 << 29, Level.WARNING, "make room: jobs fail when it is full"),
        (999, Level.FAULT, "make room, or lower QUWS_MIN_FREE_SPACE: no new jobs are taken"),
    ],
)
def test_a_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: int, level: Level, advice: str
) -> None:
    disk = doctor.shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: disk)
    found = doctor._room("artifacts", tmp_path, 1000)
    assert (found.part, found.level, found.advice) == ("artifacts", level, advice)
    assert f"{free / (1 << 30):.1f} GiB free" in found.text
