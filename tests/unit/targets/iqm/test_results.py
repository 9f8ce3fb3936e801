"""What IQM machines measured, in the bits of the circuit."""

from __future__ import annotations

import pytest

from quws.targets.iqm.results import read_counts, read_measurements

# Bit 4 was measured first, bit 0 twice; registers of two and of three bits.
KEYS = {"m0_b4_s2_3": [1, 0], "m1_b0": [0, 0], "m2_b0": [1, 1]}


def test_shots() -> None:
    counts, memory = read_measurements({key: [[bit] for bit in row] for key, row in KEYS.items()})
    assert memory == ["100 01", "000 01"]
    assert counts == {"100 01": 1, "000 01": 1}


def test_counts_of_bits_in_another_order() -> None:
    found = read_counts(
        {
            "measurement_keys": ["m2_b0", "m0_b4_s2_3", "m1_b0"],
            "counts": {"110": 3, "100": 4, "111": 2},
        }
    )
    assert found == {"100 01": 5, "000 01": 4}


def test_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="different numbers of shots"):
        read_measurements({"m0_b0_s2": [[1]], "m1_b1": [[1], [0]]})
    with pytest.raises(ValueError, match="not one of ours"):
        read_measurements({"meas_1_0_0": [[1]]})
    with pytest.raises(ValueError, match="2 bits for 1 measurements"):
        read_counts({"measurement_keys": ["m0_b0_s1"], "counts": {"01": 3}})
    with pytest.raises(ValueError, match="no bit"):
        read_counts({"measurement_keys": ["m0_b0_s1"], "counts": {"2": 3}})
