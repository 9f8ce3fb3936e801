"""In a child: hand a job over to a target with a queue of its own, and look after it.

Exactly one submission comes of a job, whatever dies in between. The worker
writes the intent before anything is sent (``submitting``, which it must
answer) and the handle after it (``submitted``), so the next attempt knows where
the last one stopped:

- no intent: nothing was sent;
- an intent without a handle: it is looked for by its key, and sent again only
  when it surely is not there;
- a handle: it is looked after, and nothing is ever sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from quws.domain.circuits import MOST_NOTES
from quws.domain.errors import Refusal
from quws.domain.failures import Failure
from quws.domain.options import RunOptions
from quws.domain.words import counted
from quws.runner.work import Failed
from quws.sandbox.messages import (
    Calibrated,
    CancelAnswer,
    Cancellation,
    Go,
    InDoubt,
    KnownHandover,
    Note,
    NotSubmitted,
    Progress,
    Submitted,
    Submitting,
    Waiting,
)
from quws.sandbox.roles import Connection, unexpected
from quws.targets.base import (
    Busy,
    CircuitResult,
    Compiled,
    Doubt,
    Gone,
    RemoteState,
    RemoteStatus,
    RemoteTarget,
)

T = TypeVar("T")

_NO_REASON = "no reason given"
_LONGEST_PAUSE = 5.0
_LONGEST_SENTENCE = 500
_GO_SECONDS = 10.0
"""How old the worker's leave to submit may be: later the job may be somebody else's."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Circuits that are ready to be sent, and which of the job are not among them."""

    circuits: Sequence[Compiled]
    left_out: Sequence[int] = ()


