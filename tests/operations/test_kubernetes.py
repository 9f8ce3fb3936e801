"""The manifests, rendered as kubectl does, held to the API's schemas and to the code."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from manifests import OVERLAYS, Manifest, container, environment, of_kind, pod, rendered, workloads

from quws.cli.app import app
from quws.cli.lazy import load_all
from quws.domain.policy import Policy
from quws.main import create_app
from quws.processes.api import _SHUTDOWN_SECONDS
from quws.settings import Settings

ROOT = Path(__file__).parents[2]
VERSION = "1.31"
NOT_OF_KUBERNETES = {"PrometheusRule", "ScaledObject", "ServiceMonitor"}
"""Kinds that others define; Kubernetes has no schema of them."""


def each_workload() -> Iterator[Any]:
    for overlay in OVERLAYS:
        for item in workloads(overlay):
            yield pytest.param(overlay, item, id=f"{overlay}-{item['metadata']['name']}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # Rendered when tests are collected for this file, not when it is imported.
    if "workload" in metafunc.fixturenames:
        metafunc.parametrize(("overlay", "workload"), list(each_workload()))
    elif "overlay" in metafunc.fixturenames:
        metafunc.parametrize("overlay", OVERLAYS)


def test_everything_is_as_the_api_wants_it(overlay: str) -> None:
    for item in rendered(overlay):
        if item["kind"] not in NOT_OF_KUBERNETES:
            kubernetes_validate.validate(item, VERSION, strict=True)


def test_and_the_check_notices(overlay: str) -> None:
    (item, *_) = workloads(overlay)
    broken = json.loads(json.dumps(item))
    broken["spec"]["template"]["spec"]["terminationGracePeriod"] = 30
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


def test_quantities_can_be_read(overlay: str) -> None:
    def look(value: Any, name: str = "") -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                look(inner, key)
        elif isinstance(value, list):
            for inner in value:
                look(inner, name)
        elif name in ("cpu", "memory", "storage", "sizeLimit"):
            quantity(value)

    for item in rendered(overlay):
        look({k: v for k, v in item.items() if k != "data"})


def quantity(value: Any) -> float:
    units = {"m": 1e-3, "": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(m|Ki|Mi|Gi|Ti|)", str(value))
    assert match, value
    return float(match[1]) * units[match[2]]


def test_selectors_find_pods(overlay: str) -> None:
    pods = [pod(item)["metadata"]["labels"] for item in workloads(overlay)]

    def finds(selector: dict[str, str]) -> bool:
        return any(selector.items() <= labels.items() for labels in pods)

    for item in workloads(overlay):
        if item["kind"] != "Job":
            wanted = item["spec"]["selector"]["matchLabels"]
            mine = pod(item)["metadata"]["labels"]
            assert wanted.items() <= mine.items()
            # And nobody else's.
            assert sum(wanted.items() <= labels.items() for labels in pods) == 1
    for item in of_kind(overlay, "Service"):
        assert finds(item["spec"]["selector"]), item["metadata"]["name"]
    for item in of_kind(overlay, "PodDisruptionBudget"):
        assert finds(item["spec"]["selector"]["matchLabels"])
    for item in of_kind(overlay, "NetworkPolicy"):
        chosen = item["spec"]["podSelector"]["matchLabels"]
        assert finds(chosen)
        assert chosen["app.kubernetes.io/name"] == "quws"  # Not the neighbours' pods.
    services = [item["metadata"]["labels"] for item in of_kind(overlay, "Service")]
    for item in of_kind(overlay, "ServiceMonitor"):
        wanted = item["spec"]["selector"]["matchLabels"]
        assert sum(wanted.items() <= labels.items() for labels in services) == 1


def test_names_lead_somewhere(overlay: str) -> None:
    names = {(item["kind"], item["metadata"]["name"]) for item in rendered(overlay)}
    for item in workloads(overlay):
        assert ("ServiceAccount", pod(item)["spec"]["serviceAccountName"]) in names
        for source in container(item)["envFrom"]:
            if "configMapRef" in source:
                assert ("ConfigMap", source["configMapRef"]["name"]) in names
    for item in of_kind(overlay, "HorizontalPodAutoscaler", "ScaledObject"):
        target = item["spec"]["scaleTargetRef"]
        assert (target.get("kind", "Deployment"), target["name"]) in names
    for item in of_kind(overlay, "Ingress"):
        for rule in item["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                assert ("Service", path["backend"]["service"]["name"]) in names
    for item in of_kind(overlay, "StatefulSet"):
        assert ("Service", item["spec"]["serviceName"]) in names
    everything = [item for item in rendered(overlay) if item["kind"] != "Namespace"]
    assert {item["metadata"].get("namespace") for item in everything} == {"quws"}


def test_the_namespace_lets_no_careless_pods_in(overlay: str) -> None:
    (namespace,) = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["name"] == "quws"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nothing_is_reached_that_is_not_named(overlay: str) -> None:
    for item in of_kind(overlay, "NetworkPolicy"):
        for rule in item["spec"].get("egress", []):
            assert rule["to"], item["metadata"]["name"]
            assert rule["ports"]
            blocks = [ip_network(to["ipBlock"]["cidr"]) for to in rule["to"] if "ipBlock" in to]
            for block, to in zip(blocks, rule["to"], strict=False):
                # Where machines in clouds are told their credentials.
                for address in map(ip_address, ("169.254.169.254", "fe80::a9fe:a9fe")):
                    spared = [ip_network(item) for item in to["ipBlock"].get("except", [])]
                    assert address not in block or any(address in item for item in spared)


def test_only_the_api_knows_its_secrets(overlay: str) -> None:
    for item in workloads(overlay):
        named = [source["secretRef"]["name"] for source in container(item)["envFrom"][1:]]
        serves = pod(item)["metadata"]["labels"].get("quws/serves") == "http"
        assert ("quws-api" in named) == (serves and overlay == "standard")


def test_the_service_knows_its_url_and_its_clients_their_limits(overlay: str) -> None:
    for item in workloads(overlay):
        assert environment(overlay, item)["QUWS_PUBLIC_URL"].startswith("http")
    for item in of_kind(overlay, "Ingress"):
        notes = item["metadata"]["annotations"]
        for name in ("limit-connections", "limit-rps"):
            assert int(notes[f"nginx.ingress.kubernetes.io/{name}"]) >= 100


def test_ports_are_those_of_pods(overlay: str) -> None:
    for item in of_kind(overlay, "Service"):
        chosen = item["spec"]["selector"]
        for workload in workloads(overlay):
            labels = pod(workload)["metadata"]["labels"]
            if workload["kind"] != "Job" and chosen.items() <= labels.items():
                ports = {port["name"] for port in container(workload)["ports"]}
                assert {port["targetPort"] for port in item["spec"]["ports"]} <= ports


def test_budgets_let_nodes_be_drained(overlay: str) -> None:
    for item in of_kind(overlay, "PodDisruptionBudget"):
        wanted = item["spec"]["selector"]["matchLabels"]
        (workload,) = (
            found
            for found in workloads(overlay)
            if wanted.items() <= pod(found)["metadata"]["labels"].items()
        )
        if "minAvailable" in item["spec"]:
            assert item["spec"]["minAvailable"] < workload["spec"]["replicas"]
        else:
            assert item["spec"]["maxUnavailable"] >= 1


def test_pods_may_do_no_more_than_they_must(overlay: str, workload: Manifest) -> None:
    spec, only = pod(workload)["spec"], container(workload)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == 10001  # That of the Dockerfile.
    assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert spec["automountServiceAccountToken"] is False
    assert only["securityContext"]["readOnlyRootFilesystem"] is True
    assert only["securityContext"]["allowPrivilegeEscalation"] is False
    assert only["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert quantity(only["resources"]["limits"]["memory"]) >= quantity(
        only["resources"]["requests"]["memory"]
    )
    # What is written to is a volume: temporary files always, the data folder by whoever has one.
    mounts = {mount["mountPath"] for mount in only["volumeMounts"]}
    assert "/tmp" in mounts
    assert workload["kind"] == "Job" or "/var/lib/quws" in mounts
    names = {volume["name"] for volume in spec["volumes"]}
    names |= {
        claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])
    }
    assert {mount["name"] for mount in only["volumeMounts"]} <= names


def test_the_image_is_pinned_and_its_command_exists(overlay: str, workload: Manifest) -> None:
    image = container(workload)["image"]
    assert image.startswith("registry.example.org/quws:")
    assert not image.endswith(":latest")
    command: Any = load_all(app)
    arguments = list(container(workload)["args"])
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    # Raises for an option that there is none of.
    command.make_parser(command.make_context("quws", [], resilient_parsing=True)).parse_args(
        args=arguments
    )


def settings_of(overlay: str, workload: Manifest) -> Settings:
    """Read what a process would read of its environment."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in environment(overlay, workload).items():
            patched.setenv(name, value)
        return Settings()


