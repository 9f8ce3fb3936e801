"""In a child: what a target is, whether it takes work, and how it is calibrated."""

from __future__ import annotations

import traceback

from quws.domain.targets import TargetState, TargetStatus
from quws.runner.versions import versions
from quws.runner.work import one_line
from quws.sandbox.messages import Inspected, NotInspected
from quws.targets import Target, TargetConfig
from quws.targets.base import RemoteTarget


def inspect(target: Target, config: TargetConfig) -> Inspected | NotInspected:
    """Return what the target says of itself, with what its entry in the list adds."""
    try:
        description = config.apply(target.describe()).model_copy(
            update={"remote": isinstance(target, RemoteTarget)}
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the operator must hear of it
        traceback.print_exc()
        return NotInspected(why=one_line(error))
    try:
        state = target.state()
        calibration = target.calibration()
    except Exception as error:  # noqa: BLE001 - a device that does not answer takes no work
        state = TargetState(status=TargetStatus.OFFLINE, message=one_line(error))
        calibration = None
    return Inspected(
        description=description, state=state, calibration=calibration, versions=versions()
    )
