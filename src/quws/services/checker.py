"""Checks circuits in child processes, so that no input can harm the service."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal

import structlog

from quws.domain.caller import Caller
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.drawings import Drawing
from quws.domain.errors import InvalidCircuit, TooLarge, TooManyRequests, Unavailable
from quws.sandbox.child import ChildLost, Owner
from quws.sandbox.messages import (
    CheckCircuits,
    CircuitDrawn,
    CircuitRefused,
    CircuitsChecked,
    DrawCircuit,
    FromChild,
)
from quws.sandbox.pool import ChildPool, ChildrenUnavailable
from quws.sandbox.roles import unexpected
from quws.services.seats import NoSeat, QueueFull, Seats
from quws.services.verdicts import Verdicts

_MEMORY_BYTES = 1 << 30
_START_AFTER_SECONDS = 0.1
_CHEAP_CHARACTERS = 16 * 1024
_CHEAP_SECONDS = 1
"""Processor time for small texts; one that needs more is dear after all, and begins anew."""
_CHEAP_AT_ONCE, _CHEAP_QUEUE = 2, 100
_DEAR_AT_ONCE, _DEAR_QUEUE = 1, 8
_SEAT_SECONDS = 30.0
_CEILING = 6
"""How much longer than its processor time a check may take, on a machine that is busy."""
_KILLED = (None, -signal.SIGKILL)
_log = structlog.get_logger(__name__)


class _OutOfTime(Exception):
    """The child has used up its processor time."""


class CircuitChecker:
    """Reads circuits without running them, in children of which each serves one caller only.

    Small texts and large ones have seats of their own, so that what is read in a moment
    never waits for what takes long; and each caller has one seat of each kind at a time.

    Parameters
    ----------
    seconds
        How much processor time one check may take.

    """

    def __init__(self, *, seconds: float = 60.0) -> None:
        self._pool = ChildPool(
            "quws.runner.check:CheckRole",
            {"memory_bytes": _MEMORY_BYTES, "cpu_seconds": math.ceil(seconds)},
            spares=_CHEAP_AT_ONCE,
        )
        self._seconds = seconds
        self._verdicts = Verdicts()
        self._cheap = Seats(_CHEAP_AT_ONCE, queue=_CHEAP_QUEUE, seconds=_SEAT_SECONDS)
        self._dear = Seats(_DEAR_AT_ONCE, queue=_DEAR_QUEUE, seconds=_SEAT_SECONDS)

    async def start(self) -> None:
        """Begin to load the parsers; checks wait until that is done."""
        # A moment later: whoever starts the service waits for its first answer,
        # and loading the parsers would take a core from that.
        asyncio.get_running_loop().call_later(_START_AFTER_SECONDS, self._pool.start)

    async def close(self) -> None:
        """Stop all checks and end their children."""
        await self._pool.close()

    async def check(
        self,
        caller: Caller,
        circuits: list[str],
        language: Language | None,
        limits: CircuitLimits,
    ) -> list[CircuitFacts]:
        """Return what each circuit is; one that the caller has sent before is not read again.

        Raises
        ------
        InvalidCircuit
            The first one that cannot be read, asks for more than ``limits`` or takes too long.
        TooLarge
            One is longer than any language may be.
        Unavailable
            Nothing can be checked right now.
        TooManyRequests
            Others of this caller are being checked already.

        """
        _refuse_long_ones(circuits, limits)
        key = self._verdicts.key(caller, circuits, language, limits)
        known = self._verdicts.get(key)
        if known is not None:
            return known
        request = CheckCircuits(
            circuits=circuits,
            language=language,
            limits=limits,
            memory_bytes=_MEMORY_BYTES,
            cpu_seconds=math.ceil(self._seconds),
        )
        match await self._answer(caller, request, sum(map(len, circuits))):
            case CircuitsChecked(facts=facts):
                self._verdicts.put(key, facts)
                return facts
            case CircuitRefused() as refused:
                raise _invalid(refused, several=len(circuits) > 1)
            case answer:
                raise unexpected(answer)

    async def draw(
        self, caller: Caller, circuit: str, language: Language | None, limits: CircuitLimits
    ) -> Drawing:
        """Return the layout of a picture of a circuit, whether a target could run it or not.

        Raises
        ------
        InvalidCircuit
            It cannot be read, or takes too long.
        TooLarge
            It is longer than any language may be.
        Unavailable
            Nothing can be drawn right now.
        TooManyRequests
            Others of this caller are being checked already.

        """
        _refuse_long_ones([circuit], limits)
        request = DrawCircuit(
            circuit=circuit,
            language=language,
            limits=limits,
            memory_bytes=_MEMORY_BYTES,
            cpu_seconds=math.ceil(self._seconds),
        )
        match await self._answer(caller, request, len(circuit)):
            case CircuitDrawn(drawing=drawing):
                return drawing
            case CircuitRefused() as refused:
                raise _invalid(refused, several=False)
            case answer:
                raise unexpected(answer)

    async def _answer(
        self, caller: Caller, request: CheckCircuits | DrawCircuit, characters: int
    ) -> FromChild:
        if characters <= _CHEAP_CHARACTERS and self._seconds > _CHEAP_SECONDS:
            with contextlib.suppress(_OutOfTime):
                cheap = request.model_copy(update={"cpu_seconds": _CHEAP_SECONDS})
                return await self._seated(self._cheap, caller, cheap)
        try:
            return await self._seated(self._dear, caller, request)
        except _OutOfTime:
            raise InvalidCircuit(
                f"reading CIRCUIT takes more than {request.cpu_seconds} seconds of processor time;"
                " send fewer or smaller circuits"
            ) from None

    async def _seated(
        self, seats: Seats, caller: Caller, request: CheckCircuits | DrawCircuit
    ) -> FromChild:
        try:
            async with seats.seat(caller.name):
                return await self._asked(Owner(caller.name), request)
        except QueueFull:
            raise TooManyRequests(
                "too many of your circuits wait for their check; send them one after the other"
            ) from None
        except NoSeat as late:
            if late.alone:
                raise TooManyRequests(
                    "the check of your circuits before this one takes long; try again when it is"
                    " done"
                ) from None
            raise Unavailable("too many circuits are being checked right now; try again") from None

    async def _asked(self, owner: Owner, request: CheckCircuits | DrawCircuit) -> FromChild:
        for last in (False, True):
            try:
                return await self._asked_once(owner, request)
            except ChildrenUnavailable as error:
                raise Unavailable("circuits cannot be checked right now; try again") from error
            except TimeoutError:
                # It got no processor, or sleeps: not what it may be refused for.
                _log.warning("check took too long", seconds=request.cpu_seconds)
                raise Unavailable(
                    "circuits cannot be checked in time, since the machine is too busy; try again"
                    " later"
                ) from None
            except ChildLost as lost:
                if lost.status == -signal.SIGXCPU:
                    raise _OutOfTime from None
                _log.warning("check died", status=lost.status)
                if lost.status not in _KILLED:
                    raise InvalidCircuit(
                        "CIRCUIT cannot be read within the limits of time and memory for a check"
                    ) from lost
                # From outside, and so perhaps not by this circuit's fault.
                if last:
                    raise Unavailable("the check was killed twice; try again later") from lost
        raise AssertionError

    async def _asked_once(self, owner: Owner, request: CheckCircuits | DrawCircuit) -> FromChild:
        child = await self._pool.acquire(owner)
        try:
            async with asyncio.timeout(_CEILING * (request.cpu_seconds + 1)):
                answer = await child.ask(request)
        except BaseException:
            self._pool.retire(child)
            raise
        await self._pool.release(child)
        return answer


def _refuse_long_ones(circuits: list[str], limits: CircuitLimits) -> None:
    longest = limits.characters
    for text in circuits:
        if len(text) > longest:
            raise TooLarge(
                f"CIRCUIT has {len(text)} characters; at most {longest} are allowed",
                parameter="CIRCUIT",
            )


def _invalid(refused: CircuitRefused, *, several: bool) -> InvalidCircuit:
    # With several circuits the sentence must say which one is meant.
    place = f"circuit {refused.circuit}: " if several else ""
    return InvalidCircuit(
        f"{place}{refused.sentence}",
        line=refused.line,
        column=refused.column,
        circuit=refused.circuit,
    )
