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
        ("device: x ", {"device": {"name": "x"}}),
        (f"device:{'x' * 100}", {"device": {"name": "x" * 100}}),
        ("bitflip:0.1+PhaseFlip:0.2", {"bit_flip": {"p": 0.1}, "phase_flip": {"p": 0.2}}),
        ("bit_flip:P=0.1,,", {"bit_flip": {"p": 0.1}}),
        (
            "  depolarizing : 0.1 , p2 = 1e-2  +  readout : 1E+0 ",
            {"depolarizing": {"p": 0.1, "p2": 0.01}, "readout": {"p": 1.0}},
        ),
        ('{"bit-flip": {"p": 0.1}}', {"bit_flip": {"p": 0.1}}),
        # The longest time that a thing can keep its phase.
        (
            "thermal:t1=1,t2=2",
            {"thermal": {"t1": 1, "t2": 2, "time": 50e-9, "time2": 300e-9}},
        ),
        (" " * 5000 + "readout:0.1", {"readout": {"p": 0.1}}),
        (f"device:x{' ' * 3982}+readout:0", {"device": {"name": "x"}, "readout": {"p": 0.0}}),
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


@pytest.mark.parametrize("text", ["", " ", "none", "NONE", " Ideal ", "{}", " {} "])
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
        ("bit_flip:0.1 bitflip:0.1", "twice"),
        ("thermal:t1=0,t2=1", "greater than 0"),
        ("thermal:t1=1,t2=2.001", "thermal: t2 can be at most twice t1"),
        ("readout:", "readout: give p, or p01 and p10"),
        ("x" * 50 + ":1", f"there is no model '{'x' * 40}'"),
        ("bit_flip:p=1," + "q" * 50 + "=1", f"bit_flip has no value '{'q' * 40}'"),
        ("device:" + "x" * 101, "device name: string should have at most 100 characters"),
        (f"device:x{' ' * 3983}+readout:0", "it has 4001 characters, 4000 are allowed"),
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


@pytest.mark.parametrize(
    ("text", "pauli", "on_gates"),
    [
        ("depolarizing:0.1", True, True),
        ("bit_flip:0.1", True, True),
        ("phase_flip:0.1", True, True),
        ("readout:0.1", True, False),
        ("thermal:t1=1,t2=1", False, True),
        ("device:x", False, True),
        ("bit_flip:0.1 readout:0.1", True, True),
        ("bit_flip:0.1 device:x", False, True),
        ("readout:0.1 thermal:t1=1,t2=1", False, True),
    ],
)
def test_which_noise_keeps_a_circuit_clifford(text: str, pauli: bool, on_gates: bool) -> None:
    found = read_noise(text)
    assert found is not None
    assert (found.pauli, found.on_gates) == (pauli, on_gates)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("readout:p=0.1", (0.1, 0.1)),
        ("readout:p=0", (0.0, 0.0)),
        ("readout:p01=0.1", (0.1, 0.0)),
        ("readout:p10=0.2", (0.0, 0.2)),
        ("readout:p01=0.1,p10=0.2", (0.1, 0.2)),
    ],
)
def test_a_bit_is_read_wrong_in_both_ways(text: str, pair: tuple[float, float]) -> None:
    found = read_noise(text)
    assert found is not None
    assert found.readout is not None
    assert found.readout.pair == pair
