"""Another quws as a target."""

from quws.targets.quws.target import Remote

__all__ = ["Remote"]
