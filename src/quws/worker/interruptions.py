"""Why work on a job in hand stops before it is done."""

from __future__ import annotations

from quws.domain.job import JobError


class Fenced(Exception):
    """The job is not this worker's any more."""


class CircuitsAborted(Exception):
    """Circuits of the job were aborted of which its results do not know: they are made anew."""


class TooMuch(Exception):
    """The job has made more than may be kept of it; ``error`` is how it ends."""

    def __init__(self, error: JobError) -> None:
        super().__init__(error.message)
        self.error = error
