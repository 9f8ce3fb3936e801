"""Checks circuits in child processes, so that no input can harm the service."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog

from quws.domain.caller import Caller
from quws.domain.circuits import CircuitFacts, CircuitLimits, Language
from quws.domain.compiling import Native
from quws.domain.drawings import Drawing
from quws.domain.errors import InvalidCircuit, TooLarge, TooManyRequests, Unavailable
from quws.domain.payloads import BINARY_TYPE, as_bytes
from quws.domain.rewritten import Rewritten
from quws.domain.words import counted
from quws.sandbox import confine
from quws.sandbox.child import Child, ChildLost, Owner
from quws.sandbox.messages import (
    CheckCircuits,
    CircuitDrawn,
    CircuitFiles,
    CircuitRefused,
    CircuitsChecked,
    CircuitsRewritten,
    DrawCircuit,
    FromChild,
    RewriteCircuits,
    SplitCircuits,
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
_AT_ONCE_CHARACTERS = 512 * 1024
"""Of many circuits, a child gets so many at once: all of them at once would be in memory again."""
_KILLED = (None, -signal.SIGKILL)
_Request = CheckCircuits | DrawCircuit | SplitCircuits | RewriteCircuits
_Answer = TypeVar("_Answer", CircuitDrawn, CircuitFiles, CircuitsRewritten)
_log = structlog.get_logger(__name__)


class _OutOfTime(Exception):
    """The child has used up its processor time."""


@dataclass(slots=True)
class _Time:
    """Processor time that is left for a check."""

    seconds: float

    def take(self, seconds: float) -> None:
        """Count what was used.

        Raises
        ------
        _OutOfTime
            There is nothing left.

        """
        self.seconds -= seconds
        if self.seconds <= 0:
            raise _OutOfTime


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
        *,
        native: Native | None = None,
    ) -> list[CircuitFacts]:
        """Return what each circuit is; one that the caller has sent before is not read again.

        Parameters
        ----------
        native
            What they may consist of, where they are run as they are.

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
        key = self._verdicts.key(caller, circuits, language, limits, native)
        known = self._verdicts.get(key)
        if known is not None:
            return known
        requests = [
            CheckCircuits(
                circuits=some,
                language=language,
                limits=limits,
                native=native,
                memory_bytes=_MEMORY_BYTES,
                cpu_seconds=math.ceil(self._seconds),
            )
            for some in _some_at_once(circuits)
        ]
        found: list[CircuitFacts] = []
        for answer in await self._answers(caller, requests, sum(map(len, circuits))):
            match answer:
                case CircuitsChecked(facts=facts):
                    found += facts.each()
                case CircuitRefused() as refused:
                    raise _invalid(refused, len(found), several=len(circuits) > 1)
                case _:
                    raise unexpected(answer)
        self._verdicts.put(key, found)
        return found

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
        return (await self._answer(caller, request, len(circuit), CircuitDrawn)).drawing

    async def split(
        self, caller: Caller, file: bytes, limits: CircuitLimits, most: int
    ) -> list[bytes]:
        """Return a QPY file for each circuit of one that has at most so many.

        Raises
        ------
        InvalidCircuit
            It is none, has too many circuits, or one of them is beyond ``limits``.
        Unavailable, TooManyRequests
            As with ``check``.

        """
        text = f"data:{BINARY_TYPE};base64,{b64encode(file).decode()}"
        request = SplitCircuits(
            file=text,
            language=Language.QPY,
            most=most,
            limits=limits,
            memory_bytes=_MEMORY_BYTES,
            cpu_seconds=math.ceil(self._seconds),
        )
        answer = await self._answer(caller, request, len(text), CircuitFiles)
        return [as_bytes(found) or b"" for found in answer.files]

    async def rewrite(
        self,
        caller: Caller,
        compiled: list[str],
        sources: list[str],
        language: Language,
        limits: CircuitLimits,
        *,
        together: bool = False,
    ) -> list[Rewritten | None]:
        """Return compiled circuits, in OpenQASM 3, in the language of their sources.

        With ``together`` the first one has all of them, where a file can have several.

        Raises
        ------
        InvalidCircuit
            It takes too long. Else what cannot be written is None, but for ``together``.
        Unavailable, TooManyRequests
            As with ``check``.

        """
        request = RewriteCircuits(
            circuits=compiled,
            sources=sources,
            together=together,
            language=language,
            limits=limits,
            memory_bytes=_MEMORY_BYTES,
            cpu_seconds=math.ceil(self._seconds),
        )
        characters = sum(map(len, compiled)) + sum(map(len, sources))
        return (await self._answer(caller, request, characters, CircuitsRewritten)).circuits

    async def _answer(
        self, caller: Caller, request: _Request, characters: int, wanted: type[_Answer]
    ) -> _Answer:
        """Return the answer to a request that has one answer, of one circuit."""
        (answer,) = await self._answers(caller, [request], characters)
        if isinstance(answer, wanted):
            return answer
        if isinstance(answer, CircuitRefused):
            raise _invalid(answer, 0, several=False)
        raise unexpected(answer)

    async def _answers(
        self, caller: Caller, requests: Sequence[_Request], characters: int
    ) -> list[FromChild]:
        """Return the answer to each request, up to the first one that is no facts."""
        if characters <= _CHEAP_CHARACTERS and self._seconds > _CHEAP_SECONDS:
            with contextlib.suppress(_OutOfTime):
                return await self._seated(self._cheap, caller, requests, _CHEAP_SECONDS)
        try:
            return await self._seated(self._dear, caller, requests, self._seconds)
        except _OutOfTime:
            raise InvalidCircuit(
                f"reading CIRCUIT takes more than {counted(math.ceil(self._seconds), 'second')} of"
                " processor time; send fewer or smaller circuits"
            ) from None

    async def _seated(
        self, seats: Seats, caller: Caller, requests: Sequence[_Request], seconds: float
    ) -> list[FromChild]:
        left = None if len(requests) == 1 else _Time(seconds)
        answers: list[FromChild] = []
        try:
            async with seats.seat(caller.name):
                for request in requests:
                    allowed = seconds if left is None else left.seconds
                    limited = request.model_copy(update={"cpu_seconds": math.ceil(allowed)})
                    answers.append(await self._asked(Owner(caller.name), limited, left))
                    if not isinstance(answers[-1], CircuitsChecked):
                        break
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
        return answers

    async def _asked(self, owner: Owner, request: _Request, left: _Time | None) -> FromChild:
        for last in (False, True):
            try:
                return await self._asked_once(owner, request, left)
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
                        "reading CIRCUIT broke its reader down: it is damaged, or takes more memory"
                        " than a check may"
                    ) from lost
                # From outside, and so perhaps not by this circuit's fault.
                if last:
                    raise Unavailable("the check was killed twice; try again later") from lost
        raise AssertionError

    async def _asked_once(self, owner: Owner, request: _Request, left: _Time | None) -> FromChild:
        child = await self._pool.acquire(owner)
        try:
            before = 0.0 if left is None else _used_by(child)
            async with asyncio.timeout(_CEILING * (request.cpu_seconds + 1)):
                answer = await child.ask(request)
            if left is not None:
                left.take(_used_by(child) - before)
        except BaseException:
            self._pool.retire(child)
            raise
        await self._pool.release(child)
        return answer


