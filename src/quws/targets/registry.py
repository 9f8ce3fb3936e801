"""Finds the adapter that a configuration names."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from quws.targets.base import Target

GROUP = "quws.targets"


class TargetConfig(BaseModel):
    """A target as the operator configures it: its name, its adapter, the adapter's options."""

    model_config = ConfigDict(frozen=True)

    name: str
    adapter: str
    options: dict[str, Any] = Field(default_factory=dict)


class UnknownAdapter(Exception):
    """No installed package offers an adapter of this name."""


def create_target(config: TargetConfig) -> Target:
    """Make the target that a configuration describes.

    Raises
    ------
    UnknownAdapter
        With the names of those that are installed.

    """
    installed = entry_points(group=GROUP)
    for entry in installed:
        if entry.name == config.adapter:
            target = entry.load()(config.name, **config.options)
            assert isinstance(target, Target)
            return target
    known = ", ".join(sorted(entry.name for entry in installed)) or "none"
    raise UnknownAdapter(f"there is no adapter '{config.adapter}'; installed are: {known}")
