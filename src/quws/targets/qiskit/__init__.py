"""Any Qiskit backend as a target."""

from quws.targets.qiskit.backend import make

__all__ = ["make"]
