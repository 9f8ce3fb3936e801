"""What runs circuits: the Target interface and the adapters behind it.

Adapters are found by the entry-point group ``quws.targets``. Their heavy
libraries are loaded in child processes only.
"""

from quws.targets.base import CircuitResult, RunOptions, Target
from quws.targets.registry import TargetConfig, create_target

__all__ = ["CircuitResult", "RunOptions", "Target", "TargetConfig", "create_target"]
