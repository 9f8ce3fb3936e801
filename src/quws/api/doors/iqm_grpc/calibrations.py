"""The service ``Calibrations``: what targets were set to, and when."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

from quws.api.doors.iqm import architecture
from quws.api.doors.iqm.names import calibration_set_id
from quws.api.doors.iqm.use import offered
from quws.api.doors.iqm_grpc.calls import Call
from quws.api.doors.iqm_grpc.chunks import whole
from quws.api.doors.iqm_grpc.computers import computer_by_id
from quws.api.doors.iqm_grpc.messages import (
    CalibrationMetadata,
    read_uuid,
    timestamp,
    uuid_message,
)
from quws.domain.errors import NotFound
from quws.domain.targets import TargetRecord
from quws.services.targets import TargetService

SERVICE = "Calibrations"


async def latest(call: Call) -> Any:
    """Tell of the calibration that a target has now."""
    targets = call.services.targets
    record = await computer_by_id(targets, call.message.qc_id)
    return await _metadata(targets, record, record.calibration)


async def get(call: Call) -> Any:
    """Tell of the calibration with an id."""
    return await _metadata(call.services.targets, *await _found(call))


async def full(call: Call) -> AsyncGenerator[Any, None]:
    """Return what a target was set to, by the names of fields."""
    record, known = await _found(call)
    calibration = None
    if known is not None:
        calibration = await call.services.targets.calibration(record.name, known)
    found = architecture.calibration_set(record.description, calibration)
    document = {
        "calibration_set_id": str(calibration_set_id(record.name, known)),
        "observations": {
            item["dut_field"]: {"value": item["value"], "unit": item["unit"]}
            for item in found["observations"]
        },
    }
    async for chunk in whole(json.dumps(document)):
        yield chunk


async def _metadata(targets: TargetService, record: TargetRecord, known: str | None) -> Any:
    time = architecture.EPOCH
    if known is not None:
        time = (await targets.calibration(record.name, known)).time
    return CalibrationMetadata(
        id=uuid_message(calibration_set_id(record.name, known)),
        created_at=timestamp(time),
        dut_label=record.name,
        is_valid=True,
    )


async def _found(call: Call) -> tuple[TargetRecord, str | None]:
    """Find a target and a calibration of it by the id of that: None where it has none."""
    targets = call.services.targets
    wanted = read_uuid(call.message.id, "id")
    records = await offered(targets)
    for record in records:
        if calibration_set_id(record.name, record.calibration) == wanted:
            return record, record.calibration
    for record in records:
        for known, _ in await targets.calibrations(record.name):
            if calibration_set_id(record.name, known) == wanted:
                return record, known
    raise NotFound(f"no quantum computer has a calibration set {wanted}")


FUNCTIONS = {
    "GetLatestQuantumComputerCalibrationV1": latest,
    "GetCalibrationV1": get,
    "GetFullCalibrationDataV1": full,
}
