"""Superstaq's targets, by its own client."""

from quws.targets.superstaq.target import Superstaq

__all__ = ["Superstaq"]
