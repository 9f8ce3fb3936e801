"""What the documentation says of the code is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from quws.domain.parameters import CONTROL, IGNORED, KNOWN
from quws.domain.policy import Policy
from quws.settings import Settings

ROOT = Path(__file__).parents[2]


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.default_factory is not None or value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def rows() -> list[str]:
    """The lines of the table of settings."""
    found = [(f"QUWS_{name.upper()}", field) for name, field in Settings.model_fields.items()]
    found += [
        (f"QUWS_POLICY__{name.upper()}", field) for name, field in Policy.model_fields.items()
    ]
    return [
        f"| `{name}` | {_default(field)} | {field.description} |"
        for name, field in found
        if name != "QUWS_POLICY"
    ]


def test_every_setting_is_documented_as_it_is() -> None:
    text = (ROOT / "docs/settings.md").read_text()
    listed = [line for line in text.splitlines() if line.startswith("| `QUWS_")]
    assert listed == rows()


def test_every_parameter_is_documented() -> None:
    text = (ROOT / "docs/uws.md").read_text()
    for name in KNOWN | IGNORED | set(CONTROL):
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("page", [*sorted(ROOT.glob("docs/*.md")), ROOT / "README.md"])
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link