def test_environment_variables_are_settings(overlay: str, workload: Manifest) -> None:
    known = {f"QUWS_{name.upper()}" for name in Settings.model_fields}
    known |= {f"QUWS_POLICY__{name.upper()}" for name in Policy.model_fields}
    found = environment(overlay, workload)
    assert {name for name in found if name.startswith("QUWS_")} <= known
    # And their values can be read; secrets come from elsewhere.
    settings = settings_of(overlay, workload)
    assert settings.auth != "none"
    ports = {port["name"]: port["containerPort"] for port in container(workload).get("ports", [])}
    if "monitor" in ports:
        assert settings.monitor_port == ports["monitor"]
        assert settings.monitor_host == "0.0.0.0"
    arguments = container(workload)["args"]
    if "http" in ports:
        assert str(ports["http"]) == arguments[arguments.index("--port") + 1]
    if overlay != "small" and workload["kind"] == "Deployment":
        assert settings.wait_for_schema > 0


@pytest.mark.parametrize(
    ("address", "believed"), [("10.244.1.7", True), ("fd00::17", True), ("203.0.113.7", False)]
)
def test_a_pod_says_for_whom_it_asks(
    overlay: str, workload: Manifest, address: str, *, believed: bool
) -> None:
    networks = settings_of(overlay, workload).proxy_networks
    assert any(ip_address(address) in network for network in networks) is believed


