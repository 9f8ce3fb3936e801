"""How a device changes from one calibration to the next: the same each time for the same seed."""

from __future__ import annotations

import hashlib
import json
import math
import random
from datetime import UTC, datetime
from functools import lru_cache

from quws.domain.targets import Calibration
from quws.targets.emulator.device import Device

_MEMORY = 0.8
"""How much of a deviation is left one calibration later."""
_TERMS = 24
"""After so many calibrations less than half a percent of a deviation is left."""
_COHERENCE_SPREAD = 0.12
_ERROR_SPREAD = 0.25
_FREQUENCY_SPREAD = 2e-6


def calibrated(device: Device, seed: int, number: int, time: datetime, drift: float) -> Calibration:
    """Make the calibration of a device with a number.

    Coherence times and errors wander around their means, without a memory that
    reaches back for ever, so that any calibration can be made by itself.

    Parameters
    ----------
    drift
        How much they wander: 1 for what is usual, 0 for not at all.

    """

    def wander(what: str, spread: float) -> float:
        return math.exp(drift * spread * _deviation(f"{seed}/{what}", number))

    qubits = []
    for item in device.qubits:
        name = f"q{item.qubit}"
        t1 = _times(item.t1, wander(f"{name}/t1", _COHERENCE_SPREAD))
        t2 = _times(item.t2, wander(f"{name}/t2", _COHERENCE_SPREAD))
        if t1 is not None and t2 is not None:
            t2 = min(t2, 2 * t1)  # as physics has it
        qubits.append(
            item.model_copy(
                update={
                    "t1": t1,
                    "t2": t2,
                    "frequency": _times(item.frequency, wander(f"{name}/f", _FREQUENCY_SPREAD)),
                    "readout_error": _probability(
                        item.readout_error, wander(f"{name}/readout", _ERROR_SPREAD)
                    ),
                }
            )
        )
    gates = [
        item.model_copy(
            update={
                "error": _probability(
                    item.error,
                    wander(f"{item.gate}/{'-'.join(map(str, item.qubits))}", _ERROR_SPREAD),
                )
            }
        )
        for item in device.gates
    ]
    content = json.dumps([item.model_dump() for item in (*qubits, *gates)], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:16]
    return Calibration(id=digest, time=time, qubits=qubits, gates=gates)


def instant(seconds: float) -> datetime:
    """Turn seconds since 1970 into an instant, in whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC)


def _deviation(what: str, number: int) -> float:
    """Give one value of a stationary random walk with mean 0 and deviation 1."""
    return math.sqrt(1 - _MEMORY**2) * sum(
        _MEMORY**back * _step(what, number - back) for back in range(_TERMS)
    )


@lru_cache(maxsize=8192)
def _step(what: str, number: int) -> float:
    # The next calibrations have all of its steps but one in common with this one.
    return random.Random(f"{what}/{number}").gauss(0, 1)  # noqa: S311


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else _rounded(value * factor)


def _probability(value: float | None, factor: float) -> float | None:
    return None if value is None else _rounded(min(value * factor, 0.5))


def _rounded(value: float) -> float:
    return float(f"{value:.9g}")
