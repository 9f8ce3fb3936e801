"""A QPU that behaves like one without being one: gates, coupling, noise, calibrations, clock."""

from quws.targets.emulator.target import Emulator

__all__ = ["Emulator"]
