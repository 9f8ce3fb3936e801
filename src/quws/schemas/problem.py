"""An error as JSON: ``application/problem+json`` of RFC 9457."""

from __future__ import annotations

from pydantic import BaseModel, Field

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
    reference: str | None = Field(
        default=None, description="Under what the service's log has more of a fault."
    )
