"""Any Qiskit backend."""

from __future__ import annotations

import inspect
from typing import Any

from quws.targets.qiskit.backend import QiskitBackend
from quws.targets.qiskit.remote import RemoteQiskitBackend


def make(name: str, *, remote: bool = False, **options: Any) -> QiskitBackend:
    """Make the target for a backend, with a life of its own where the backend is elsewhere."""
    kind = RemoteQiskitBackend if remote else QiskitBackend
    return kind(name, remote=remote, **options)


make.__signature__ = inspect.signature(QiskitBackend, eval_str=True)  # type: ignore[attr-defined]

__all__ = ["make"]
