"""What the parameter NOISE may say, and what it means.

Several models may be joined by ``+``: ``depolarizing:p=0.001,p2=0.01+readout:p=0.02``.
JSON says the same: ``{"depolarizing": {"p": 0.001, "p2": 0.01}, "readout": {"p": 0.02}}``.
``docs/reference/simulator.md`` is the page for people.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from quws.domain.errors import InvalidParameter
from quws.domain.targets import Calibration

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]

_LONGEST = 4000
_OTHER_SPELLINGS = {
    "depolarising": "depolarizing",
    "bitflip": "bit_flip",
    "phaseflip": "phase_flip",
}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Depolarizing(_Model):
    """After each gate, with this probability, a Pauli error: each of them as likely.

    ``p`` holds for gates on one qubit (X, Y or Z), ``p2`` for those on two (one
    of 15); without ``p2`` both are the same. With the largest values nothing is
    left of the state.
    """

    p: Annotated[Probability, Field(le=0.75)]
    p2: Annotated[Probability, Field(le=0.9375)] | None = None


class Flip(_Model):
    """After each gate, on each of its qubits, X (bit flip) or Z (phase flip) with probability p."""

    p: Probability


class Readout(_Model):
    """A measured bit is wrong: ``p01`` is the probability to read 1 for 0, ``p10`` 0 for 1."""

    p: Probability | None = None
    p01: Probability | None = None
    p10: Probability | None = None

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if (self.p is None) == (self.p01 is None and self.p10 is None):
            raise ValueError("give p, or p01 and p10")
        return self

    @property
    def pair(self) -> tuple[float, float]:
        """The probabilities of 1 for 0, and of 0 for 1."""
        if self.p is not None:
            return self.p, self.p
        return self.p01 or 0.0, self.p10 or 0.0


class Thermal(_Model):
    """Relaxation to 0 with T1 and loss of phase with T2, while gates and delays last; in seconds.

    ``time`` is how long a gate on one qubit takes, ``time2`` one on two.
    """

    t1: Seconds
    t2: Seconds
    time: Seconds = 50e-9
    time2: Seconds = 300e-9

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.t2 > 2 * self.t1:
            raise ValueError("t2 can be at most twice t1")
        return self


class Device(_Model):
    """The errors of a device, as it is calibrated; the service fills the calibration in."""

    name: str = Field(min_length=1, max_length=100)
    calibration: Calibration | None = None


class Noise(_Model):
    """All that NOISE says. The models act one after the other."""

    depolarizing: Depolarizing | None = None
    bit_flip: Flip | None = None
    phase_flip: Flip | None = None
    thermal: Thermal | None = None
    readout: Readout | None = None
    device: Device | None = None

    @property
    def on_gates(self) -> bool:
        """Whether it does anything but to measured bits."""
        return any(
            item is not None
            for item in (
                self.depolarizing,
                self.bit_flip,
                self.phase_flip,
                self.thermal,
                self.device,
            )
        )

    @property
    def pauli(self) -> bool:
        """Whether what it does to qubits are Pauli errors only, which keep a circuit Clifford."""
        return self.thermal is None and self.device is None


MODELS = tuple(Noise.model_fields)


def read_noise(text: str) -> Noise | None:
    """Read NOISE; None for no noise.

    Raises
    ------
    InvalidParameter
        It names no model, or a value is missing or out of its range.

    """
    text = text.strip()
    if text.lower() in ("", "none", "ideal"):
        return None
    if len(text) > _LONGEST:
        raise _refusal(f"it has {len(text)} characters, {_LONGEST} are allowed")
    try:
        given = _json(text) if text.startswith("{") else _words(text)
        if not given:
            return None
        return Noise.model_validate(given)
    except ValidationError as error:
        raise _refusal(_explained(error)) from None


def _json(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise _refusal("it begins like a JSON object and is none") from None
    models = {_spelled(str(name)): value for name, value in given.items()}
    for value in models.values():
        if isinstance(value, dict) and "calibration" in value:
            raise _refusal("a calibration is not given but looked up by the name of the device")
    return models


def _words(text: str) -> dict[str, Any]:
    models: dict[str, Any] = {}
    for part in _parts(text):
        name, _, values = part.partition(":")
        name = _spelled(name)
        if name in models:
            raise _refusal(f"it names {name[:40]} twice")
        if name == "device":
            models[name] = {"name": values.strip()}
            continue
        models[name] = {}
        for pair in filter(None, (item.strip() for item in values.split(","))):
            key, equals, value = pair.partition("=")
            # A number alone is the model's probability.
            if not equals:
                key, value = "p", pair
            models[name][key.strip().lower()] = value.strip()
    return models


def _parts(text: str) -> list[str]:
    """Cut between the models: at ``+``, which a form turns into a blank unless it is escaped."""
    tight = re.sub(r"\s*([,:=])\s*", r"\1", text)
    return re.split(r"(?<!\d[eE])\+|\s+", re.sub(r"\s*\+\s*", "+", tight))


def _spelled(name: str) -> str:
    name = name.strip().lower().replace("-", "_")
    return _OTHER_SPELLINGS.get(name, name)


def _explained(error: ValidationError) -> str:
    first = error.errors()[0]
    where = [str(item)[:40] for item in first["loc"]]
    if first["type"] == "extra_forbidden":
        if len(where) == 1:
            return f"there is no model '{where[0]}'"
        return f"{where[0]} has no value '{where[-1]}'"
    reason = str(first["msg"]).removeprefix("Value error, ")
    return f"{' '.join(where)}: {reason[0].lower()}{reason[1:]}"


def _refusal(fault: str) -> InvalidParameter:
    return InvalidParameter(
        f"NOISE cannot be read: {fault}; it may be none, or models joined by '+':"
        " depolarizing:p=…,p2=… bit_flip:p=… phase_flip:p=… thermal:t1=…,t2=…,time=…,time2=…"
        " readout:p=… (or p01=…,p10=…) device:NAME",
        parameter="NOISE",
    )
