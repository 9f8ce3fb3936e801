"""What IQM's clients call the parts of a target."""

from __future__ import annotations

from uuid import UUID, uuid5

_OURS = UUID("6f1c2a64-3d6b-5c39-9a53-4a8f0a6de0b7")
"""The namespace of the ids that are made of names."""


def qubit_name(index: int) -> str:
    """Return what a qubit is called; they count from 1."""
    return f"QB{index + 1}"


def target_id(target: str) -> UUID:
    """Return the id of a target: always the same for the same name."""
    return uuid5(_OURS, f"target/{target}")


def calibration_set_id(target: str, calibration: str | None) -> UUID:
    """Return the id of a calibration of a target; one that has none has an id for that."""
    return uuid5(_OURS, f"calibration/{target}/{calibration or ''}")


def metric_set_id(target: str, calibration: str | None) -> UUID:
    """Return the id of what is known of the quality of a calibration."""
    return uuid5(_OURS, f"metrics/{target}/{calibration or ''}")
