"""Checks circuits in child processes, so that no input can harm the service."""

from __future__ import annotations

import asyncio
import signal

import structlog

from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.drawings import Drawing
from quws.domain.errors import InvalidCircuit, TooLarge, Unavailable
from quws.sandbox.child import ChildLost
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

_MEMORY_BYTES = 1 << 30
_START_AFTER_SECONDS = 0.1
_TURN_SECONDS = 30.0
_KILLED = (None, -signal.SIGKILL)
_log = structlog.get_logger(__name__)


class CircuitChecker:
    """Reads circuits without running them, with one child per request.

    Parameters
    ----------
    seconds
        How long one check may take.
    at_once
        How many checks run at the same time; others wait their turn.

    """

    def __init__(self, *, seconds: float = 10.0, at_once: int = 2) -> None:
        self._pool = ChildPool("quws.runner.check:CheckRole", spares=at_once)
        self._seconds = seconds
        self._cpu_seconds = int(seconds) + 1
        self._turns = asyncio.Semaphore(at_once)

    async def start(self) -> None:
        """Begin to load the parsers; checks wait until that is done."""
        # A moment later: whoever starts the service waits for its first answer,
        # and loading the parsers would take a core from that.
        asyncio.get_running_loop().call_later(_START_AFTER_SECONDS, self._pool.start)

    async def close(self) -> None:
        """Stop all checks and end their children."""
        await self._pool.close()

    async def check(
        self, circuits: list[str], language: Language | None, limits: CircuitLimits
    ) -> list[CircuitFacts]:
        """Return what each circuit is.

        Raises
        ------
        InvalidCircuit
            The first one that cannot be read, asks for more than ``limits`` or takes too long.
        TooLarge
            One is longer than any language may be.
        Unavailable
            Nothing can be checked right now.

        """
        _refuse_long_ones(circuits, limits)
        request = CheckCircuits(
            circuits=circuits,
            language=language,
            limits=limits,
            memory_bytes=_MEMORY_BYTES,
            cpu_seconds=self._cpu_seconds,
        )
        match await self._answer(request):
            case CircuitsChecked(facts=facts):
                return facts
            case CircuitRefused() as refused:
                raise _invalid(refused, several=len(circuits) > 1)
            case answer:
                raise unexpected(answer)

    async def draw(self, circuit: str, language: Language | None, limits: CircuitLimits) -> Drawing:
        """Return the layout of a picture of a circuit, whether a target could run it or not.

        Raises
        ------
        InvalidCircuit
            It cannot be read, or takes too long.
        TooLarge
            It is longer than any language may be.
        Unavailable
            Nothing can be drawn right now.

        """
        _refuse_long_ones([circuit], limits)
        request = DrawCircuit(
            circuit=circuit,
            language=language,
            limits=limits,
            memory_bytes=_MEMORY_BYTES,
            cpu_seconds=self._cpu_seconds,
        )
        match await self._answer(request):
            case CircuitDrawn(drawing=drawing):
                return drawing
            case CircuitRefused() as refused:
                raise _invalid(refused, several=False)
            case answer:
                raise unexpected(answer)

    async def _answer(self, request: CheckCircuits | DrawCircuit) -> FromChild:
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise Unavailable("too many circuits are being checked right now; try again") from None
        try:
            return await self._asked(request)
        finally:
            self._turns.release()

    async def _asked(self, request: CheckCircuits | DrawCircuit) -> FromChild:
        for last in (False, True):
            try:
                child = await self._pool.acquire()
            except ChildrenUnavailable as error:
                raise Unavailable("circuits cannot be checked right now; try again") from error
            try:
                async with asyncio.timeout(self._seconds):
                    return await child.ask(request)
            except TimeoutError:
                raise InvalidCircuit(
                    f"reading CIRCUIT took longer than {self._seconds:.0f} seconds;"
                    " send fewer or smaller circuits"
                ) from None
            except ChildLost as lost:
                _log.warning("check died", status=lost.status)
                if lost.status not in _KILLED:
                    raise InvalidCircuit(
                        "CIRCUIT cannot be read within the limits of time and memory for a check"
                    ) from lost
                # From outside, and so perhaps not by this circuit's fault.
                if last:
                    raise Unavailable("the check was killed twice; try again later") from lost
            finally:
                self._pool.retire(child)
        raise AssertionError


def _refuse_long_ones(circuits: list[str], limits: CircuitLimits) -> None:
    longest = max(limits.bytes_openqasm2, limits.bytes_openqasm3)
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
