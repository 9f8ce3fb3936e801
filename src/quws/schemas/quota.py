"""What somebody may have, and has, as JSON."""

from __future__ import annotations

from pydantic import BaseModel, Field

from quws.domain.quotas import Limit
from quws.schemas.instant import Instant


class LimitJson(BaseModel):
    """One limit. Of a single job (``job_shots``) nothing is used."""

    limit: Limit
    group: str | None = Field(description="The group that has it together; null: the owner alone.")
    most: int
    used: int | None
    left: int | None
    frees: Instant | None = Field(
        description="When all of it is free again, if that is a matter of time."
    )
    meaning: str


class QuotaJson(BaseModel):
    """What an owner may have, and has. What is not listed is not limited."""

    owner: str = Field(description="Whose quotas these are; empty for who has no name.")
    limits: list[LimitJson]
