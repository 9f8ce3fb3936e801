"""What a circuit was compiled to, in the format that it was sent in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Rewritten(BaseModel):
    """A compiled circuit, and which of its qubits are those of the circuit that was sent."""

    model_config = ConfigDict(frozen=True)

    text: str
    """Of a binary format the URL that has its bytes."""
    final: dict[int, int]
    """By qubit of the circuit that was sent: which one of the target was measured for it."""
    qubits: str | None = None
    """The qubits of the circuit that was sent, in their order, where its format names them."""
    width: int = 0
    """Qubits of the compiled circuit, up to the last that it uses."""
