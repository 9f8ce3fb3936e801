"""A circuit as it is drawn: what stands where, in columns, and what was left out."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Shape(StrEnum):
    """The shapes that operations have in a picture."""

    BOX = "box"
    NOT = "not"
    SWAP = "swap"
    DOT = "dot"
    MEASURE = "measure"
    RESET = "reset"
    BARRIER = "barrier"
    OPEN = "open"
    """The left edge of a block, with its condition."""
    ELSE = "else"
    CLOSE = "close"


class Drawn(BaseModel):
    """One operation.

    ``qubits`` are the rows of its shape, ``controls`` those of its dots, filled
    where the value is True. ``clbits`` are (register, bit) that it writes or
    reads; ``condition`` is when it acts, in words.
    """

    model_config = ConfigDict(frozen=True)

    column: int
    shape: Shape
    qubits: list[int]
    label: str = ""
    parameters: str = ""
    controls: list[tuple[int, bool]] = Field(default_factory=list)
    clbits: list[tuple[int, int]] = Field(default_factory=list)
    condition: str = ""


class Drawing(BaseModel):
    """A picture of a circuit, perhaps with parts left out.

    ``gap`` is the column before which ``left_out`` operations are missing, None
    where all are there. ``hidden_qubits`` counts the qubits without a row.
    ``registers`` are the classical ones, by name and size; each has one row.
    """

    model_config = ConfigDict(frozen=True)

    qubits: list[str]
    registers: list[tuple[str, int]]
    columns: int
    operations: list[Drawn]
    gap: int | None = None
    left_out: int = 0
    hidden_qubits: int = 0