def _refuse_long_ones(circuits: list[str], limits: CircuitLimits) -> None:
    for index, text in enumerate(circuits):
        if not text or text.isspace():
            place = f"circuit {index}: " if len(circuits) > 1 else ""
            raise InvalidCircuit(f"{place}the text is empty", circuit=index)
        longest = limits.characters(text)
        if len(text) > longest:
            raise TooLarge(
                f"CIRCUIT has {len(text)} characters; at most {longest} are allowed",
                parameter="CIRCUIT",
            )


def _some_at_once(circuits: list[str]) -> Iterator[list[str]]:
    """Cut circuits into lists that are not too large, or have one circuit."""
    some: list[str] = []
    characters = 0
    for text in circuits:
        if some and characters + len(text) > _AT_ONCE_CHARACTERS:
            yield some
            some, characters = [], 0
        some.append(text)
        characters += len(text)
    yield some


def _used_by(child: Child) -> float:
    return 0.0 if child.pid is None else confine.cpu_used_by(child.pid)


def _invalid(refused: CircuitRefused, before: int, *, several: bool) -> InvalidCircuit:
    """Return a refusal of one of the circuits after those that were read before."""
    # With several circuits the sentence must say which one is meant.
    index = before + refused.circuit
    place = f"circuit {index}: " if several else ""
    return InvalidCircuit(
        f"{place}{refused.sentence}",
        line=refused.line,
        column=refused.column,
        circuit=index,
    )
