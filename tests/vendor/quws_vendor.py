"""The adapter of a vendor that exists only in the tests, in a package of its own."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from quws.domain.errors import InvalidCircuit
from quws.domain.options import RunOptions
from quws.domain.targets import Calibration, TargetDescription, TargetKind, TargetState
from quws.targets.base import (
    CircuitResult,
    Compiled,
    Doubt,
    Gone,
    Progress,
    RemoteState,
    RemoteStatus,
    RemoteTarget,
)

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Vendor(RemoteTarget):
    """Has jobs run at the vendor's, over HTTP."""

    poll_seconds = 0.05

    # Longer than a worker takes to come back on a busy machine.
    settle_seconds = 40.0

    def __init__(self, name: str, *, url: str, token: str = "") -> None:
        super().__init__(name)
        self._url = url
        self._token = token

    def describe(self) -> TargetDescription:
        return TargetDescription(
            name=self.name,
            kind=TargetKind.HARDWARE,
            title="The vendor's machine",
            qubits=5,
            native_gates=["h", "cx"],
            coupling=[(0, 1), (1, 2)],
        )

    def load(self) -> None:
        pass

    def state(self) -> TargetState:
        return TargetState.model_validate(self._ask("/state"))

    def calibration(self) -> Calibration | None:
        return Calibration.model_validate(self._ask("/calibration"))

    def submit(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> str:
        bits = [item.circuit.num_clbits for item in circuits]
        try:
            return str(self._ask("/submit", {"key": key, "bits": bits, "shots": options.shots}))
        except ConnectionRefusedError:
            raise
        except ConnectionError as error:
            raise Doubt(str(error)) from error

    def find(self, key: str) -> str | None:
        try:
            found = self._ask("/find", {"key": key})
        except Gone:
            raise Doubt("the vendor has no search") from None
        return None if found is None else str(found)

    def poll(self, handle: str) -> RemoteState:
        job = self._ask(f"/jobs/{handle}")
        return RemoteState(RemoteStatus(job["status"]), job["message"], position=job["position"])

    def cancel(self, handle: str) -> None:
        self._ask(f"/jobs/{handle}/cancel", {})

    def fetch(self, handle: str) -> list[CircuitResult]:
        return [
            CircuitResult(counts=counts, memory=None, engine="vendor", seconds=0.1)
            for counts in self._ask(f"/jobs/{handle}/result")
        ]

    def run(self, compiled: Compiled, options: RunOptions, progress: Progress) -> CircuitResult:
        raise NotImplementedError

    def _ask(self, path: str, content: dict[str, Any] | None = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        try:
            with _OPENER.open(f"{self._url}{path}", data, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
            if error.code == 404:
                raise Gone(text) from error
            raise InvalidCircuit(text) from error
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionRefusedError):
                raise ConnectionRefusedError("nobody listens") from error
            raise ConnectionError(str(error.reason)) from error
        except OSError as error:
            raise ConnectionError(str(error)) from error
