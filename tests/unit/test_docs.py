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
PAGES = [*sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("*.md"))]
SOURCE = ROOT / "src/quws"
ARCHITECTURE = ROOT / "docs/explanation/architecture.md"
GLOSSARY = ROOT / "docs/explanation/glossary.md"


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
    # What a reader's browser fetches by itself is the site's own.
    fetched = re.compile(
        r"<(?:script|img|source|iframe)[^>]* src=\"(\S+?)\"|<link[^>]* href=\"(\S+?)\"[^>]*>"
    )
    for page in (tmp_path / "site").rglob("*.html"):
        for match in fetched.finditer(page.read_text()):
            url = match[1] or match[2]
            assert not re.match(r"(https?:)?//", url), f"{page.name} fetches {match[0]}"
    for sheet in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", sheet.read_text()), sheet.name


def test_the_table_of_rooms_is_the_source() -> None:
    table = ARCHITECTURE.read_text().split("## Rooms")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    rooms = {room for row in rows for room in re.findall(r"`(\w+)/`", row)}
    assert rooms == {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    beside = {path.name for path in SOURCE.glob("[a-z]*.py")}
    assert beside == set(re.findall(r"`(\w+\.py)`", table))


@pytest.mark.parametrize(
    "page", [ARCHITECTURE, ROOT / "CONTRIBUTING.md", GLOSSARY], ids=lambda page: page.name
)
def test_files_that_a_page_sends_its_readers_to_are_there(page: Path) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+(?:[\w.-]+)?|\w+\.(?:py|toml|md))`", page.read_text())
    assert named
    for name in named:
        # What a reader is to make has a name in capitals.
        if re.search("NAME|ROOM|JOB", name):
            continue
        assert (ROOT / name).exists() or (SOURCE / name).exists(), name


def test_hooks_call_the_checks_that_there_are() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == [
        f"./quws check {part}" for part in ("format", "lint", "types", "contracts")
    ]
