"""``quws sweeper``."""

from __future__ import annotations

from quws.cli.running import run
from quws.processes.sweeper import sweeper as run_sweeper


def sweeper() -> None:
    """Run the periodic task: destruction, execution duration, lost workers."""
    run("sweeper", run_sweeper)
