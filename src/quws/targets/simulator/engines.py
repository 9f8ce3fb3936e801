"""The engines that there are, and which is the fastest for what."""

from __future__ import annotations

from quws.targets.simulator.aer_engine import AerEngine
from quws.targets.simulator.engine import Engine
from quws.targets.simulator.qsim_engine import QsimEngine
from quws.targets.simulator.qulacs_engine import QulacsEngine
from quws.targets.simulator.stim_engine import StimEngine

ENGINES: tuple[type[Engine], ...] = (StimEngine, QsimEngine, QulacsEngine, AerEngine)

_SMALL = ("stim", "qulacs", "qsim", "aer")
_LARGE = ("stim", "qsim", "qulacs", "aer")
_SMALL_QUBITS = 11


def load_installed() -> list[Engine]:
    """Load all engines whose libraries are installed."""
    engines = [engine for engine in (make() for make in ENGINES) if engine.installed()]
    for engine in engines:
        engine.load()
    return engines


def speed(name: str, qubits: int) -> int:
    """Rank an engine among those that take a circuit, 0 for the fastest.

    By what ``benchmarks/simulator.py`` measures.
    """
    return (_SMALL if qubits <= _SMALL_QUBITS else _LARGE).index(name)
