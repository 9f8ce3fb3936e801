"""Compiling with Qiskit's passes."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from quws.domain.compiling import Optimization
from quws.domain.errors import InvalidCircuit
from quws.targets.base import Compiled
from quws.targets.properties import gates_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.domain.options import RunOptions

_MOST = 16
"""Ways to compile that are kept: to make the passes of one takes some milliseconds."""
_SLOW_PLUGINS = ("iqm.qiskit_iqm",)
"""It makes all machines that it can imitate, which takes 20 seconds."""
_Way = tuple[int, tuple[int, ...] | None, bool]


class Compiler:
    """Compiles circuits to a Qiskit target. What is compiled twice is the same twice.

    Parameters
    ----------
    level
        How hard it tries where a job does not say, 0 to 3.

    """

    def __init__(self, target: Any, level: int, *, seed: int = 0) -> None:
        self._target = target
        self._level = level
        self._seed = seed
        self._aligned = _is_aligned(target)
        self._ways: dict[_Way, Any] = {}
        leave_out_plugins()
        for scheduled in (False, True)[: 1 + self._aligned]:
            self._passes((level, None, scheduled))

    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        """Return a circuit as the target can run it.

        Raises
        ------
        InvalidCircuit
            The target has no way to do what the circuit asks for.

        """
        from qiskit.transpiler import TranspilerError  # noqa: PLC0415

        layout = options.initial_layout
        if options.verbatim:
            return self._as_it_is(circuit, layout)
        level = self._level if options.optimization is None else int(options.optimization)
        scheduled = self._aligned and bool(circuit.count_ops().get("delay"))
        passes = self._passes((level, None if layout is None else tuple(layout), scheduled))
        try:
            with warnings.catch_warnings():
                # Delays become whole units of the device's time; that is said for each.
                warnings.simplefilter("ignore")
                made = passes.run(circuit)
        except TranspilerError as error:
            raise InvalidCircuit(f"the circuit cannot be compiled: {error.message}") from None
        return Compiled(
            made,
            layout=layout_of(made),
            changed=True,
            optimization=Optimization(str(level)),
            seed=self._seed,
        )

    def _passes(self, way: _Way) -> Any:
        from qiskit.transpiler import generate_preset_pass_manager  # noqa: PLC0415

        found = self._ways.get(way)
        if found is None:
            level, layout, scheduled = way
            if len(self._ways) >= _MOST:
                self._ways.pop(next(reversed(self._ways)))
            found = self._ways[way] = generate_preset_pass_manager(
                level,
                target=self._target,
                initial_layout=None if layout is None else list(layout),
                seed_transpiler=self._seed,
                scheduling_method="alap" if scheduled else None,
            )
        return found

    def _as_it_is(self, circuit: QuantumCircuit, layout: Sequence[int] | None) -> Compiled:
        from quws.circuits.native import placed  # noqa: PLC0415

        width = self._target.num_qubits or circuit.num_qubits
        places = list(range(circuit.num_qubits)) if layout is None else list(layout)
        supported = self._target.instruction_supported
        made = placed(circuit, gates_of(self._target), width, places, supported)
        return Compiled(made, layout=places, changed=True, optimization=Optimization.NONE)


def leave_out_plugins() -> None:
    """Keep Qiskit from loading packages that add to its compiler and take long to load.

    It loads whatever is installed, wanted or not. What is loaded by now has been asked for.
    """
    for name in _SLOW_PLUGINS:
        # What is None here cannot be imported.
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    # Else it tells of each at each look.
    logging.getLogger("stevedore").setLevel(logging.CRITICAL)


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
