"""What the messages of a worker and its child are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

FileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,99}$")]
"""A file in the folder of the job, and nowhere else."""


class MessageFault(Exception):
    """The other side said what nobody understands, or at the wrong time: a fault of ours."""


class Message(BaseModel):
    """What goes over the line to a child, or from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
