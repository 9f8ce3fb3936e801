"""Released clients of other services, each in an environment of its own.

Their pins exclude each other's and ours. An environment is made when it is first wanted, and kept
outside the tree: ``QUWS_TEST_CLIENTS`` says where, else the user's cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from platformdirs import user_cache_path
from programs import NoTool, uv

_ROOT = Path(__file__).parents[1]
_WALKS = Path(__file__).parent / "real_clients"
_EXTRAS = ("iqm", "qrmi", "superstaq")
"""Of those that add adapters: one environment can have them all."""
_SECONDS = 200


def python_with_extras() -> Path:
    """Return the Python of an environment that has this quws, and the vendors' packages.

    Raises
    ------
    NoTool
        They cannot be installed.

    """
    wanted = f"{_ROOT}[{','.join(_EXTRAS)}]"
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]
    return python_with("--editable", wanted, made_of=json.dumps(project))


def python_with(*packages: str, made_of: str = "") -> Path:
    """Return the Python of an environment that has these packages, and no others by name.

    Parameters
    ----------
    made_of
        What it must be made anew for when it changes.

    Raises
    ------
    NoTool
        They cannot be installed.

    """
    place = os.environ.get("QUWS_TEST_CLIENTS")
    cache = Path(place) if place else user_cache_path("quws") / "test-clients"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = [version, *packages, *([made_of] if made_of else [])]
    key = hashlib.sha256(" ".join(wanted).encode()).hexdigest()[:12]
    folder = cache / key
    python = folder / "bin" / "python"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "whole"
        if not done.exists():
            _run([uv(), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
            install = [uv(), "pip", "install", "--quiet", "--compile-bytecode"]
            _run([*install, "--python", str(python), *packages])
            done.touch()
    return python


def walk(
    python: Path, script: str, *arguments: str, more: Mapping[str, str] = MappingProxyType({})
) -> Any:
    """Run a script of ``real_clients`` in an environment; return what it prints, which is JSON.

    ``more`` are further variables that it has.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("QUWS_", "IQM_", "QISKIT_", "SUPERSTAQ_", "PYTHON", "VIRTUAL_ENV"))
    }
    done = subprocess.run(
        [str(python), str(_WALKS / script), *arguments],
        env=kept | dict(more),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def _run(command: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoTool(f"the tests need {' '.join(command[-2:])}: {done.stderr.strip()[-1000:]}")
