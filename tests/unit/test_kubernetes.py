"""The manifests of Kubernetes: right by its schemas, whole in themselves, and at one with all else here."""

from __future__ import annotations

import json
import re
import tomllib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from gateway.config.load import load_settings
from gateway.config.sections.gateway import METRICS_PORT
from gateway.config.settings import Settings
from gateway.metrics.catalogue import WAITING
from tests.support.kustomize import Resource, build, containers_of, pod_of
from tests.unit.test_containers import COMPOSE, SERVICES, target

PROJECT = Path(__file__).parents[2]
K8S = PROJECT / "deploy" / "k8s"
VERSIONS = ("1.31", "1.33", "1.35")
OVERLAYS = ("trial", "production")
OURS = "app.kubernetes.io/part-of"
COMPONENT = "app.kubernetes.io/component"
NAME = "app.kubernetes.io/name"

BROUGHT = {
    "stores.env": (K8S / "production" / "stores.env.example").read_text(),
    "licence.key": (PROJECT / "deploy" / "licences" / "evaluation.key").read_text(),
}
"""What a site brings for production."""


@cache
def resources(overlay: str) -> tuple[Resource, ...]:
    return tuple(build(K8S / overlay, BROUGHT))


def of_kind(overlay: str, *kinds: str) -> dict[str, Resource]:
    return {one["metadata"]["name"]: one for one in resources(overlay) if one["kind"] in kinds}


def pods(overlay: str) -> dict[str, Resource]:
    """Templates of pods, by the names of what makes them."""
    return {one["metadata"]["name"]: pod for one in resources(overlay) if (pod := pod_of(one)) is not None}


def content(overlay: str, kind: str, name: str) -> dict[str, str]:
    data: dict[str, str] = of_kind(overlay, kind)[name]["data"]
    return {key: b64decode(text).decode() for key, text in data.items()} if kind == "Secret" else data


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return selector.items() <= labels.items()


def environment(overlay: str, pod: Resource) -> dict[str, str]:
    """The variables of a pod's main container, from its Secrets where they are there."""
    found = {}
    for variable in pod["spec"]["containers"][0].get("env", []):
        if "value" in variable:
            found[variable["name"]] = variable["value"]
        else:
            place = variable["valueFrom"]["secretKeyRef"]
            found[variable["name"]] = content(overlay, "Secret", place["name"])[place["key"]]
    return found


@cache
def settings(overlay: str, service: str) -> Settings:
    """What a service would work by."""
    return load_settings(K8S / overlay / "smtpgw.conf", environment(overlay, pods(overlay)[service]))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_resource_is_right_by_the_schemas_of_kubernetes(overlay: str, version: str) -> None:
    for resource in resources(overlay):
        if resource["apiVersion"].startswith("monitoring.coreos.com/"):
            continue  # those of the Prometheus operator are held to what they name, below
        kubernetes_validate.validate(resource, version, strict=True)


