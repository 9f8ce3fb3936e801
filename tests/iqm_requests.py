"""What IQM's clients send, and a device that they can ask about."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from answers import expect
from house import DESCRIPTION
from in_process import Api

from quws.domain.clock import utc_now
from quws.domain.targets import (
    Calibration,
    Feature,
    GateCalibration,
    QubitCalibration,
    TargetKind,
)
from quws.domain.times import format_instant
from quws.domain.timeslots import TimeslotRules

DEVICE = DESCRIPTION.model_copy(
    update={
        "name": "star",
        "kind": TargetKind.EMULATOR,
        "title": "A star",
        "qubits": 3,
        "coupling": [(0, 1), (1, 0), (2, 1)],
        "features": [Feature.MEMORY, Feature.CONTROL_FLOW],
    }
)
CALIBRATION = Calibration(
    id="c1",
    time=datetime(2026, 11, 1, tzinfo=UTC),
    qubits=[
        QubitCalibration(
            qubit=0, t1=2e-5, t2=1e-5, frequency=4.5e9, readout_error=0.02, readout_duration=1e-6
        )
    ],
    gates=[
        GateCalibration(gate="r", qubits=(0,), error=0.001, duration=4e-8),
        GateCalibration(gate="cz", qubits=(1, 0), error=0.01, duration=8e-8),
    ],
)


def flip(qubit: str, key: str, on: str = "") -> dict[str, Any]:
    """A circuit that makes a qubit 1, and measures it."""
    return {
        "name": f"flip {qubit}",
        "instructions": [
            {"name": "prx", "locus": [qubit], "args": {"angle": math.pi, "phase": 1e-07}},
            {"name": "measure", "locus": [on or qubit], "args": {"key": key}},
        ],
        "metadata": {"of": "ångström"},
    }


def wanted(*circuits: Any, **more: Any) -> dict[str, Any]:
    """What the clients send."""
    return {"circuits": list(circuits), "shots": 7, "heralding_mode": "none"} | more


async def bookable(api: Api) -> None:
    """Let the simulator be booked, and another that runs nothing outside timeslots."""
    rules = TimeslotRules(step=1, shortest=1)
    booked = DESCRIPTION.model_copy(update={"timeslots": rules})
    strict = {"name": "strict", "timeslots": rules.model_copy(update={"required": True})}
    targets = [booked, booked.model_copy(update=strict)]
    await api.backends.targets.register(targets, utc_now(), replace=True)


async def book(http: httpx.AsyncClient) -> None:
    """Book the simulator, from five minutes from now on."""
    start = utc_now().replace(second=0, microsecond=0) + timedelta(minutes=5)
    form = {"START": format_instant(start), "MINUTES": "30"}
    expect(await http.post("/targets/simulator/timeslots", data=form), 201)
