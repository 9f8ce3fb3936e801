"""Targets and their calibrations as VOTables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from quws.api.kit.xml import xml_safe
from quws.domain.targets import Calibration
from quws.domain.times import format_instant
from quws.schemas.votable import field, votable
from quws.services.targets import TargetReport

_Column = tuple[str, str, str | None, str]
"""Name, datatype (``char`` is text of any length), unit and description."""

_QUBITS: Sequence[_Column] = (
    ("qubit", "int", None, "index of the qubit, from 0"),
    ("t1", "double", "s", "relaxation time"),
    ("t2", "double", "s", "dephasing time"),
    ("frequency", "double", "Hz", "frequency"),
    ("readout_error", "double", None, "probability that a measurement is wrong"),
    ("readout_duration", "double", "s", "duration of a measurement"),
)
_GATES: Sequence[_Column] = (
    ("gate", "char", None, "name of the gate"),
    ("qubits", "char", None, "qubits that it acts on, separated by commas"),
    ("error", "double", None, "probability that the gate goes wrong"),
    ("duration", "double", "s", "duration of the gate"),
)
_TARGETS: Sequence[_Column] = (
    ("name", "char", None, "name, as the parameter TARGET takes it"),
    ("kind", "char", None, "simulator, emulator, hardware or remote"),
    ("title", "char", None, "what it is"),
    ("status", "char", None, "whether it takes work"),
    ("message", "char", None, "why it is in that status"),
    ("until", "char", None, "when it is expected back"),
    ("qubits", "int", None, "size of the largest circuit"),
    ("max_shots", "long", None, "most runs of a circuit"),
    ("queue_length", "int", None, "jobs that wait"),
    ("running", "int", None, "jobs that run"),
    ("expected_wait", "double", "s", "until a new job would start"),
)
_CALIBRATIONS: Sequence[_Column] = (
    ("id", "char", None, "identifier"),
    ("time", "char", None, "when it was made"),
)


def targets_votable(reports: Iterable[TargetReport]) -> str:
    """Write the list of targets."""
    rows = [
        (
            report.record.name,
            report.record.description.kind,
            report.record.description.title,
            report.record.state.status,
            report.record.state.message,
            report.record.state.until,
            report.record.description.qubits,
            report.record.description.max_shots,
            report.waiting,
            report.running,
            report.wait,
        )
        for report in reports
    ]
    return _document("", _table("targets", _TARGETS, rows))


def target_votable(report: TargetReport, calibration: Calibration | None) -> str:
    """Write a target: its qubits and gates, with what is known of them."""
    description, state = report.record.description, report.record.state
    params = _params(
        target=description.name,
        kind=description.kind,
        title=description.title,
        status=state.status,
        message=state.message,
        coupling=None
        if description.coupling is None
        else " ".join(f"{a}-{b}" for a, b in description.coupling),
    )
    if calibration is not None:
        return _document(params + _calibrated(calibration), _calibration_tables(calibration))
    # Where any qubit can be joined with any, none is different from the others.
    count = 0 if description.coupling is None else description.qubits
    qubits = [(index, *[None] * 5) for index in range(count)]
    gates = [(gate, None, None, None) for gate in description.native_gates]
    return _document(params, _table("qubits", _QUBITS, qubits) + _table("gates", _GATES, gates))


def calibration_votable(calibration: Calibration, target: str) -> str:
    """Write a calibration: a table of qubits and one of gates."""
    params = _params(target=target) + _calibrated(calibration)
    return _document(params, _calibration_tables(calibration))


def calibrations_votable(found: Iterable[tuple[str, datetime]]) -> str:
    """Write a list of calibrations."""
    return _document("", _table("calibrations", _CALIBRATIONS, found))


def _calibrated(calibration: Calibration) -> str:
    return _params(calibration=calibration.id, calibration_time=format_instant(calibration.time))


def _calibration_tables(calibration: Calibration) -> str:
    qubits = [
        (item.qubit, item.t1, item.t2, item.frequency, item.readout_error, item.readout_duration)
        for item in calibration.qubits
    ]
    gates = [
        (item.gate, ",".join(map(str, item.qubits)), item.error, item.duration)
        for item in calibration.gates
    ]
    return _table("qubits", _QUBITS, qubits) + _table("gates", _GATES, gates)


def _document(params: str, tables: str) -> str:
    return votable(f'<INFO name="QUERY_STATUS" value="OK"/>{params}{tables}')


def _params(**values: str | None) -> str:
    return "".join(
        f'<PARAM name="{name}" datatype="char" arraysize="*" value={quoteattr(xml_safe(value))}/>'
        for name, value in values.items()
        if value is not None
    )


def _table(name: str, columns: Sequence[_Column], rows: Iterable[Sequence[Any]]) -> str:
    fields = "".join(
        field(column, datatype, what, unit=unit) for column, datatype, unit, what in columns
    )
    body = "".join(
        "<TR>" + "".join(f"<TD>{_cell(value)}</TD>" for value in row) + "</TR>" for row in rows
    )
    return f'<TABLE name="{name}">{fields}<DATA><TABLEDATA>{body}</TABLEDATA></DATA></TABLE>'


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return format_instant(value)
    return escape(xml_safe(str(value)))