def test_a_resource_that_is_wrong_would_be_seen() -> None:
    (wrong,) = (
        json.loads(json.dumps(one))
        for one in resources("trial")
        if one["metadata"]["name"] == "mailbox" and one["kind"] == "Deployment"
    )
    wrong["spec"]["template"]["spec"]["containers"][0]["imagePolicy"] = "Always"

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_two_resources_have_one_name(overlay: str) -> None:
    names = [(one["kind"], one["metadata"]["name"]) for one in resources(overlay)]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_pods_keep_to_the_restricted_standard_and_write_to_volumes_alone(overlay: str) -> None:
    assert (
        of_kind(overlay, "Namespace")["mailwarden"]["metadata"]["labels"][
            "pod-security.kubernetes.io/enforce"
        ]
        == "restricted"
    )
    for name, pod in pods(overlay).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        for container in containers_of(pod):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_all_containers_say_what_they_need_and_how_they_live(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        for container in containers_of(pod):
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name
            assert "memory" in container["resources"]["limits"], name
        ports = {port["name"] for container in containers_of(pod) for port in container.get("ports", [])}
        for container in pod["spec"]["containers"]:
            if "ports" in container:
                assert {"readinessProbe"} <= container.keys(), name
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                for way in ("httpGet", "tcpSocket"):
                    if way in container.get(probe, {}):
                        assert container[probe][way]["port"] in ports, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whatever_a_pod_refers_to_is_there(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        for container in containers_of(pod):
            for variable in container.get("env", []):
                place = variable.get("valueFrom", {}).get("secretKeyRef")
                if place:
                    assert place["key"] in content(overlay, "Secret", place["name"]), name
        owner = next(one for one in resources(overlay) if pod_of(one) is pod)
        claimed = {claim["metadata"]["name"] for claim in owner["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        for volume in volumes.values():
            if "configMap" in volume:
                assert volume["configMap"]["name"] in of_kind(overlay, "ConfigMap"), name
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in of_kind(
                    overlay, "PersistentVolumeClaim"
                )
            if "secret" in volume and not volume["secret"].get("optional"):
                assert volume["secret"]["secretName"] in of_kind(overlay, "Secret"), name
        for container in containers_of(pod):
            assert {
                mount["name"] for mount in container.get("volumeMounts", [])
            } <= volumes.keys() | claimed, name
        account = pod["spec"].get("serviceAccountName")
        assert account is None or account in of_kind(overlay, "ServiceAccount"), name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_service_leads_to_a_port_of_a_pod(overlay: str) -> None:
    for name, service in of_kind(overlay, "Service").items():
        behind = [
            pod
            for pod in pods(overlay).values()
            if selects(service["spec"]["selector"], pod["metadata"]["labels"])
        ]
        assert len(behind) == 1, name
        ports = {
            port["name"] for container in containers_of(behind[0]) for port in container.get("ports", [])
        }
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports, name


def test_budgets_scalers_and_monitors_name_what_is_there() -> None:
    labels = [pod["metadata"]["labels"] for pod in pods("production").values()]
    for budget in of_kind("production", "PodDisruptionBudget").values():
        assert any(selects(budget["spec"]["selector"]["matchLabels"], one) for one in labels)
    for scaler in of_kind("production", "HorizontalPodAutoscaler").values():
        scaled = scaler["spec"]["scaleTargetRef"]
        assert "replicas" not in of_kind("production", scaled["kind"])[scaled["name"]]["spec"]
        assert of_kind("production", "PodDisruptionBudget").keys() >= {scaled["name"]}
    for name, monitor in of_kind("production", "ServiceMonitor").items():
        assert monitor["spec"].keys() <= {"jobLabel", "selector", "endpoints"}
        watched = [
            service
            for service in of_kind("production", "Service").values()
            if selects(monitor["spec"]["selector"]["matchLabels"], service["metadata"].get("labels", {}))
        ]
        assert len(watched) == 1, name
        if name in SERVICES:
            assert watched[0]["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "mailwarden"
        for endpoint in monitor["spec"]["endpoints"]:
            assert endpoint.keys() == {"port", "path", "interval", "scrapeTimeout"}
            assert endpoint["port"] in {port["name"] for port in watched[0]["spec"]["ports"]}
    assert set(SERVICES) <= of_kind("production", "ServiceMonitor").keys()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_image_command_and_ports_are_those_of_dockerfile_compose_and_settings(
    overlay: str, service: str
) -> None:
    (container,) = pods(overlay)[service]["spec"]["containers"]
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    known = settings(overlay, service)
    listens = {"metrics": known.metrics.listen}
    if service == "receiver":
        (listens["smtp"],) = known.network.listen_on
    if service == "api":
        listens["api"] = known.api.listen

    assert container["image"] == f"mailwarden-{service}:{version}"
    assert container["command"] == json.loads(target(service).partition("CMD ")[2])
    assert container["command"] == COMPOSE["services"][service]["command"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {name: listen.port for name, listen in listens.items() if listen}
    assert {listen.host for listen in listens.values() if listen} == {"0.0.0.0"}
    exposed = set(map(int, re.findall(r"^EXPOSE (\d+)", target(service), re.MULTILINE)))
    assert exposed <= set(ports.values())
    for published in COMPOSE["services"][service].get("ports", []):
        assert int(published.rpartition(":")[2]) in ports.values()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_written_lies_on_volumes_and_the_account_is_that_of_the_image(
    overlay: str, service: str
) -> None:
    pod = pods(overlay)[service]
    mounts = {
        mount["mountPath"]
        for mount in pod["spec"]["containers"][0]["volumeMounts"]
        if not mount.get("readOnly")
    }
    user, group = re.findall(r"^USER (\d+):(\d+)$", target("gateway"), re.MULTILINE)[0]

    assert mounts == set(json.loads(re.findall(r"^VOLUME (.*)$", target("gateway"), re.MULTILINE)[0]))
    assert pod["spec"]["securityContext"]["runAsUser"] == int(user)
    assert pod["spec"]["securityContext"]["runAsGroup"] == int(group)


def peer_policies(overlay: str, kind: str) -> Iterator[tuple[Mapping[str, str], list[Any]]]:
    for policy in of_kind(overlay, "NetworkPolicy").values():
        if kind.capitalize() in policy["spec"]["policyTypes"]:
            yield policy["spec"]["podSelector"].get("matchLabels", {}), policy["spec"].get(kind, [])


def is_let(overlay: str, kind: str, who: Resource, other: Resource, port: int) -> bool:
    """Whether the policies let a pod speak with the other one, or be spoken to by it, on a port."""
    side = {"egress": "to", "ingress": "from"}[kind]
    for selector, rules in peer_policies(overlay, kind):
        if not selects(selector, who["metadata"]["labels"]):
            continue
        for rule in rules:
            ports = {one["port"] for one in rule.get("ports", [])}
            peers = [
                peer["podSelector"]["matchLabels"] for peer in rule.get(side, []) if "podSelector" in peer
            ]
            if (not ports or port in ports) and (
                side not in rule or any(selects(peer, other["metadata"]["labels"]) for peer in peers)
            ):
                return True
    return False


def conversations(overlay: str) -> Iterator[tuple[str, str, int]]:
    """Which pod has to reach which Service, on which port, by what they are told."""
    for service in SERVICES:
        known = settings(overlay, service)
        for url in (known.bus.url, known.records.url):
            place = urlsplit(url)
            assert place.hostname
            yield service, place.hostname, place.port or 0
    if overlay == "trial":
        yield "sender", "mailbox", 2526
    else:
        clamd = settings(overlay, "scanner").engines.clamd_address
        yield "scanner", *clamd  # type: ignore[misc]
        yield "clamd", "clamd-mirror", 8080
        yield "rabbitmq", "rabbitmq-nodes", 25672
        yield "rabbitmq", "rabbitmq-nodes", 4369


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whoever_has_to_speak_with_another_may_and_nobody_else(overlay: str) -> None:
    by_name = pods(overlay)
    for one, service_name, port in conversations(overlay):
        service = of_kind(overlay, "Service")[service_name]["spec"]
        (port_name,) = (entry["targetPort"] for entry in service["ports"] if entry["port"] == port)
        other = next(
            pod for pod in by_name.values() if selects(service["selector"], pod["metadata"]["labels"])
        )
        behind = {
            entry["name"]: entry["containerPort"]
            for container in containers_of(other)
            for entry in container.get("ports", [])
        }[port_name]
        assert is_let(overlay, "egress", by_name[one], other, behind), (one, service_name)
        assert is_let(overlay, "ingress", other, by_name[one], behind), (one, service_name)
    postgres = by_name["postgres"]
    assert not is_let(overlay, "ingress", postgres, by_name["rabbitmq"], 5432)
    assert not is_let(overlay, "egress", postgres, by_name["rabbitmq"], 5672)
    assert not is_let(overlay, "ingress", by_name["api"], by_name["receiver"], 8025)
    assert any(selector == {} and not rules for selector, rules in peer_policies(overlay, "ingress"))


def test_production_has_bodies_in_a_bucket_and_a_cluster_of_three_brokers() -> None:
    broker = of_kind("production", "StatefulSet")["rabbitmq"]["spec"]

    assert settings("production", "receiver").blobs.url.startswith("s3://")
    assert broker["replicas"] == 3
    assert (
        "requiredDuringSchedulingIgnoredDuringExecution"
        in broker["template"]["spec"]["affinity"]["podAntiAffinity"]
    )


def test_a_trial_shares_its_bodies_on_one_volume() -> None:
    for service in SERVICES:
        volumes = {one["name"]: one for one in pods("trial")[service]["spec"]["volumes"]}
        assert volumes["spool"] == {"name": "spool", "persistentVolumeClaim": {"claimName": "spool"}}


def test_clamd_has_the_limits_of_the_configuration_that_is_shipped() -> None:
    def limits(text: str) -> dict[str, str]:
        lines = (line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return {
            name: value
            for name, value in lines
            if not name.startswith(("Local", "Log", "TCP", "User", "Fix"))
        }

    shipped = limits((PROJECT / "deploy" / "config" / "clamd.conf").read_text())
    here = limits(content("production", "ConfigMap", "clamd")["clamd.conf"])
    assert {name: here[name] for name in shipped} == shipped


def test_the_key_of_a_trial_is_the_one_that_ships() -> None:
    assert content("trial", "Secret", "licence")["evaluation.key"] == BROUGHT["licence.key"]


def test_the_updater_writes_where_the_services_read_and_does_not_fail_for_something_new() -> None:
    for overlay in OVERLAYS:
        (container,) = pods(overlay)["update"]["spec"]["containers"]
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert not mounts[str(settings(overlay, "api").path.bases_path)].get("readOnly")
        assert container["command"][-1].endswith("; test $? -le 1")
        assert container["image"] == pods(overlay)["api"]["spec"]["containers"][0]["image"]


def test_the_scaler_asks_for_a_metric_that_the_adapter_offers() -> None:
    rules = yaml.safe_load((K8S / "production" / "adapter.yaml").read_text())["rules"]["external"]
    for scaler in of_kind("production", "HorizontalPodAutoscaler").values():
        for metric in scaler["spec"]["metrics"]:
            if metric["type"] == "External":
                assert any(
                    rule["seriesQuery"].startswith(metric["external"]["metric"]["name"]) for rule in rules
                )


def test_the_operator_has_the_alerts_that_are_tried_by_promtool() -> None:
    tried = yaml.safe_load((PROJECT / "deploy" / "prometheus" / "alerts.yml").read_text())

    assert of_kind("production", "PrometheusRule")["mailwarden"]["spec"] == tried


def test_monitors_and_policies_have_the_port_that_services_have_by_default() -> None:
    for overlay in OVERLAYS:
        for service in SERVICES:
            (container,) = pods(overlay)[service]["spec"]["containers"]
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            assert ports["metrics"] == METRICS_PORT
        (rule,) = of_kind(overlay, "NetworkPolicy")["metrics"]["spec"]["ingress"]
        assert [one["port"] for one in rule["ports"]] == [METRICS_PORT]


def test_the_adapter_and_the_scalers_speak_of_a_metric_that_there_is() -> None:
    rules = yaml.safe_load((K8S / "production" / "adapter.yaml").read_text())["rules"]["external"]

    assert [rule["seriesQuery"].partition("{")[0] for rule in rules] == [WAITING.name]
