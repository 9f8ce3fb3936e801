"""What these clients send to make a job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from quws.api.doors.ibm.gates import is_enough
from quws.api.doors.ibm.job import METADATA
from quws.domain.compiling import Optimization
from quws.domain.errors import InvalidParameter
from quws.domain.parameters.posted import Posted
from quws.domain.targets import Feature, TargetDescription

_USUAL_LEVEL = "WARNING"
"""What these clients send where nobody has chosen."""


class JobRequest(BaseModel):
    """A job that is asked for; fields that are not known here make no difference."""

    program_id: str
    backend: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    cost: int | None = Field(None, ge=0)
    """How many seconds it may run."""
    session_id: str | None = None
    private: bool = False
    runtime: str | None = None
    calibration_id: str | None = None
    log_level: str | None = None

    def parameters(self, target: TargetDescription) -> list[Posted]:
        """Return what a job of UWS is told of this, beside what its params say.

        Raises
        ------
        InvalidParameter
            A tag is empty.

        """
        if "" in self.tags:
            raise InvalidParameter("tags must be texts of 1 to 200 characters", parameter="tags")
        kept: dict[str, Any] = {"program": self.program_id}
        if self.private:
            kept["private"] = True
        single = {
            "TARGET": target.name,
            "METADATA": json.dumps({METADATA: kept}),
            "PHASE": "RUN",
        }
        if Feature.COMPILING in target.features and is_enough(target.native_gates):
            # Its gates were put where they are by the client's own compiler.
            single["OPTIMIZATION"] = Optimization.LIGHTEST
        if self.cost:
            single["EXECUTIONDURATION"] = str(self.cost)
        if self.session_id:
            single["SESSION"] = self.session_id
        found = [Posted("TAG", tag.encode()) for tag in dict.fromkeys(self.tags)]
        return found + [Posted(name, value.encode()) for name, value in single.items()]

    def without_effect(self) -> Sequence[str]:
        """Say what was asked for and makes no difference here."""
        found = []
        if self.runtime:
            found.append("runtime has no effect: there are no images to choose from")
        if self.log_level not in (None, _USUAL_LEVEL):
            found.append("log_level has no effect: logs are the timeline of a job")
        return found


class Tags(BaseModel):
    """The tags that a job shall have."""

    tags: list[str]
