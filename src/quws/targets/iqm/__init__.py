"""IQM's machines, by their own client."""

from quws.targets.iqm.target import Iqm

__all__ = ["Iqm"]
