"""Every command in README and docs is run, page by page, against a real service.

A page is one shell session. Its ``quws`` is a copy of one that is loaded, but in README, where it
is what readers run. Only addresses, secrets and places are replaced: by ports that are
free, by databases of the tests, by folders of theirs. Before a block may stand

- ``<!-- test: background -->``: its last commands go on running, and are waited for;
- ``<!-- test: not run, REASON -->``: what cannot be run here. Its commands must exist all the same.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import door
from harness import (
    Postgres,
    base_environment,
    embedded,
    free_port,
)
from programs import kubectl

from quws.bus.server import ValkeyServer
from quws.cli.app import app
from quws.cli.lazy import load_all
from quws.settings import Settings

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"(?:^<!-- test: (?P<mark>[^\n]*?) -->\n)?^```(?P<kind>console|python)\n(?P<text>.*?)^```",
    re.DOTALL | re.MULTILINE,
)
ADDRESS = "127.0.0.1:8000"
STARTS = ("quws serve", "./quws serve", "quws api")
OTHERS = {
    "stilts",
    "docker",
    "kubectl",
    "curl",
    "grep",
    "aws",
    "pg_dump",
    "pg_restore",
    "echo",
    "export",
    "uv",
    "pip",
    "python",
}


@dataclass(frozen=True)
class Block:
    kind: str
    text: str
    mark: str

    @property
    def run(self) -> bool:
        return not self.mark.startswith("not run")

    @property
    def commands(self) -> list[str]:
        """What stands after the prompt; a backslash at the end of a line goes on with it."""
        found: list[str] = []
        goes_on = False
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif goes_on:
                found[-1] += "\n" + line
            goes_on = (line.startswith("$ ") or goes_on) and line.endswith("\\")
        return found

    @property
    def output(self) -> list[str]:
        """What the page shows as the answer."""
        lines, goes_on = [], False
        for line in self.text.splitlines():
            if not line.startswith("$ ") and not goes_on:
                lines.append(line)
            goes_on = (line.startswith("$ ") or goes_on) and line.endswith("\\")
        return lines


def blocks(page: Path) -> list[Block]:
    return [
        Block(found["kind"], found["text"], found["mark"] or "")
        for found in BLOCK.finditer(page.read_text())
    ]


PAGES = [
    page
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    if any(block.run for block in blocks(page))
]
ALL_BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    for number, block in enumerate(blocks(page))
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A service for the pages that start none."""
    with embedded(tmp_path_factory.mktemp("pages")) as service:
        yield service


@pytest.fixture
def place(page: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder that looks like a checkout whose ``./quws`` is set up already."""
    for name in ("examples", "kubernetes"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "bin").mkdir()
    if shutil.which("kubectl") is None:
        (tmp_path / "bin/kubectl").symlink_to(kubectl())
    python = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -P %s "$@"\n'
    with door(tmp_path) as copied:
        quws = python % "-m quws" if page.name == "README.md" else copied
        for name, text in (("quws", quws), ("bin/quws", quws), ("bin/python", python % "")):
            path = tmp_path / name
            path.write_text(text)
            path.chmod(0o755)
        yield tmp_path


@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_it_says(
    page: Path, place: Path, request: pytest.FixtureRequest
) -> None:
    found = blocks(page)
    starts_its_own = any(
        command.startswith(STARTS) for block in found if block.run for command in block.commands
    )
    if starts_its_own:
        address, data = f"127.0.0.1:{free_port()}", place / "data"
    else:
        service = request.getfixturevalue("running")
        address, data = service.url.removeprefix("http://"), service.folder
    replaced = {
        ADDRESS: address,
        "--port 8000": f"--port {address.rpartition(':')[2]}",
        "/var/lib/quws": str(data),
        "/var/backups": str(place / "backups"),
    }
    valkey = None
    if "postgresql://quws:SECRET@db.example.org/quws" in page.read_text() and starts_its_own:
        postgres: Postgres = request.getfixturevalue("postgres")
        valkey = ValkeyServer(place / "valkey")
        valkey.start()
        replaced |= {
            "postgresql://quws:SECRET@db.example.org/quws": postgres.database(),
            "redis://redis.example.org:6379/0": valkey.url,
            "s3://bucket/quws": (place / "artifacts").as_uri(),
        }
    environment = base_environment(
        {
            "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "QUWS_DATA": str(data),
            "QUWS_URL": f"http://{address}",
        }
    )
    try:
        done = subprocess.run(
            ["bash", "-c", script(found, address, replaced)],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        if valkey is not None:
            valkey.stop()
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"
    said = re.split(r"^== (\d+)\n", done.stdout, flags=re.MULTILINE)
    outputs = dict(zip(map(int, said[1::2]), said[2::2], strict=True))
    for number, block in enumerate(found):
        # What a page shows with numbers that chance makes is not repeated.
        shown = [line for line in block.output if re.fullmatch(r"[A-Z]+|\d{3}", line)]
        if block.run and block.kind == "console" and shown:
            assert outputs[number].split() == shown


def script(found: list[Block], address: str, replaced: dict[str, str]) -> str:
    lines = ["set -eu", "trap 'kill $(jobs -p) 2>/dev/null || true; wait || true' EXIT"]
    for number, block in enumerate(found):
        if not block.run:
            continue
        lines.append(f"printf '\\n== {number}\\n'")
        if block.kind == "python":
            text = block.text
            lines.append(f"python - <<'PYTHON'\n{text}PYTHON")
        for command in block.commands:
            if block.mark == "background" and not command.startswith("export"):
                port = f" --port {address.rpartition(':')[2]}"
                more = port if command.endswith("quws serve") else ""
                lines.append(f"{command}{more} >> service.log 2>&1 &")
            else:
                lines.append(command)
        if block.mark == "background":
            lines.append(
                "for _ in $(seq 600); do"
                f" curl -fs http://{address}/health/ready > /dev/null && break; sleep 0.1; done"
            )
    text = "\n".join(lines)
    for old, new in replaced.items():
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("block", ALL_BLOCKS)
def test_every_command_exists(block: Block) -> None:
    """Also those that cannot be run here, and the settings that they name."""
    known = {f"QUWS_{name.upper()}" for name in Settings.model_fields} | {"QUWS_URL", "QUWS_TOKEN"}
    for name in re.findall(r"\b(QUWS_[A-Z]+(?:_[A-Z]+)*)\b", block.text):
        assert name in known, name
    if block.kind != "console":
        return
    assert block.commands
    for command in block.commands:
        if block.run:
            continue
        words = shlex.split(command.replace("\\\n", " "), comments=True)
        assert words[0] in OTHERS | {"quws", "./quws"}, command
        if "quws" in words[:1]:
            parses(words[1:])
        elif words[0] in ("docker", "kubectl") and "quws" in words:
            # A command inside a container.
            inner = words[len(words) - words[::-1].index("quws") :]
            if words[1] == "exec" or "exec" in words:
                parses(inner)
        for path in re.findall(r"\bkubernetes/[\w/.-]+", command):
            assert (ROOT / path).exists(), path


def parses(arguments: list[str]) -> None:
    command: Any = load_all(app)
    while hasattr(command, "commands"):
        assert arguments and arguments[0] in command.commands, arguments
        command = command.commands[arguments.pop(0)]
    context = command.make_context("quws", [], resilient_parsing=True)
    command.make_parser(context).parse_args(args=arguments)
