"""Asks a target what it is, in a child: only there are its libraries, and there it may hang."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from quws.domain.clock import Clock
from quws.domain.targets import Calibration, TargetDescription, TargetState, TargetStatus
from quws.sandbox.pool import ChildLost, ChildPool, ChildrenUnavailable
from quws.store.targets import TargetStore

_LOOK_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class LookFailed(Exception):
    """The target cannot be asked; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a target is, whether it takes work, and how it is calibrated."""

    description: TargetDescription
    state: TargetState
    calibration: Calibration | None


async def look_at(children: ChildPool) -> Look:
    """Ask the target of these children.

    Raises
    ------
    ChildrenUnavailable
        No process can be started for it.
    LookFailed

    """
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            answer = await children.ask({"look": True})
    except TimeoutError:
        raise LookFailed(f"it did not answer within {_LOOK_SECONDS:.0f} seconds") from None
    except ChildLost as lost:
        raise LookFailed(f"its process died: {lost}") from None
    if "silent" in answer:
        raise LookFailed(answer["silent"])
    return Look(
        TargetDescription.model_validate(answer["description"]),
        TargetState.model_validate(answer["state"]),
        None
        if answer["calibration"] is None
        else Calibration.model_validate(answer["calibration"]),
    )


async def check(
    children: ChildPool, targets: TargetStore, name: str, clock: Clock
) -> TargetDescription | None:
    """Ask a target how it is, and write down what it says.

    One that cannot be asked is offline, and still what it was when it was asked
    last; None if it never was.

    Raises
    ------
    StoreUnavailable

    """
    try:
        look = await look_at(children)
    except (ChildrenUnavailable, LookFailed) as error:
        _log.error("target cannot be used", error=str(error))
        state = TargetState(status=TargetStatus.OFFLINE, message=f"it cannot be asked: {error}")
        await targets.found(name, state, clock())
        known = await targets.record(name)
        return None if known is None else known.description
    await targets.register([look.description], clock(), replace=True)
    if look.calibration is not None:
        await targets.calibrated(name, look.calibration, present=True)
    await targets.found(name, look.state, clock())
    return look.description
