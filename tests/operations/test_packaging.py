"""What is published works where nothing else is: built, installed and run in an empty place."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from circuits import BELL3
from harness import NO_TLS, free_port, until
from programs import uv

ROOT = Path(__file__).parents[2]


def run(*arguments: object, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        [str(item) for item in arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    # The wheel is made from the sdist, so that must be whole as well.
    run(uv(), "build", "--quiet", "--out-dir", folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def test_the_wheel_holds_all_that_the_code_reads(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = ROOT / "src/quws"
    for path in package.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert f"quws/{path.relative_to(package)}" in names
    for path in (ROOT / "alembic").rglob("*.py"):
        assert f"quws/store/migrations/{path.relative_to(ROOT / 'alembic')}" in names
    assert not any(name.startswith(("tests/", "docs/")) for name in names)


def test_the_sdist_can_be_built_and_read(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "uv.lock", "README.md", "LICENSE", "Dockerfile"} <= names
    assert "kubernetes/overlays/small/kustomization.yaml" in names


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty environment with the wheel in it, and the libraries that the lock names."""
    folder = tmp_path_factory.mktemp("empty")
    locked = folder / "locked.txt"
    locked.write_text(
        run(
            *(uv(), "export", "--quiet", "--locked", "--no-dev", "--all-extras"),
            *("--no-emit-project", "--no-hashes", "--no-header"),
        )
    )
    run(uv(), "venv", "--quiet", "--python", sys.executable, folder / "venv")
    run(
        *(uv(), "pip", "install", "--quiet", "--python", folder / "venv/bin/python"),
        *("--constraints", locked, f"quws[tracing] @ {wheel.as_uri()}"),
    )
    return folder


@pytest.mark.timeout(180)
def test_what_is_installed_runs_a_circuit(installed: Path) -> None:
    environment = {
        "PATH": f"{installed / 'venv/bin'}:/usr/bin:/bin",
        "HOME": str(installed),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "QUWS_DATA": str(installed / "data"),
        "QUWS_SIMULATOR_QUBITS": "10",
    }
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def quws(*arguments: str, given: str = "") -> str:
        done = subprocess.run(
            [installed / "venv/bin/quws", *arguments],
            cwd=installed,
            env=environment | {"QUWS_URL": url},
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    with (installed / "log").open("wb") as log:
        service = subprocess.Popen(
            [installed / "venv/bin/quws", "serve", "--port", str(port)],
            cwd=installed,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        import httpx

        def answers() -> bool:
            assert service.poll() is None, (installed / "log").read_text()
            try:
                return httpx.get(f"{url}/health/ready", **NO_TLS).status_code == 200
            except httpx.HTTPError:
                return False

        until(answers, 120, "an answer")
        lines = quws("submit", "-", given=BELL3).splitlines()
        assert sum(int(line.split()[1]) for line in lines) == 1000
        html = {"Accept": "text/html,application/xhtml+xml"}
        page = httpx.get(f"{url}/", headers=html, **NO_TLS)
        assert "<html" in page.text
        assert httpx.get(f"{url}/static/quws.css", **NO_TLS).status_code == 200
        assert "FAULT" not in quws("doctor")
    finally:
        service.terminate()
        service.wait(60)
