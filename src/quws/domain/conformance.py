"""What the conformance circuits of a target found, and whether it may be offered."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class ConformanceRule(StrEnum):
    """When a target has to pass the conformance circuits."""

    AUTOMATIC = "automatic"
    """Its worker runs them by itself, before its first job and whenever the target has changed."""
    REQUIRED = "required"
    """An operator runs them, since they take time or cost money on it."""
    NONE = "none"
    """It need not pass: whoever is at the other side has seen to that."""


class Verdict(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """The target does not claim what it is about."""


class ConformanceCheck(BaseModel):
    """One check: what it is about, and what is wrong or why it was skipped."""

    model_config = ConfigDict(frozen=True)

    name: str
    title: str
    outcome: Verdict
    message: str | None = None


class ConformanceReport(BaseModel):
    """What came out of all checks. ``fingerprint`` is that of the description that was checked."""

    model_config = ConfigDict(frozen=True)

    target: str
    time: datetime
    fingerprint: str
    quick: bool
    seconds: float
    checks: list[ConformanceCheck]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not any(item.outcome is Verdict.FAILED for item in self.checks)

    @property
    def summary(self) -> str:
        """Say it in one sentence."""
        failed = [item for item in self.checks if item.outcome is Verdict.FAILED]
        if failed:
            return f"{failed[0].title}: {failed[0].message}"
        passed = sum(item.outcome is Verdict.PASSED for item in self.checks)
        return f"{passed} of {len(self.checks)} checks passed, the others do not apply"
