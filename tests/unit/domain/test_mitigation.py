"""Which errors a job may have mitigated, and of which circuits."""

from __future__ import annotations

from typing import Any

import pytest

from quws.domain.circuits import CircuitFacts, Language
from quws.domain.errors import InvalidParameter
from quws.domain.mitigation import Mitigation, check_mitigation, read_mitigation
from quws.domain.observables import collect
from quws.domain.options import RunOptions


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("readout", ["readout"]),
        (" ZNE , readout", ["readout", "zne"]),
        ('["readout", "zne"]', ["readout", "zne"]),
        ("readout+zne", ["readout", "zne"]),
        ("none", None),
        ("", None),
    ],
)
def test_ways_are_read_in_the_order_in_which_they_are_applied(
    text: str, ways: list[str] | None
) -> None:
    assert read_mitigation(text) == ways


@pytest.mark.parametrize("text", ["pec", "none,zne", "readout;zne"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidParameter, match="MITIGATION must be readout, zne, both with a"):
        read_mitigation(text)


@pytest.mark.parametrize(
    ("way", "has", "wrong"),
    [
        ("readout", {"control_flow": True}, "classical control"),
        ("readout", {"mid_circuit": True, "resets": True}, None),
        ("zne", {"control_flow": True, "resets": True}, "classical control"),
        ("zne", {"resets": True}, "resets"),
        ("zne", {"mid_circuit": True}, "mid-circuit measurement"),
        ("zne", {}, None),
    ],
)
def test_what_cannot_be_mitigated_is_refused(
    way: str, has: dict[str, Any], wrong: str | None
) -> None:
    plain = CircuitFacts(language=Language.OPENQASM_3, qubits=1, clbits=1, operations=1, depth=1)
    facts = [plain, plain.model_copy(update=has)]
    check_mitigation(None, facts)
    if wrong is None:
        check_mitigation([Mitigation(way)], facts)
        return
    with pytest.raises(InvalidParameter) as caught:
        check_mitigation([Mitigation(way)], facts)
    assert caught.value.sentence == (
        f"MITIGATION={way} needs circuits without {wrong}, which circuit 1 has"
    )


def test_to_extrapolate_takes_three_times_the_runs() -> None:
    options = RunOptions(shots=1, kind="estimate", observable=collect(["Z0", "X0"]))
    assert (options.runs(0), options.mean_runs) == (2, 2)
    more = options.model_copy(update={"mitigation": [Mitigation.ZNE]})
    assert (more.runs(0), more.mean_runs) == (6, 6)
