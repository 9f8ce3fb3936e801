"""A server of IQM's by QRMI."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from typing_extensions import override

from quws.domain.options import RunOptions
from quws.domain.targets import TargetState
from quws.targets.base import Compiled
from quws.targets.iqm.doubts import unlisted
from quws.targets.iqm.machine import Machine, qubit_names, read_calibration
from quws.targets.iqm.results import read_counts, read_measurements
from quws.targets.qrmi.kind import Device, Kind, Outcomes, Payload


class IqmDevice(Machine):
    """A machine of IQM's that takes a whole request as one text."""

    def payload(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> Payload:
        """Write compiled circuits; the key becomes the tag that people see there.

        Raises
        ------
        InvalidCircuit

        """
        request = {"circuits": self.write(circuits), "shots": options.shots}
        arguments = {
            "iqmjson": json.dumps(request),
            "job_type": "circuit",
            "use_timeslot": None,
            "tag": key,
        }
        return Payload("IQMServer", arguments)


class IqmKind(Kind):
    """IQM's server."""

    asks_status: ClassVar[bool] = False

    @override
    @classmethod
    def device(cls, text: str, level: int) -> Device:
        known = json.loads(text)
        dynamic = known["dynamic_quantum_architecture"]
        static = known.get("static_quantum_architecture")
        # It comes as a list of one.
        static = static[0] if isinstance(static, list) else static
        if dynamic.get("computational_resonators"):
            raise ValueError(
                "its qubits meet in resonators, for which IQM's own client is needed: use the"
                " adapter iqm"
            )
        sets = known.get("calibration_set"), known.get("quality_metrics")
        calibration = None
        if sets[0]:
            calibration = read_calibration(qubit_names(static, dynamic), sets[0], sets[1] or {})
        return IqmDevice(static, dynamic, calibration, level)

    @override
    @classmethod
    def state(cls, status: Mapping[str, Any]) -> TargetState:
        return TargetState()

    @override
    @classmethod
    def find(
        cls, resource: str, settings: Mapping[str, str], key: str, *, timeout: float
    ) -> str | None:
        raise unlisted(resource, key)

    @override
    @classmethod
    def outcomes(cls, text: str, *, memory: bool) -> list[Outcomes]:
        found = json.loads(text)
        if memory:
            return [read_measurements(item) for item in found["measurements"]]
        return [(read_counts(item), None) for item in found["measurement_counts"]]
