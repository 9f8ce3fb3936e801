"""What an operator may say of a resource of QRMI's."""

from __future__ import annotations

from typing import Any

import pytest

from quws.targets.base import NotLoaded
from quws.targets.qrmi.target import Qrmi

GOOD = {"resource": "garnet", "type": "iqm-server", "settings": {}}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"type": "pasqal-cloud"}, "takes payloads that no circuits of quws can be written in"),
        ({"type": "oqtopus"}, "those that it can be written in are iqm-server, ibm-quantum"),
        ({"type": "cray"}, "type is one of iqm-server"),
        ({"timeout": 5}, "at least 35 seconds"),
        ({"optimization": 7}, "optimization"),
    ],
)
def test_what_it_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Qrmi("lab", **GOOD | options)


def test_it_is_described_in_a_process_of_its_own() -> None:
    with pytest.raises(NotLoaded):
        Qrmi("lab", **GOOD).describe()
