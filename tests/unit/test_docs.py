"""What the documentation says of the code is so."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from generator import reference

from quws.domain.parameters.shipped import SPECIFICATIONS

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"]


@pytest.mark.parametrize("name", reference.PAGES)
def test_the_reference_says_what_the_code_says(name: str) -> None:
    text = (ROOT / "docs/reference" / name).read_text()
    assert text == reference.written(name), "run ./quws docs and commit what it writes"


def test_every_parameter_is_documented() -> None:
    text = (ROOT / "docs/reference/parameters.md").read_text()
    for name in SPECIFICATIONS.known | SPECIFICATIONS.ignored | set(SPECIFICATIONS.control):
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"[\w/-]+\.md", yaml.safe_dump(_navigation())))
    found = {str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md")}
    assert listed == found


def _navigation() -> object:
    return yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]


def test_the_site_is_built_and_no_link_in_it_is_broken(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    done = subprocess.run(
        [Path(sys.executable).parent / "zensical", "build", "--strict", "-f", "mkdocs.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site/operate/failures/index.html").exists()
