"""Whether a target can run a job, and how long that takes: from facts, without libraries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from quws.domain.circuits import CircuitFacts, kinds_of
from quws.domain.errors import InvalidCircuit, Refusal
from quws.domain.kinds import JobKind, as_measured
from quws.domain.options import RunOptions
from quws.targets import Target

_log = structlog.get_logger(__name__)


class Suitability:
    """Asks the adapters of targets that are installed here.

    Parameters
    ----------
    targets
        By name; of the others nothing is known before their worker has the job.

    """

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._targets = targets

    def predict(
        self,
        target: str,
        facts: Sequence[CircuitFacts],
        options: RunOptions,
    ) -> float | None:
        """Return how many seconds a job would run; None where nothing is known.

        Raises
        ------
        InvalidCircuit, InvalidParameter
            The target cannot run it.

        """
        found = self._targets.get(target)
        if found is None:
            return None
        seconds = 0.0
        measured = as_measured(facts, options.kind, options.observable)
        for index, count, item in kinds_of(measured):
            try:
                found.check(item, options.of(item))
                estimate = found.estimate(item, options.of(item))
            except InvalidCircuit as refusal:
                if len(facts) == 1:
                    raise
                raise InvalidCircuit(f"circuit {index}: {refusal}", circuit=index) from None
            except Refusal:
                raise
            except Exception:  # noqa: BLE001 - the worker asks again
                # A fault of an adapter need not stop the service.
                _log.exception("target could not check a circuit", target=target)
                return None
            if estimate is None:
                return None
            seconds += count * estimate.seconds
        return None if options.kind is JobKind.COMPILE else seconds * options.mean_runs
