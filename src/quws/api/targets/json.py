"""Targets and their calibrations as JSON: fills the models of ``schemas``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from quws.domain.targets import Calibration, Load
from quws.schemas.target import (
    CalibrationJson,
    CalibrationRefJson,
    LoadJson,
    QuotesJson,
    TargetJson,
    WholeTargetJson,
)
from quws.services.targets import TargetReport


def target_json(report: TargetReport, url: str) -> TargetJson:
    """Write a target as the list has it."""
    return TargetJson(**_fields(report, url))


def whole_target_json(report: TargetReport, load: Sequence[Load], url: str) -> bytes:
    """Write a target."""
    document = WholeTargetJson(
        **_fields(report, url), load=[LoadJson.model_validate(item) for item in load]
    )
    return document.model_dump_json().encode()


def calibration_json(calibration: Calibration, target: str, url: str) -> bytes:
    """Write a calibration."""
    document = CalibrationJson(**calibration.model_dump(), target=target, url=url)
    return document.model_dump_json().encode()


def calibration_ref(found: tuple[str, datetime], calibrations_url: str) -> CalibrationRefJson:
    """Write a calibration as a list has it."""
    calibration_id, time = found
    return CalibrationRefJson(
        id=calibration_id, time=time, url=calibration_url(calibrations_url, calibration_id)
    )


def calibration_url(calibrations_url: str, calibration_id: str) -> str:
    """Write the URL of a calibration."""
    return f"{calibrations_url}/{quote(calibration_id, safe='')}"


def _fields(report: TargetReport, url: str) -> dict[str, Any]:
    record = report.record
    calibrations = f"{url}/calibrations"
    present = None
    if record.calibration is not None and report.calibration_time is not None:
        present = calibration_ref((record.calibration, report.calibration_time), calibrations)
    return record.description.model_dump() | {
        "url": url,
        **record.state.model_dump(),
        "set_by": record.set_by,
        "checked": record.checked,
        "queue_length": report.waiting,
        "running": report.running,
        "expected_wait": None if report.wait is None else round(report.wait, 3),
        "quotes": QuotesJson(judged=record.quotes.judged, hit_rate=record.quotes.hit_rate),
        "calibration": present,
        "calibrations_url": calibrations,
        "conformance": record.conformance,
        "conformance_time": record.conformance_time,
    }
