"""Calls to QRMI with a time limit, each made by a process of its own that can be killed."""

from __future__ import annotations

import contextlib
import json
import re
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from quws.domain.extras import MissingExtra
from quws.targets.base import Gone

_PROGRAM = Path(__file__).with_name("errand.py")
_CHUNK = 1 << 20
_NOT_THERE = ("TaskNotFoundError", "ResourceNotFoundError")
_NOT_FIT = ("ConfigError", "EnvVarNotSetError", "UnsupportedResourceTypeError")
_LONGEST = 300
_STATUS = re.compile(r"\A(?:error in response: status code|response body:) ([0-9]{3})\b")
"""How its errors tell the status of an answer that it has no error for."""
_REFUSED, _TOO_SLOW, _BROKEN = 400, 408, 500


class CallRefused(Exception):
    """The other side does not take what it was sent, and never will."""


class CallUncertain(Exception):
    """A call was cut off, and may have had its effect or not."""


class Caller:
    """Makes calls to one resource.

    A process for them is started when it is needed, and anew after one was killed.

    Parameters
    ----------
    resource, kind, settings
        As QRMI takes them.
    limit
        How many seconds a call may take.

    """

    def __init__(self, resource: str, kind: str, settings: dict[str, str], *, limit: float) -> None:
        self._begin = {"resource": resource, "type": kind, "settings": settings}
        self._limit = limit
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, call: str, **arguments: Any) -> Any:
        """Make a call that can be made again.

        Raises
        ------
        ConnectionError
            It may work another time.
        Gone
            The other side does not know what it is asked about.
        ValueError
            The resource is not described as QRMI wants it.
        MissingExtra
            QRMI is not installed.

        """
        try:
            return self._call({"call": call, "arguments": arguments})
        except (CallRefused, CallUncertain) as error:
            raise ConnectionError(str(error)) from error

    def start(self, payload: str, **arguments: Any) -> str:
        """Start a task, and return its id there.

        Raises
        ------
        CallRefused
            It is not taken.
        CallUncertain
            It may have been taken.
        ConnectionError
            It has not been taken, and may be another time.
        Gone
            There is no such resource.

        """
        asked = {"call": "task_start", "payload": payload, "arguments": arguments}
        return str(self._call(asked))

    def close(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:  # Closes the pipes, and waits.
                pass

    # -- the process ------------------------------------------------------------------

    def _call(self, asked: dict[str, Any]) -> Any:
        process = self._running()
        answer = self._answered(process, asked, asked["call"])
        if "error" in answer:
            _fail(answer["error"], answer["message"])
        return answer["value"]

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        try:
            answer = self._answered(process, self._begin, "the beginning")
        except CallUncertain as error:
            raise ConnectionError(str(error)) from error
        if "error" in answer:
            self.close()
            if answer["error"] == "ModuleNotFoundError":
                raise MissingExtra("qrmi", answer["message"])
            if answer["error"] in (*_NOT_FIT, "AttributeError"):
                raise ValueError(_brief(answer["message"]))
            _fail(answer["error"], answer["message"])
        return process

    def _answered(
        self, process: subprocess.Popen[bytes], asked: dict[str, Any], name: str
    ) -> dict[str, Any]:
        line = None
        with contextlib.suppress(BrokenPipeError):
            assert process.stdin is not None
            _write(process.stdin, json.dumps(asked).encode() + b"\n")
            line = self._line(process)
        if line is None:
            ended = process.poll() is not None
            self.close()
            how = "its process ended" if ended else f"no answer within {self._limit:.0f} seconds"
            raise CallUncertain(f"QRMI, {name}: {how}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _line(self, process: subprocess.Popen[bytes]) -> bytes | None:
        """Read an answer; None where none comes in time."""
        assert process.stdout is not None
        until = time.monotonic() + self._limit
        parts = []
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while (left := until - time.monotonic()) > 0:
                if not selector.select(left):
                    continue
                part = process.stdout.read(_CHUNK)
                if not part:
                    process.wait()
                    return None
                parts.append(part)
                if part.endswith(b"\n"):
                    return b"".join(parts)
        return None


def _write(pipe: Any, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[pipe.write(view) :]


def _fail(kind: str, message: str) -> NoReturn:
    said = _brief(message)
    if kind in _NOT_THERE:
        raise Gone(said)
    if kind == "AuthenticationFailedError":
        # An operator may mend it while the job waits.
        raise ConnectionError(said)
    if kind in ("InvalidInputError", "UnsupportedPayloadError", "UnsupportedFunctionError"):
        raise CallRefused(said)
    status = _STATUS.search(message)
    match int(status[1]) if status else None:
        case 401 | 403 | 429 | 503:
            raise ConnectionError(said)
        case int(number) if _REFUSED <= number < _BROKEN and number != _TOO_SLOW:
            raise CallRefused(said)
    raise CallUncertain(said)


def _brief(message: str) -> str:
    """Return what a user should read of an error: the sentence in it, where it is a document."""
    start = message.find("{")
    if start >= 0:
        with contextlib.suppress(ValueError):
            document = json.loads(message[start:])
            for found in (document, *(document.get("errors") or ())):
                if isinstance(found, dict) and isinstance(found.get("message"), str):
                    return str(found["message"])[:_LONGEST]
    return message.removeprefix("error in reqwest: ")[:_LONGEST]
