"""What a service keeps is for its user alone: circuits, results, and the hashes of passwords."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from quws.domain.job import is_job_id
from quws.settings import Settings

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_KEPT = (
    *("quws.db", "serve.lock", "targets.toml", "artifacts", "scratch", "valkey"),
    *("health", "quws-worker-"),
)
"""With what the names begin of all that quws keeps in folders which an operator names; what
belongs to a job has its id."""


def keep_private(settings: Settings) -> list[str]:
    """Keep others from the files that this process and its children make, and that are there.

    Returns a sentence for each place that stays open to others.
    """
    os.umask(_OTHERS)
    data = settings.data.absolute()
    found = [_mend(place, ours=data in place.parents) for place in _places(settings)]
    return [told for told in found if told is not None]


def _places(settings: Settings) -> Iterator[Path]:
    # What is below a folder that nobody else can enter is private, whatever its own mode.
    yield settings.data.absolute()
    yield settings.data.absolute() / "valkey"
    yield settings.resolved_scratch()
    artifacts = urlsplit(settings.resolved_artifacts_url())
    if artifacts.scheme == "file":
        yield Path(unquote(artifacts.path))
    database = settings.resolved_database_url()
    if database.startswith("sqlite:///"):
        for end in ("", "-wal", "-shm"):
            yield Path(database.removeprefix("sqlite:///") + end)


def _mend(place: Path, *, ours: bool) -> str | None:
    try:
        mode = stat.S_IMODE(place.stat().st_mode)
        if not mode & _OTHERS:
            return None
        if place.is_dir() and not ours and _has_others(place):
            return (
                f"others can look into {place} (mode {mode:o}), where not only quws keeps files;"
                " give it a folder of its own"
            )
        place.chmod(mode & ~_OTHERS)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"others can look into {place}, and that cannot be changed: {error}"
    return None


def _has_others(folder: Path) -> bool:
    """Whether there is something in a folder that quws has not put there.

    Then others may need it: somebody has named ``/tmp`` or ``/srv``.
    """
    with os.scandir(folder) as entries:
        return any(not (item.name.startswith(_KEPT) or is_job_id(item.name)) for item in entries)
