"""Writes down how a job gets on that is handed over to a target with a queue of its own."""

from __future__ import annotations

from time import monotonic

from quws.sandbox.child import Child
from quws.sandbox.messages import (
    Go,
    InDoubt,
    KnownHandover,
    NotSubmitted,
    Submitted,
    Submitting,
    Waiting,
)
from quws.worker.held import HeldJob
from quws.worker.workplace import Workplace

HandoverMessage = Waiting | Submitting | NotSubmitted | Submitted | InDoubt


async def known_handover(held: HeldJob, place: Workplace) -> KnownHandover:
    """Return what is known of the job at the other side. Its key is the job's id.

    Raises
    ------
    StoreUnavailable

    """
    found = await place.handovers.of(held.id)
    held.batch.elsewhere = place.forwards
    if found is None:
        return KnownHandover(key=held.id)
    age = (place.clock() - found.created).total_seconds()
    return KnownHandover(
        key=found.key, begun=True, age=age, handle=found.handle, left_out=list(found.left_out)
    )


async def hear_of_handover(held: HeldJob, child: Child, message: HandoverMessage) -> None:
    """Write down what the child says, and let it go on where it waits for that.

    Raises
    ------
    Fenced
    ChildLost

    """
    match message:
        case Waiting(waiting=True):
            # The execution duration rests meanwhile.
            held.waiting_since = monotonic()
        case Waiting():
            await held.persistently(held.rest)
            held.waiting_since = None
        case Submitting(key=key, left_out=left_out):
            await held.intend(key, left_out)
            if held.handing_back:
                return  # It is killed at once, and nothing has been sent.
            held.submitting = True
            await child.send(Go())
        case NotSubmitted():
            _settled(held)
        case Submitted(key=key, handle=handle):
            await held.arrived(key, handle)
            _settled(held)
            await child.send(Go())
        case InDoubt(key=key, sentence=sentence):
            await held.doubt(key, sentence)
            await child.send(Go())


def _settled(held: HeldJob) -> None:
    held.submitting = False
    held.changed.set()
