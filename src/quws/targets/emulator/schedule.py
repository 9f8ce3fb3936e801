"""When an emulated device is there, and when it calibrates itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from quws.domain.targets import TargetState, TargetStatus

EVERY_SECONDS = 3600.0
"""How often a device calibrates itself that has no window for it: beside its work, then."""


class Window(BaseModel):
    """A time in which the device takes no work: once, or again and again.

    ``from`` and ``until`` say when it is, or ``every`` (seconds), ``lasts``
    (seconds) and ``offset`` (seconds since 1970) how often.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    status: TargetStatus = TargetStatus.OFFLINE
    message: str | None = None
    begin: datetime | None = Field(None, alias="from")
    until: datetime | None = None
    every: float | None = Field(None, gt=0)
    lasts: float | None = Field(None, gt=0)
    offset: float = 0.0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        once = self.begin is not None and self.until is not None
        again = self.every is not None and self.lasts is not None
        if once == again:
            raise ValueError("a window has either from and until, or every and lasts")
        if self.status in (TargetStatus.ONLINE, TargetStatus.RETIRED):
            raise ValueError("status is offline, maintenance or calibrating")
        if again and self.lasts >= self.every:  # type: ignore[operator]
            raise ValueError("lasts must be shorter than every")
        return self

    def end(self, now: datetime) -> datetime | None:
        """Return when the window ends that is open now; None if it is not."""
        if self.every is None or self.lasts is None:
            assert self.begin is not None and self.until is not None
            return _aware(self.until) if _aware(self.begin) <= now < _aware(self.until) else None
        into = (now.timestamp() - self.offset) % self.every
        return now + timedelta(seconds=self.lasts - into) if into < self.lasts else None


class Schedule:
    """All windows of a device.

    Raises
    ------
    ValueError
        One of them is malformed.

    """

    def __init__(self, windows: list[dict[str, Any]]) -> None:
        self._windows = []
        for number, window in enumerate(windows):
            try:
                self._windows.append(Window.model_validate(window))
            except ValidationError as error:
                first = error.errors(include_url=False, include_context=False)[0]
                key = "".join(f".{part}" for part in first["loc"])
                message = str(first["msg"]).removeprefix("Value error, ")
                raise ValueError(f"schedule, window {number}{key}: {message}") from None

    def state(self, now: datetime) -> TargetState:
        """Return whether the device takes work, and until when it does not."""
        for window in self._windows:
            end = window.end(now)
            if end is not None:
                return TargetState(status=window.status, message=window.message, until=end)
        return TargetState()

    def calibration(self, now: datetime) -> tuple[int, float]:
        """Return the number of the last calibration, and when it was (seconds since 1970)."""
        every, ready = EVERY_SECONDS, 0.0
        for window in self._windows:
            if window.status is TargetStatus.CALIBRATING and window.every and window.lasts:
                every, ready = window.every, window.offset + window.lasts
                break
        number = int((now.timestamp() - ready) // every)
        return number, ready + number * every


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
