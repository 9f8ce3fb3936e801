"""The parameter NOISE: what is taken, in both ways of writing, and what is refused."""

import json

import pytest

from quws.domain.errors import InvalidParameter
from quws.domain.noise import MODELS, read_noise


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("depolarizing:p=0.01", {"depolarizing": {"p": 0.01}}),
        ("Depolarising:0.01", {"depolarizing": {"p": 0.01}}),
        (
            "depolarizing:p=1e-3,p2=0.01+readout:p01=0.1,p10=0.2",
            {"depolarizing": {"p": 0.001, "p2": 0.01}, "readout": {"p01": 0.1, "p10": 0.2}},
        ),
        # As it arrives from a form whose plus signs were not escaped.
        (
            "bit_flip:p=0.1 phase-flip: p = 0.2",
            {"bit_flip": {"p": 0.1}, "phase_flip": {"p": 0.2}},
        ),
        (
            "thermal:t1=5e-5,t2=1e+1",
            None,
        ),
        (
            "thermal:t1=5e-5,t2=7e-5,time=1e-8,time2=2e-7",
            {"thermal": {"t1": 5e-5, "t2": 7e-5, "time": 1e-8, "time2": 2e-7}},
        ),
        ("device:a-device.v2", {"device": {"name": "a-device.v2"}}),
        ('{"readout": {"p": 0.5}}', {"readout": {"p": 0.5}}),
    ],
)
def test_both_ways_of_writing_mean_the_same(text: str, means: dict[str, object] | None) -> None:
    if means is None:
        with pytest.raises(InvalidParameter, match="twice t1"):
            read_noise(text)
        return
    found = read_noise(text)
    assert found is not None
    assert found.model_dump(mode="json", exclude_none=True) == means
    assert read_noise(json.dumps(means)) == found


@pytest.mark.parametrize("text", ["", "none", "NONE", "ideal", "{}"])
def test_no_noise(text: str) -> None:
    assert read_noise(text) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("gaussian:p=0.1", "no model 'gaussian'"),
        ("depolarizing", "depolarizing p"),
        ("depolarizing:p=0.8", "less than or equal to 0.75"),
        ("depolarizing:p=-1", "greater than or equal to 0"),
        ("depolarizing:p=nan", "finite"),
        ("depolarizing:p=a", "number"),
        ("depolarizing:p=0.1,q=1", "no value 'q'"),
        ("readout:p=0.1+readout:p=0.2", "twice"),
        ("readout:p=0.1,p01=0.2", "give p, or p01 and p10"),
        ("thermal:t1=0,t2=1", "greater than 0"),
        ("{", "none"),
        ("[1]", "no model"),
        ('{"device": {"name": "x", "calibration": {}}}', "looked up"),
        ('{"readout": 3}', "readout"),
        ("readout:" + "p" * 5000, "4000 are allowed"),
        ("device:", "device name"),
    ],
)
def test_refusals_say_what_is_wrong_and_what_there_is(text: str, says: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        read_noise(text)
    assert caught.value.parameter == "NOISE"
    assert says in caught.value.sentence
    assert all(f"{model}:" in caught.value.sentence for model in MODELS)


def test_which_noise_keeps_a_circuit_clifford() -> None:
    pauli = read_noise("depolarizing:0.1 bit_flip:0.1 phase_flip:0.1 readout:0.1")
    thermal = read_noise("thermal:t1=1,t2=1")
    readout = read_noise("readout:0.1")
    assert pauli is not None and pauli.pauli and pauli.on_gates
    assert thermal is not None and not thermal.pauli and thermal.on_gates
    assert readout is not None and readout.pauli and not readout.on_gates
