"""Doors: the protocols of other services, a package each, over the same use cases."""
