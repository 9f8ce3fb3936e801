"""What jobs are called, as JSON; and what is done with many of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from quws.domain.phases import Phase
from quws.schemas.instant import Instant


class LabelsJson(BaseModel):
    """What a job is called."""

    name: str | None
    run_id: str | None
    tags: list[str]
    metadata: dict[str, Any]


class RelabelJson(BaseModel):
    """What shall change of it. What is left out stays; null takes away what there is."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    run_id: str | None = None
    tags: list[str] | None = Field(None, description="All tags that there shall be.")
    add_tags: list[str] | None = None
    remove_tags: list[str] | None = None
    metadata: dict[str, Any] | None = Field(None, description="In the place of what there is.")


ActionName = Literal["RUN", "ABORT", "DELETE", "LABEL"]


class ActionJson(RelabelJson):
    """What is to be done with all jobs that a filter leaves; LABEL changes their labels."""

    action: ActionName


class SelectionJson(BaseModel):
    """How many jobs a filter leaves now. Send ``before`` along to mean these and no later ones."""

    jobs: int
    phases: dict[Phase, int]
    actions: dict[ActionName, int] = Field(description="With how many of them each can be done.")
    before: Instant


class DoneJson(BaseModel):
    """What has been done with the jobs of a filter."""

    action: ActionName
    done: int
    held: int = Field(description="RUN: whose owners have as many jobs as they may have.")
    left: int = Field(description="Those that could not be run or aborted.")
    complete: bool = Field(description="Whether that was all; else the same request goes on.")
    why: str | None = Field(description="Why some are held or left, in words.")
