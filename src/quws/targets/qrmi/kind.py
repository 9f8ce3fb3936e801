"""A type of resource that QRMI knows: how its device is read, and what it is sent and gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from quws.domain.options import RunOptions
    from quws.domain.targets import Calibration, TargetDescription, TargetState
    from quws.targets.base import Compiled

Outcomes = tuple[dict[str, int], list[str] | None]
"""Counts, and the bits of each shot where they are known."""


class Payload(NamedTuple):
    """What a task is started with: the name of a class of QRMI's, and its arguments."""

    name: str
    arguments: dict[str, Any]


class Device(Protocol):
    """A device with its present calibration."""

    calibration: Calibration | None

    def describe(self, name: str, title: str) -> TargetDescription:
        """Describe it as a target of a name."""

    def compile(self, circuit: QuantumCircuit, options: RunOptions) -> Compiled:
        """Return a circuit as it can run it.

        Raises
        ------
        InvalidCircuit

        """

    def payload(self, circuits: Sequence[Compiled], options: RunOptions, key: str) -> Payload:
        """Write compiled circuits, so that they can be known again by our key of the submission.

        Raises
        ------
        InvalidCircuit

        """


class Kind(Protocol):
    """A type of resource."""

    asks_status: ClassVar[bool]
    """Whether ``status`` says more than that the device can be described."""

    @classmethod
    def device(cls, text: str, level: int) -> Device:
        """Read a device from the text that QRMI gives of it.

        Raises
        ------
        ValueError
            It cannot be used.

        """

    @classmethod
    def state(cls, status: Mapping[str, Any]) -> TargetState:
        """Read whether it takes work from what QRMI says of it."""

    @classmethod
    def find(
        cls, resource: str, settings: Mapping[str, str], key: str, *, timeout: float
    ) -> str | None:
        """Return the id of the task that was started under a key; None if there surely is none.

        Raises
        ------
        Doubt
            The other side cannot be asked that.
        ConnectionError
            It does not answer now.

        """

    @classmethod
    def outcomes(cls, text: str, *, memory: bool) -> list[Outcomes]:
        """Read what circuits gave.

        Raises
        ------
        ValueError
            It is of another shape.

        """
