"""An error as JSON: ``application/problem+json`` of RFC 9457."""

from __future__ import annotations

from pydantic import BaseModel, Field

from quws.schemas.instant import Instant

PROBLEM_TYPE = "application/problem+json"


class Problem(BaseModel):
    """An error, as RFC 9457 has it. What was not set is not written."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = Field(description="One sentence that says what is wrong.")
    code: str = Field(description="Stable, for programs.")
    parameter: str | None = Field(default=None, description="The parameter that is meant.")
    circuit: int | None = Field(default=None, description="The index of the circuit in its batch.")
    line: int | None = Field(default=None, description="Where in the circuit, from 1.")
    column: int | None = Field(default=None, description="Where in the line, from 1.")
    limit: str | None = Field(default=None, description="Which quota is used up.")
    group: str | None = Field(default=None, description="The group whose quota that is.")
    most: int | None = Field(default=None, description="How much of it there is.")
    used: int | None = Field(default=None, description="How much of it is used.")
    frees: Instant | None = Field(
        default=None, description="When all of it is free again, if that is a matter of time."
    )
    reference: str | None = Field(
        default=None, description="Under what the service's log has more of a fault."
    )