class RemoteRun:
    """One job on a remote target.

    Parameters
    ----------
    known
        What the worker knows of it.
    circuits
        Makes the circuits ready; called only when they must be sent.
    runs
        How many of those each circuit of the job becomes.
    aborted
        Circuits of the job that the other side is to leave out, if it has not run them.

    """

    def __init__(
        self,
        target: RemoteTarget,
        known: KnownHandover,
        circuits: Callable[[], Sent],
        options: RunOptions,
        connection: Connection,
        *,
        runs: Sequence[int],
        aborted: Sequence[int] = (),
    ) -> None:
        self._target = target
        self._runs = runs
        self._aborted = aborted
        self._left_out: Collection[int] = known.left_out
        self._key = known.key
        self._handle = known.handle
        self._begun = known.begun
        self._settled = time.monotonic() + target.settle_seconds - known.age
        self._circuits = circuits
        self._options = options
        self._connection = connection
        self._said: str | None = None
        self._waiting = False

    def results(self) -> list[tuple[int, list[CircuitResult]]]:
        """Hand the job over if nobody has, wait for it and fetch what came out of each circuit.

        Raises
        ------
        Failed
        Refusal
            The other side does not take it.

        """
        handle = self._handle or self._found() or self._submitted()
        try:
            if self._aborted:
                self._persistently(lambda: self._target.leave_out(handle, self._aborted))
            self._wait(handle)
            results = self._persistently(lambda: self._target.fetch(handle))
        except Gone as error:
            raise Failed(Failure.SUBMISSION_GONE.error(why=error)) from error
        left_out = frozenset(self._left_out)
        sent = [index for index in range(len(self._runs)) if index not in left_out]
        count = sum(self._runs[index] for index in sent)
        if len(results) != count:
            why = f"there are results of {counted(len(results), 'circuit')}, not of {count}"
            raise Failed(Failure.REMOTE_FAILED.error(why=why, transient=False))
        coming = iter(results)
        return [(index, list(islice(coming, self._runs[index]))) for index in sent]

    # -- handing over -----------------------------------------------------------

    def _found(self) -> str | None:
        """Find what an attempt before this one may have sent; None if nothing has arrived."""
        if not self._begun:
            return None
        while True:
            try:
                handle = self._persistently(lambda: self._target.find(self._key))
            except Doubt as error:
                self._give_up(error)
            if handle is not None:
                return self._arrived(handle)
            left = self._settled - time.monotonic()
            if self._target.idempotent or left <= 0:
                return None
            # It may be on its way still.
            self._say("looking whether the other side has got the job")
            time.sleep(min(left, self._target.poll_seconds))

    def _submitted(self) -> str:
        self._persistently(self._target.prepare)
        sent = self._circuits()
        self._left_out = sent.left_out
        pause = self._target.poll_seconds
        while True:
            asked_for = 0.0
            # Each time anew: the intent's time is that of the last try.
            self._connection.send(Submitting(key=self._key, left_out=list(sent.left_out)))
            asked = time.monotonic()
            self._wait_for_go()
            if time.monotonic() - asked > _GO_SECONDS:
                continue
            try:
                handle = self._target.submit(sent.circuits, self._options, self._key)
            except Refusal:
                raise
            except Doubt:
                if (found := self._looked_for()) is not None:
                    return found
            except ConnectionError as error:
                self._connection.send(NotSubmitted())
                self._unreachable(error)
                asked_for = _wanted_pause(error)
            except Exception:
                # Whatever went wrong, it may have arrived before that.
                if (found := self._looked_for()) is not None:
                    return found
                raise
            else:
                return self._arrived(handle)
            time.sleep(max(pause, asked_for))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _looked_for(self) -> str | None:
        self._connection.send(NotSubmitted())
        self._begun = True
        self._settled = time.monotonic() + self._target.settle_seconds
        return self._found()

    def _arrived(self, handle: str) -> str:
        self._connection.send(Submitted(key=self._key, handle=handle))
        self._wait_for_go()
        return handle

    def _wait_for_go(self) -> None:
        match self._connection.receive():
            case None:
                raise SystemExit  # The worker is gone, and so are we.
            case Go():
                pass
            case message:
                raise unexpected(message)

    def _give_up(self, error: Doubt) -> None:
        failure = Failure.SUBMISSION_IN_DOUBT.error(why=error)
        self._connection.send(InDoubt(key=self._key, sentence=failure.message))
        self._wait_for_go()
        raise Failed(failure) from error

    # -- looking after it -------------------------------------------------------

    def _wait(self, handle: str) -> None:
        known, asked = False, False
        while True:
            state = self._persistently(lambda: self._target.poll(handle))
            self._tell_waiting(state.status is RemoteStatus.QUEUED)
            # It may not be told yet when the job has just begun.
            done = state.status is RemoteStatus.DONE
            if not known and (done or (state.status is RemoteStatus.RUNNING and not asked)):
                asked, known = True, self._calibrate(handle)
            if state.status not in (RemoteStatus.QUEUED, RemoteStatus.RUNNING):
                for note in state.notes[:MOST_NOTES]:
                    self._connection.send(Note(sentence=note[:_LONGEST_SENTENCE]))
            match state.status:
                case RemoteStatus.DONE:
                    self._say("fetching the results")
                    return
                case RemoteStatus.FAILED:
                    raise Failed(
                        Failure.REMOTE_FAILED.error(
                            why=state.message or _NO_REASON, transient=state.transient
                        )
                    )
                case RemoteStatus.CANCELLED:
                    raise Failed(Failure.REMOTE_CANCELLED.error(why=state.message or _NO_REASON))
            self._say(_described(state))
            time.sleep(self._target.poll_seconds)

    def _tell_waiting(self, waiting: bool) -> None:
        # What a job waits there does not count as its execution.
        if waiting != self._waiting:
            self._waiting = waiting
            self._connection.send(Waiting(waiting=waiting))

    def _calibrate(self, handle: str) -> bool:
        try:
            found = self._target.calibration_of(handle)
        except (ConnectionError, Gone):
            return False  # The results are worth more.
        if found is not None:
            self._connection.send(Calibrated(calibration=found))
        return found is not None

    def _persistently(self, ask: Callable[[], T]) -> T:
        """Ask until the other side answers: that it is away is no fault of the job's."""
        pause = self._target.poll_seconds
        while True:
            try:
                return ask()
            except ConnectionError as error:
                self._unreachable(error)
                asked_for = _wanted_pause(error)
            time.sleep(max(pause, asked_for))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _unreachable(self, error: ConnectionError) -> None:
        self._say(f"the other side does not answer, and is asked again: {error}")

    def _say(self, message: str) -> None:
        if message != self._said:
            self._said = message
            self._connection.send(Progress(sentence=message[:_LONGEST_SENTENCE]))


def _wanted_pause(error: ConnectionError) -> float:
    """Return how many seconds the other side wants not to be asked; 0 where it says nothing."""
    return error.seconds if isinstance(error, Busy) else 0.0


def cancel(target: RemoteTarget, key: str, handle: str | None) -> CancelAnswer:
    """Cancel a submission, as far as the other side lets that be done now."""
    outcome, sentence = _cancelled(target, key, handle)
    return CancelAnswer(outcome=outcome, sentence=sentence)


def _cancelled(target: RemoteTarget, key: str, handle: str | None) -> tuple[Cancellation, str]:
    try:
        handle = handle or target.find(key)
        if handle is None:
            return Cancellation.MISSING, "there was nothing to be cancelled at the other side"
        target.cancel(handle)
        status = target.poll(handle).status
    except Gone:
        return Cancellation.DONE, "the other side does not know it any more"
    except Doubt as error:
        return (
            Cancellation.MISSING,
            f"nobody can tell whether the other side has got it: {error}",
        )
    except ConnectionError as error:
        return Cancellation.AGAIN, f"the other side does not answer: {error}"
    if status in (RemoteStatus.QUEUED, RemoteStatus.RUNNING):
        return Cancellation.AGAIN, "the other side has not stopped it yet"
    return Cancellation.DONE, f"it is {status} at the other side"


def _described(state: RemoteState) -> str:
    text = f"{state.status} at the other side"
    if state.position is not None:
        text += f", {state.position} before it"
    if state.done:
        text += f", {counted(state.done, 'circuit')} done"
    return f"{text}: {state.message}" if state.message else text
