"""Prometheus beside a gateway of real processes: it sees the mail that goes through, in both shapes."""

from __future__ import annotations

import asyncio
import smtplib
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.metrics.catalogue import families
from gateway.runtime.shapes import MODULES
from tests.support.gateway import GatewayProcess, Site, make_site, running
from tests.support.ports import free_ports
from tests.support.postgres import postgres_database
from tests.support.prometheus import Prometheus, private_prometheus, promtool
from tests.support.rabbitmq import broker, forget
from tests.support.samples import plain, virus_test_file, with_attachment
from tests.support.smtp_sink import Sink

ALERTS = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"
WITHIN = 120.0


@dataclass(frozen=True)
class Watched:
    """A gateway, and the Prometheus that scrapes all its processes."""

    site: Site
    gateway: GatewayProcess
    prometheus: Prometheus
    targets: tuple[str, ...]


def a_row_of_ports(count: int) -> int:
    """The first of so many free ports, one behind the other."""
    while True:
        ports = free_ports(count)
        if ports[-1] - ports[0] == count - 1:
            return ports[0]


@pytest.fixture(scope="module", params=["embedded", "pipeline"])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder, namespace = tmp_path_factory.mktemp("site"), f"metrics-{uuid4().hex}"
    count = len(MODULES) if request.param == "pipeline" else 1
    first = a_row_of_ports(count)
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        worlds = {}
        if request.param == "pipeline":
            bus_url = stack.enter_context(broker())
            stack.callback(lambda: asyncio.run(forget(bus_url, namespace)))
            worlds = {"bus_url": bus_url, "records_url": stack.enter_context(postgres_database())}
        site = make_site(
            folder,
            next_hop_port=sink.port,
            namespace=namespace,
            settings={"gateway.metrics Listen": f"127.0.0.1:{first}"},
            **worlds,
        )
        gateway = stack.enter_context(running(site))
        targets = tuple(f"127.0.0.1:{first + number}" for number in range(count))
        prometheus = stack.enter_context(private_prometheus(folder, *targets, rules=ALERTS))
        yield Watched(site, gateway, prometheus, targets)


def becomes(ask: Callable[[], object], wanted: object) -> None:
    """Return when the answer is that; fail with the last one when it never is."""
    deadline = time.monotonic() + WITHIN
    while (answer := ask()) != wanted:
        assert time.monotonic() < deadline, f"{answer!r} instead of {wanted!r}"
        time.sleep(0.1)


def test_every_process_answers_a_scrape(watched: Watched) -> None:
    becomes(lambda: watched.prometheus.number('sum(up{job="mailwarden"})'), float(len(watched.targets)))
    becomes(lambda: watched.prometheus.number("min(mailwarden_ready)"), 1.0)

    services = {found["metric"]["service"] for found in watched.prometheus.query("mailwarden_build_info")}
    assert services == set(MODULES)


def test_the_counters_move_with_the_mail_that_goes_through(watched: Watched) -> None:
    ask = watched.prometheus.number
    becomes(lambda: ask("sum(mailwarden_received_messages_total)"), 0.0)

    with smtplib.SMTP("127.0.0.1", watched.site.smtp_port, timeout=60) as client:
        for number in range(5):
            client.sendmail("a@sender.example", [f"r{number}@own.example"], plain("good morning"))
        client.sendmail("a@sender.example", ["bad@own.example"], with_attachment("x", virus_test_file()))

    for expression, wanted in {
        "sum(mailwarden_received_messages_total)": 6,
        'sum(mailwarden_stage_mails_total{stage="antispam",result="onward"})': 6,
        'sum(mailwarden_stage_mails_total{stage="scanner",result="onward"})': 6,
        'sum(mailwarden_stage_mails_total{stage="sender",result="delivered"})': 6,
        "sum(mailwarden_sent_recipients_total)": 6,
        'sum(mailwarden_scanned_objects_total{status="infected"})': 1,
        'sum(mailwarden_stage_seconds_count{stage="sender"})': 6,
        'sum(mailwarden_stage_seconds_count{stage="receiver"})': 6,
        "sum(max by (state) (mailwarden_queue_mails))": 0,
    }.items():
        becomes(partial(ask, expression), float(wanted))


def test_the_graph_rises_as_messages_come(watched: Watched) -> None:
    expression = "sum(mailwarden_received_messages_total)"
    before = watched.prometheus.number(expression)
    assert before is not None

    with smtplib.SMTP("127.0.0.1", watched.site.smtp_port, timeout=60) as client:
        client.sendmail("a@sender.example", ["graph@own.example"], plain("good morning"))

    becomes(lambda: watched.prometheus.number(expression), before + 1)
    drawn = watched.prometheus.graph(expression, 600)
    assert drawn == sorted(drawn)
    assert {before, before + 1} <= set(drawn)


def test_the_numbers_are_as_the_conventions_have_them(watched: Watched) -> None:
    for target in watched.targets:
        with urllib.request.urlopen(f"http://{target}/metrics", timeout=60) as answer:
            answer = promtool("check", "metrics", stdin=answer.read().decode())
        assert (answer.returncode, answer.stderr) == (0, "")


def test_every_metric_of_the_catalogue_is_told_by_somebody(watched: Watched) -> None:
    unless_they_happen = {  # these have no sample before that
        "mailwarden_dns_seconds",
        "mailwarden_engine_seconds",
        "mailwarden_bases_made_timestamp_seconds",
        "mailwarden_bases_records",
    }
    told = {
        found["metric"]["__name__"]
        for found in watched.prometheus.query('{__name__=~"mailwarden_.*|process_.*"}')
    }
    wanted = {family.name for family in families()} - unless_they_happen

    assert {name for name in wanted if name not in told and f"{name}_count" not in told} == set()


def test_it_has_taken_the_alerts_and_none_of_a_healthy_gateway_is_critical(watched: Watched) -> None:
    assert "MailParked" in watched.prometheus.alerts()
    assert watched.prometheus.query('ALERTS{alertstate="firing",severity="critical"}') == []


def test_a_gateway_that_has_stopped_is_down(watched: Watched) -> None:
    watched.gateway.stop()

    becomes(lambda: watched.prometheus.number('sum(up{job="mailwarden"})'), 0.0)
