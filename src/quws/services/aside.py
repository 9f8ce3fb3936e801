"""What could not be seen to, and is left alone for a while so that the rest is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import structlog

from quws.domain.errors import Unavailable
from quws.telemetry import metrics

_AGAIN_SECONDS = 60.0
_AWAY_SECONDS = 5.0
_MOST = 10_000
_log = structlog.get_logger(__name__)


class Aside:
    """Remembers what sweeps have failed at: one job's fault must not keep the others waiting."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}

    def of(self, sweep: str) -> list[str]:
        """Return what a sweep is to leave alone at present."""
        now = monotonic()
        self._until = {key: until for key, until in self._until.items() if until > now}
        return [name for kind, name in self._until if kind == sweep]

    @contextmanager
    def guard(self, sweep: str, name: str) -> Iterator[None]:
        """See to one thing in the block. If that fails it is reported, and set aside for a minute.

        Raises
        ------
        Unavailable
            What all need is away, or busy with this one: it is set aside for a moment, so that
            the next sweep begins with another.

        """
        try:
            yield
        except Unavailable:
            self._put(sweep, name, _AWAY_SECONDS)
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it is about this one alone
            self._put(sweep, name, _AGAIN_SECONDS)
            metrics.sweep_failed(sweep)
            _log.exception("set aside", sweep=sweep, item=name, seconds=_AGAIN_SECONDS)

    def _put(self, sweep: str, name: str, seconds: float) -> None:
        # A statement can carry only so many names.
        if len(self._until) < _MOST:
            self._until[sweep, name] = monotonic() + seconds
