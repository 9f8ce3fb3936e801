"""Which protocols of other services are spoken here, beside UWS."""

from __future__ import annotations

from enum import StrEnum


class DoorName(StrEnum):
    """The doors, by the names that the settings take."""

    IQM = "iqm"
    """What IQM's clients speak, from their release 33 on."""
    IQM_COCOS = "iqm-cocos"
    """What IQM's clients spoke before their release 29."""
    IBM = "ibm"
    """What ``qiskit-ibm-runtime`` speaks, from its release 0.49 on."""
    SUPERSTAQ = "superstaq"
    """What Superstaq's clients speak: v0.2.0 and v0.3.0."""
