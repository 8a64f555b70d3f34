"""What is given to Prometheus and Grafana: it is valid, and speaks of metrics and places that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config.sections.gateway import METRICS_PORT
from gateway.metrics.catalogue import families
from gateway.metrics.family import Kind
from gateway.runtime.shapes import MODULES
from tests.support.prometheus import promtool

DEPLOY = Path(__file__).parents[3] / "deploy"
CONFIGS = sorted(path for path in (DEPLOY / "prometheus").glob("*.yml") if path.name != "alerts.yml")
DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())

METRIC = re.compile(r"\b(?:mailwarden|process)_\w+")
LABELS = re.compile(r"(\b(?:mailwarden|process)_\w+)\{([^}]*)\}")


def names() -> set[str]:
    """All names that a scrape can have."""
    found = set()
    for family in families():
        ends = ("_bucket", "_sum", "_count") if family.kind is Kind.HISTOGRAM else ("",)
        found |= {f"{family.name}{end}" for end in ends}
    return found


def labels_of(metric: str) -> set[str]:
    family = next(f for f in families() if metric == f.name or metric.rpartition("_")[0] == f.name)
    return {*family.labels, "le", "job", "instance"}


def expressions() -> Iterator[tuple[str, str]]:
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            yield f"alert {rule['alert']}", rule["expr"]
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.name}: {panel['title']}", target["expr"]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_prometheus_takes_the_configuration_with_the_alerts(config: Path) -> None:
    answer = promtool("check", "config", config)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "rules found" in answer.stdout


def test_every_metric_that_is_asked_for_exists_with_its_labels() -> None:
    known = names()
    for place, expression in expressions():
        assert METRIC.search(expression) or "up{" in expression, place
        assert set(METRIC.findall(expression)) <= known, place
        for metric, given in LABELS.findall(expression):
            assert set(re.findall(r"(\w+)(?:=~|!~|!=|=)", given)) <= labels_of(metric), place


def test_every_metric_is_in_some_graph() -> None:
    asked = {metric for _, expression in expressions() for metric in METRIC.findall(expression)}
    shown = {
        family.name for family in families() if {f"{family.name}{end}" for end in ("", "_bucket")} & asked
    }

    assert shown == {family.name for family in families()}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_every_panel_has_a_title_a_unit_and_a_place_of_its_own(path: Path) -> None:
    dashboard: dict[str, Any] = json.loads(path.read_text())
    taken: set[tuple[int, int]] = set()

    assert dashboard["uid"] == f"mailwarden-{path.stem}"
    assert dashboard["title"].startswith("Mailwarden: ")
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"]
        assert panel["datasource"]["uid"] == "${datasource}"
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.name)
def test_prometheus_understands_every_question_of_a_dashboard(path: Path, tmp_path: Path) -> None:
    asked = [
        target["expr"].replace("$__rate_interval", "5m")
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    ]
    rules = [{"record": f"a{number}", "expr": expression} for number, expression in enumerate(asked)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))

    answer = promtool("check", "rules", tmp_path / "rules.yml")

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_the_targets_are_where_the_processes_have_their_pages() -> None:
    def targets(name: str) -> list[tuple[list[str], str]]:
        [job] = yaml.safe_load((DEPLOY / "prometheus" / name).read_text())["scrape_configs"]
        return [
            (each["targets"], each.get("labels", {}).get("service", "")) for each in job["static_configs"]
        ]

    assert targets("one-machine.yml") == [([f"127.0.0.1:{METRICS_PORT}"], "")]
    assert targets("pipeline.yml") == [
        ([f"127.0.0.1:{METRICS_PORT + number}"], module) for number, module in enumerate(MODULES)
    ]


def test_in_containers_each_service_has_the_port_that_prometheus_asks() -> None:
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())
    [job] = yaml.safe_load((DEPLOY / "prometheus" / "compose.yml").read_text())["scrape_configs"]
    [discovery] = job["dns_sd_configs"]

    assert discovery["names"] == list(MODULES)
    assert discovery["port"] == METRICS_PORT
    for module in MODULES:
        environment = compose["services"][module]["environment"]
        assert environment["SMTPGW_GATEWAY_METRICS_LISTEN"] == f"0.0.0.0:{METRICS_PORT}"


def test_grafana_in_containers_finds_prometheus_and_the_dashboards() -> None:
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())
    provisioning = DEPLOY / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((provisioning / "dashboards" / "mailwarden.yml").read_text())["providers"]
    mounted = dict(volume.split(":")[:2] for volume in compose["services"]["grafana"]["volumes"])

    assert source["url"] == "http://prometheus:9090"
    assert mounted["./deploy/grafana"] == provider["options"]["path"]
    assert compose["services"]["prometheus"]["profiles"] == compose["services"]["grafana"]["profiles"]
