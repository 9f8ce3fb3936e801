"""What is said where an extra is not installed."""

from __future__ import annotations

import sys

import pytest

from quws.domain.extras import MissingExtra, brought_by
from quws.targets.iqm.target import Iqm
from quws.targets.qrmi import target as qrmi
from quws.targets.superstaq.target import Superstaq

SENTENCE = r"the extra '{0}' brings: pip install 'quws\[{0}\]'"


def test_other_faults_are_not_of_the_extra() -> None:
    with pytest.raises(KeyError), brought_by("iqm"):
        raise KeyError


def test_a_target_names_the_extra_that_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("iqm", "superstaq"):
        monkeypatch.setitem(sys.modules, f"quws.targets.{name}.site", None)
    monkeypatch.setattr(qrmi, "find_spec", lambda _: None)
    url = "https://h.example.org"
    targets = {
        "iqm": Iqm("lab", url=url),
        "superstaq": Superstaq("lab", url=url, target="x_qpu", token="t"),
        "qrmi": qrmi.Qrmi("lab", resource="garnet", type="iqm-server", settings={}),
    }
    for extra, target in targets.items():
        with pytest.raises(MissingExtra, match=SENTENCE.format(extra)):
            target.load()
