"""How the time of a target is shared among those who want it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

_WHOLE = 1000


class Share(BaseModel):
    """How much of a target a user gets beside others, or the members of a group together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(gt=0, le=1000)
    members: tuple[str, ...] = ()
    """Of a group, whose members divide the share evenly; none for a user of this name."""


@dataclass(frozen=True, slots=True)
class Fairness:
    """Shares of users and groups, and how long it is remembered who had how much.

    ``memory_seconds`` is the most by which somebody who had much of a target is put behind.
    """

    shares: Mapping[str, Share] = field(default_factory=dict)
    hours: int = 24
    memory_seconds: int = 3600

    def weight(self, owner: str | None) -> int:
        """Return an owner's share in thousandths of that of somebody who has none of his own.

        Whoever is in several groups has the largest.
        """
        found = []
        for name, item in self.shares.items():
            if item.members and owner in item.members:
                found.append(item.share / len(item.members))
            elif not item.members and name == owner:
                found.append(item.share)
        return max(1, round(_WHOLE * max(found, default=1.0)))


EQUAL = Fairness()
"""All have the same share."""
