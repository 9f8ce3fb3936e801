"""Timeslots as iCalendar (RFC 5545), for the calendars of people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from quws.schemas.timeslot import TimeslotJson

CALENDAR_TYPE = "text/calendar; charset=utf-8"
_LINE_BYTES = 75


def calendar(slots: Sequence[TimeslotJson], host: str, now: datetime) -> bytes:
    """Write timeslots as a calendar; ``host`` makes their ids ones of this service."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//quws//timeslots//EN"]
    for slot in slots:
        whose = "yours" if slot.mine else (slot.owner or "another's")
        lines += [
            "BEGIN:VEVENT",
            f"UID:{slot.id}@{_text(host)}",
            f"DTSTAMP:{_instant(now)}",
            f"DTSTART:{_instant(slot.start)}",
            f"DTEND:{_instant(slot.end)}",
            f"SUMMARY:{_text(f'{slot.target}: {whose}')}",
            f"URL:{slot.url}",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return b"".join(_folded(line) for line in lines)


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    for character in "\\;,":
        text = text.replace(character, f"\\{character}")
    return text.replace("\r", "").replace("\n", "\\n")


def _folded(line: str) -> bytes:
    """Break a line where it is too long: in bytes, and never within a character."""
    parts, part = [], b""
    for character in line:
        encoded = character.encode()
        if len(part) + len(encoded) > _LINE_BYTES:
            parts.append(part)
            part = b" "
        part += encoded
    return b"\r\n".join([*parts, part]) + b"\r\n"
