"""What runs circuits: the Target interface and the adapters behind it.

Adapters are found by the entry-point group ``quws.targets``. Their heavy
libraries are loaded in child processes only.
"""

from quws.domain.configuring import ConfigError
from quws.domain.options import RunOptions
from quws.targets.base import CircuitResult, NotLoaded, Target
from quws.targets.config import TargetConfig, read_targets
from quws.targets.registry import check_options, create_target

__all__ = [
    "CircuitResult",
    "ConfigError",
    "NotLoaded",
    "RunOptions",
    "Target",
    "TargetConfig",
    "check_options",
    "create_target",
    "read_targets",
]
