"""The local simulator: it chooses how to run each circuit, and on which engine."""

from quws.targets.simulator.target import Simulator

__all__ = ["Simulator"]
