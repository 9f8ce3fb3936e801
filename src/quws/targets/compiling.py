"""Compiling with Qiskit's passes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from quws.domain.errors import InvalidCircuit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


class Compiler:
    """Compiles circuits to a Qiskit target. What is compiled twice is the same twice.

    Parameters
    ----------
    level
        How hard it tries, 0 to 3.

    """

    def __init__(self, target: Any, level: int, *, seed: int = 0) -> None:
        from qiskit.transpiler import generate_preset_pass_manager  # noqa: PLC0415

        self._passes = generate_preset_pass_manager(level, target=target, seed_transpiler=seed)
        self._scheduling = (
            generate_preset_pass_manager(
                level, target=target, seed_transpiler=seed, scheduling_method="alap"
            )
            if _is_aligned(target)
            else None
        )

    def compile(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """Return a circuit as the target can run it.

        Raises
        ------
        InvalidCircuit
            The target has no way to do what the circuit asks for.

        """
        from qiskit.transpiler import TranspilerError  # noqa: PLC0415

        passes = self._passes
        if self._scheduling is not None and circuit.count_ops().get("delay"):
            passes = self._scheduling
        try:
            with warnings.catch_warnings():
                # Delays become whole units of the device's time; that is said for each.
                warnings.simplefilter("ignore")
                return passes.run(circuit)
        except TranspilerError as error:
            raise InvalidCircuit(f"the circuit cannot be compiled: {error.message}") from None


def check_level(level: int) -> None:
    """Refuse a level of optimization that there is not.

    Raises
    ------
    ValueError

    """
    if level not in range(4):
        raise ValueError("optimization is 0, 1, 2 or 3")


def _is_aligned(target: Any) -> bool:
    """Whether delays must fit its pulses: then the whole circuit needs a schedule."""
    return target.dt is not None and (target.acquire_alignment != 1 or target.pulse_alignment != 1)


def layout_of(compiled: QuantumCircuit) -> list[int] | None:
    """Return which qubit of the target carries each qubit of the circuit at the start."""
    if compiled.layout is None:
        return None
    layout: list[int] = compiled.layout.initial_index_layout(filter_ancillas=True)
    return layout
