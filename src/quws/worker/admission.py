"""Keeps a target from jobs until it has passed its conformance circuits, where it must."""

from __future__ import annotations

import asyncio
import time

import structlog

from quws.domain.clock import Clock
from quws.domain.conformance import ConformanceRule
from quws.domain.targets import TargetDescription, TargetState, TargetStatus
from quws.sandbox.pool import ChildPool, ChildrenUnavailable
from quws.store.targets import TargetStore
from quws.worker.conformance import Conformance
from quws.worker.inspection import record_inspection
from quws.worker.reading import Readers

_LOOK_AGAIN_SECONDS = 2.0
_FIRST_PAUSE_SECONDS = 10.0
_log = structlog.get_logger(__name__)


async def ensure_conformance(
    children: ChildPool,
    readers: Readers,
    targets: TargetStore,
    description: TargetDescription,
    clock: Clock,
) -> TargetDescription:
    """Wait until the target may get jobs, and return what it is by then.

    Where that is left to the worker it runs the circuits, and again after a while
    if they failed. Until they have passed the target is offline.

    Raises
    ------
    StoreUnavailable

    """
    name, said = description.name, None
    pause, next_try = _FIRST_PAUSE_SECONDS, time.monotonic()
    while True:
        record = await targets.record(name)
        if record is None:
            return description
        description = record.description
        passed = record.report is not None and record.report.passed
        automatic = description.conformance_rule is ConformanceRule.AUTOMATIC
        if automatic and not passed and time.monotonic() >= next_try:
            pause, next_try = 2 * pause, time.monotonic() + pause
            await _check_quickly(children, readers, targets, description, clock)
            continue
        if record.objection is None and (passed or not automatic):
            if said is not None:
                # It was offline only for want of this.
                await record_inspection(children, targets, name, clock)
            return description
        if record.objection is not None and said != record.objection:
            said = record.objection
            _log.error("target is not offered", why=said)
            state = TargetState(status=TargetStatus.OFFLINE, message=said)
            await targets.found(name, state, clock())
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def _check_quickly(
    children: ChildPool,
    readers: Readers,
    targets: TargetStore,
    description: TargetDescription,
    clock: Clock,
) -> None:
    conforming = Conformance(children, readers, description, quick=True, clock=clock)
    try:
        report = await conforming.run()
    except ChildrenUnavailable as error:
        _log.error("conformance cannot be checked", error=str(error))
        return
    _log.info("conformance", passed=report.passed, summary=report.summary)
    await targets.set_conformance(description.name, report.model_dump(mode="json"), report.time)
