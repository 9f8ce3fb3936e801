"""Error mitigation that asks nothing of a device: what the parameter MITIGATION may say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from quws.domain.circuits import CircuitFacts, called, kinds_of
from quws.domain.errors import InvalidParameter


class Mitigation(StrEnum):
    """The ways to mitigate errors, in the order in which they are applied."""

    READOUT = "readout"
    """Bits that were read wrong, by the target's calibration, qubit by qubit."""
    ZNE = "zne"
    """Zero-noise extrapolation: circuits are run with more noise, too, and less is inferred."""


FACTORS = (1, 3, 5)
"""How often the noise of each gate acts in the runs that zero-noise extrapolation makes."""
_WORD = re.compile(r"""[\s,+"'\[\]]+""")


def read_mitigation(text: str) -> list[Mitigation] | None:
    """Read which errors are to be mitigated; None for ``none``.

    Raises
    ------
    InvalidParameter
        There is no such way.

    """
    words = [word for word in _WORD.split(text.strip().lower()) if word]
    if words in (["none"], []):
        return None
    if not set(words) <= set(Mitigation):
        raise InvalidParameter(
            f"MITIGATION must be {', '.join(Mitigation)}, both with a comma between, or none, not"
            f" '{text[:40]}'",
            parameter="MITIGATION",
        )
    return [item for item in Mitigation if item in words]


def check_mitigation(
    mitigation: Sequence[Mitigation] | None, facts: Sequence[CircuitFacts]
) -> None:
    """Refuse circuits whose errors cannot be mitigated in the ways that are asked for.

    Raises
    ------
    InvalidParameter

    """
    for way in mitigation or ():
        for index, _, item in kinds_of(facts):
            wrong = "classical control" if item.control_flow else None
            if way is Mitigation.ZNE and wrong is None:
                wrong = "resets" if item.resets else None
                wrong = "mid-circuit measurement" if item.mid_circuit else wrong
            if wrong is not None:
                raise InvalidParameter(
                    f"MITIGATION={way} needs circuits without {wrong}, which"
                    f" {called(index, facts)} has",
                    parameter="MITIGATION",
                )
