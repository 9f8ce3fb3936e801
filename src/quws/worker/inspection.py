"""Asks a target what it is, in a child: only there are its libraries, and there it may hang."""

from __future__ import annotations

import asyncio
import contextlib
from weakref import WeakKeyDictionary

import structlog

from quws.domain.clock import Clock
from quws.domain.targets import TargetDescription, TargetState, TargetStatus
from quws.sandbox.child import ChildLost
from quws.sandbox.messages import FromChild, Inspect, Inspected, MessageFault, NotInspected
from quws.sandbox.pool import ChildPool, ChildrenUnavailable, NoFolder
from quws.sandbox.roles import unexpected
from quws.store.targets import TargetStore

_SECONDS = 60.0
_TRIES = 3
"""A process that dies once may have been killed by somebody, and says nothing of the target."""
_said: WeakKeyDictionary[ChildPool, str] = WeakKeyDictionary()
"""What the log tells already of targets that cannot be used: it is found again at each look."""
_log = structlog.get_logger(__name__)


class InspectionFailed(Exception):
    """The target cannot be asked; the sentence says why."""


async def inspect(children: ChildPool) -> Inspected:
    """Return what the target of these children says of itself.

    Raises
    ------
    ChildrenUnavailable
        No process can be started for it.
    InspectionFailed
        It does not answer, or cannot say what it is.

    """
    try:
        async with asyncio.timeout(_SECONDS):
            answer = await _asked(children)
    except TimeoutError:
        raise InspectionFailed(f"it did not answer within {_SECONDS:.0f} seconds") from None
    except ChildLost as lost:
        raise InspectionFailed(f"its process died: {lost}") from None
    match answer:
        case Inspected(versions=versions):
            children.versions = versions
            return answer
        case NotInspected(why=why):
            raise InspectionFailed(why)
        case _:
            raise unexpected(answer)


async def _asked(children: ChildPool) -> FromChild:
    for _ in range(_TRIES - 1):
        with contextlib.suppress(ChildLost):
            return await children.ask(Inspect())
    return await children.ask(Inspect())


async def record_inspection(
    children: ChildPool, targets: TargetStore, name: str, clock: Clock
) -> TargetDescription | None:
    """Inspect a target, write down what it says, and return what it is.

    One that cannot be asked is offline, and still what it was when it was asked
    last; None if it never was.

    Raises
    ------
    StoreUnavailable

    """
    try:
        found = await inspect(children)
    except MessageFault as fault:
        _log.exception("target cannot be used")
        why = str(fault)
    except (InspectionFailed, NoFolder) as error:
        why = str(error)
        if _said.get(children) != why:
            _said[children] = why
            _log.error("target cannot be used", target=name, error=why)
    except ChildrenUnavailable as error:
        why = str(error)  # The pool has told it to the log.
    else:
        _said.pop(children, None)
        await targets.register([found.description], clock(), replace=True)
        if found.calibration is not None:
            await targets.calibrated(name, found.calibration, present=True)
        await targets.found(name, found.state, clock())
        return found.description
    state = TargetState(status=TargetStatus.OFFLINE, message=f"it cannot be asked: {why}")
    await targets.found(name, state, clock())
    known = await targets.record(name)
    return None if known is None else known.description
