"""The manifests of Kubernetes, as kubectl renders them."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from programs import kubectl

ROOT = Path(__file__).parents[1]
OVERLAYS = sorted(path.name for path in (ROOT / "kubernetes/overlays").iterdir())
Manifest = dict[str, Any]


@cache
def rendered(overlay: str) -> list[Manifest]:
    done = subprocess.run(
        [kubectl(), "kustomize", str(ROOT / "kubernetes/overlays" / overlay)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Manifest]:
    return [item for item in rendered(overlay) if item["kind"] in kinds]


def workloads(overlay: str) -> list[Manifest]:
    return of_kind(overlay, "Deployment", "StatefulSet", "Job")


def pod(workload: Manifest) -> Manifest:
    return workload["spec"]["template"]


def container(workload: Manifest) -> Manifest:
    (only,) = pod(workload)["spec"]["containers"]
    return only


def environment(overlay: str, workload: Manifest) -> dict[str, str]:
    maps = {item["metadata"]["name"]: item["data"] for item in of_kind(overlay, "ConfigMap")}
    found: dict[str, str] = {}
    for source in container(workload)["envFrom"]:
        if "configMapRef" in source:
            found |= maps[source["configMapRef"]["name"]]
    return found | {item["name"]: item["value"] for item in container(workload).get("env", [])}
