"""Which libraries are said to have touched a job."""

from __future__ import annotations

import platform
import sys
from types import ModuleType

import pytest

from quws.runner.versions import versions


def test_a_library_is_named_from_the_job_on_that_has_loaded_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = versions()
    assert before["python"] == platform.python_version()
    assert "late_comer" not in before
    late = ModuleType("late_comer")
    late.__version__ = "1.2"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "late_comer", late)
    assert versions() == dict(before, late_comer="1.2")
    assert versions() == dict(before, late_comer="1.2")
