"""Asks a target what it is, in a child: only there are its libraries, and there it may hang."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from quws.domain.targets import Calibration, TargetDescription, TargetState
from quws.execution.children import ChildLost, ChildPool

_LOOK_SECONDS = 60.0


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
    child = await children.acquire()
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await child.send({"look": True})
            async for message in child.messages():
                if "failed" in message:
                    raise LookFailed(message["failed"]["message"])
                return Look(
                    TargetDescription.model_validate(message["description"]),
                    TargetState.model_validate(message["state"]),
                    None
                    if message["calibration"] is None
                    else Calibration.model_validate(message["calibration"]),
                )
    except TimeoutError:
        raise LookFailed(f"it did not answer within {_LOOK_SECONDS:.0f} seconds") from None
    except ChildLost as lost:
        raise LookFailed(f"its process died: {lost}") from None
    finally:
        children.retire(child)
    raise LookFailed("its process said nothing")
