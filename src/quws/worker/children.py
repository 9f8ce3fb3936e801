"""The processes of a target, made of its entry in the list of targets."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from quws.sandbox.pool import ChildPool
from quws.targets import TargetConfig
from quws.worker.reading import Readers

_ROLE = "quws.runner.run:RunRole"
_READ_ROLE = "quws.runner.read:ReadRole"


def children_of(
    config: TargetConfig,
    scratch: Callable[[], Path],
    *,
    spares: int,
    leash_seconds: float | None = None,
    file_bytes: int | None = None,
) -> ChildPool:
    """Return the children of a target, in the environment that it names.

    Parameters
    ----------
    scratch
        Tells where their folders are made.
    file_bytes
        How large the largest file is that a job may write; None for any.

    Raises
    ------
    ConfigError
        A secret cannot be read.

    """
    return ChildPool(
        _ROLE,
        {"target": config.revealed().model_dump(mode="json"), "file_bytes": file_bytes},
        name=config.name,
        spares=spares,
        interpreter=str(config.interpreter or sys.executable),
        leash_seconds=leash_seconds,
        scratch=scratch,
    )


def readers_of(
    config: TargetConfig, scratch: Callable[[], Path], *, leash_seconds: float | None = None
) -> Readers:
    """Return who reads for the children of a target, should these be such that must not read.

    They are in this environment, and know nothing of the target but its name.
    """
    return Readers(
        ChildPool(
            _READ_ROLE, name=config.name, spares=1, leash_seconds=leash_seconds, scratch=scratch
        )
    )