def test_probes_ask_what_is_answered(overlay: str, workload: Manifest) -> None:
    if workload["kind"] == "Job":
        return
    only = container(workload)
    routes = {getattr(route, "path", None) for route in create_app(Settings()).router.routes}
    ports = {port["name"] for port in only["ports"]}
    asked = {}
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = only[kind]
        assert probe["httpGet"]["path"] in routes
        assert probe["httpGet"]["port"] in ports
        asked[kind] = probe["httpGet"]["path"]
    # Restarting does not mend a database that is away; getting no requests meanwhile does. What is
    # ready although Redis is away: tests/unit/services/test_health.py.
    assert asked == {
        "startupProbe": "/health/live",
        "livenessProbe": "/health/live",
        "readinessProbe": "/health/ready",
    }
    settings = settings_of(overlay, workload)
    start = only["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] > settings.wait_for_schema + 30


def test_there_is_time_to_drain(overlay: str, workload: Manifest) -> None:
    if workload["kind"] == "Job":
        return
    settings = settings_of(overlay, workload)
    role = container(workload)["args"][0]
    before = 0
    hook = container(workload).get("lifecycle", {}).get("preStop")
    if hook is not None:
        assert hook["exec"]["command"][0] == "sleep"
        before = int(hook["exec"]["command"][1])
    needed = {
        "api": _SHUTDOWN_SECONDS,
        "worker": settings.grace + settings.lease,
        "sweeper": 10,
        "serve": settings.grace + settings.lease + 10,
    }[role]
    assert pod(workload)["spec"]["terminationGracePeriodSeconds"] > before + needed


def test_the_largest_circuit_fits_into_the_memory(overlay: str, workload: Manifest) -> None:
    qubits = environment(overlay, workload).get("QUWS_SIMULATOR_QUBITS")
    if container(workload)["args"][0] not in ("worker", "serve"):
        assert qubits is None
        return
    assert qubits is not None
    state = 16 * 2 ** int(qubits)
    assert state + 2**30 < quantity(container(workload)["resources"]["limits"]["memory"])


def test_sqlite_has_one_writer_host() -> None:
    (only,) = workloads("small")
    assert only["kind"] == "StatefulSet"
    assert only["spec"]["replicas"] == 1


def test_no_secret_is_written_down(overlay: str) -> None:
    assert of_kind(overlay, "Secret") == []
    text = yaml.safe_dump_all(rendered(overlay))
    assert "QUWS_DATABASE_URL" not in text
    assert "QUWS_REDIS_URL" not in text


# -- alerts and the dashboard --------------------------------------------------------

_NAME = re.compile(r"\b(quws_[a-z_]+)\b")
_OTHERS = {"process_resident_memory_bytes"}


def exposed() -> set[str]:
    from prometheus_client import REGISTRY

    found = set()
    for family in REGISTRY.collect():
        if family.name.startswith("quws_"):
            found.add(family.name + "_total" if family.type == "counter" else family.name)
            if family.type == "histogram":
                found |= {family.name + "_bucket", family.name + "_count", family.name + "_sum"}
    return found


def expressions() -> Iterator[str]:
    for item in rendered("standard"):
        match item["kind"]:
            case "PrometheusRule":
                for group in item["spec"]["groups"]:
                    yield from (rule["expr"] for rule in group["rules"])
            case "ScaledObject":
                yield from (t["metadata"]["query"] for t in item["spec"]["triggers"])
    dashboard = json.loads((ROOT / "kubernetes/components/monitoring/dashboard.json").read_text())
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def test_what_is_watched_is_counted() -> None:
    from quws.telemetry import metrics  # noqa: F401 - registers them

    known = exposed()
    asked = {name for expression in expressions() for name in _NAME.findall(expression)}
    assert asked <= known
    # And nothing is counted in vain.
    assert {name.removesuffix("_bucket").removesuffix("_count") for name in asked} >= {
        name for name in known if not name.endswith(("_bucket", "_count", "_sum", "_deleted_total"))
    } - {"quws_http_request_seconds", "quws_job_run_seconds"}


def test_expressions_are_balanced() -> None:
    for expression in expressions():
        for opening, closing in ("()", "{}", "[]"):
            assert expression.count(opening) == expression.count(closing), expression


def test_every_alert_says_what_to_do() -> None:
    (rule,) = of_kind("standard", "PrometheusRule")
    for alert in (found for group in rule["spec"]["groups"] for found in group["rules"]):
        page, _, place = alert["annotations"]["runbook"].partition("#")
        headings = {
            re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).strip().replace(" ", "-")
            for line in (ROOT / page).read_text().splitlines()
            if line.startswith("#")
        }
        assert place in headings, alert["alert"]


# -- the Dockerfile --------------------------------------------------------------------


def test_the_dockerfile_is_sound() -> None:
    done = subprocess.run(
        ["hadolint", "--failure-threshold", "style", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": str(Path(kubernetes_validate.__file__).parents[4] / "bin")},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_runs_as_the_manifests_say() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "USER 10001:10001" in text
    assert 'ENTRYPOINT ["quws"]' in text
    assert '"quws", "health"' in text
    assert "--locked" in text
    for name in re.findall(r"\b(QUWS_[A-Z_]+)=", text):
        assert name.removeprefix("QUWS_").lower() in Settings.model_fields, name
