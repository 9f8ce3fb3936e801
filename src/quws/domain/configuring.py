"""What an operator has written, and cannot be used."""

from __future__ import annotations


class ConfigError(ValueError):
    """The list of targets cannot be used; the sentence says where and why."""
